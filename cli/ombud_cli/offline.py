# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Logs opened for writing by a command, with no gateway running: their locks are taken."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ombud_cli.failure import unusable, unusable_on
from ombud_cli.remote_options import configured_ledger
from ombud_ledger import Ledger, LedgerError, Options, keys, origins

if TYPE_CHECKING:
    from ombud_ledger import remote

SigningKey = Annotated[
    Path | None,
    typer.Option(
        "--signing-key",
        metavar="FILE",
        help="The key file of a signed log; else that of ./ombud.toml, if the ledger is its.",
    ),
]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="File with the passphrase; else it is asked for.")
]
By = Annotated[str, typer.Option(metavar="TEXT", help="Who does it, as recorded; else the system's user.")]


@contextmanager
def offline(
    path: Path | remote.Thinned, log: str | None = None, signers: Sequence[keys.Signer] = ()
) -> Iterator[list[Ledger]]:
    """Open every log of a ledger, or the one named, and close them in the end; raise `Failure`.

    Each log gets those of the keys that are for it.
    """
    with ExitStack() as stack:
        logs = []
        for name, origin in chosen_logs(path, log).items():
            with unusable_on(LedgerError, OSError):
                ledger = Ledger.open(
                    path,
                    log=name,
                    origin=origin,
                    options=Options(seal_automatically=False, publish_automatically=False),
                    signers=[each for each in signers if each.key.name == origin],
                )
            stack.callback(ledger.close)
            if ledger.why:
                raise unusable(f"log {name} is read-only: {ledger.why}")
            logs.append(ledger)
        yield logs


def chosen_logs(path: Path | remote.Thinned, log: str | None = None) -> dict[str, str]:
    """Return the logs of a ledger, or the one named, with their origins; raise `Failure`."""
    with unusable_on(LedgerError, OSError):
        found = origins(path)
    if log is not None and log not in found:
        raise unusable(f"--log: is {log!r}, must be one of those in {path}: {', '.join(found) or 'none'}")
    if not found:
        raise unusable(f"PATH: {path} holds no log")
    return {name: origin for name, origin in found.items() if log in (None, name)}


def signing(path: Path, key: Path | None, passphrase_file: Path | None) -> Sequence[keys.Signer]:
    """Return the keys that sign the ledger's logs: those given, else those of the configuration here."""
    if key is None:
        return _configured(path)
    with unusable_on(LedgerError, OSError):
        return keys.read_key_file(key).open(lambda: _passphrase(passphrase_file))


def who(by: str) -> str:
    """Return who is recorded to have done it: what was said, else the system's user."""
    if len(by.encode()) > 256:
        raise unusable("--by: must be at most 256 bytes")
    return by or f"os:{getpass.getuser()}"


def at_gateway(
    *,
    log: str | None = None,
    signing_key: Path | None = None,
    passphrase_file: Path | None = None,
    by: str = "",
) -> None:
    """Demand that nothing was said that only an offline command heeds; raise `Failure`."""
    said = {"--log": log, "--signing-key": signing_key, "--passphrase-file": passphrase_file, "--by": by}
    for option, value in said.items():
        if value:
            why = "the gateway has its log and key, and records who asks"
            raise unusable(f"{option}: goes with PATH alone: {why}")


def _configured(path: Path) -> Sequence[keys.Signer]:
    section = configured_ledger(path)
    if section is None:
        return ()
    from ombud_cli.wiring import signing_keys

    with unusable_on(LedgerError, OSError):
        return signing_keys(section)


def _passphrase(file: Path | None) -> bytes:
    if file is not None:
        return keys.read_passphrase(file)
    return str(typer.prompt("Passphrase", hide_input=True, err=True)).encode()
