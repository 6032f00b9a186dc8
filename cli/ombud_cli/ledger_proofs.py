# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger checkpoint`, `prove`, `verify-receipt` and `serve`: what a signed log shows to others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ombud_cli.bounded import read_bounded
from ombud_cli.failure import no, unusable, unusable_on
from ombud_cli.ledger_place import asking, ledger_path, pruned_lines
from ombud_cli.listening import Listen, Plaintext, listening_address, serve_until_stopped
from ombud_cli.output import print_fields, print_json, printable
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_ledger import KeyUnusable, LedgerError, LedgerUnreadable, NotProven, transparency

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ENTRIES = """
SELECT log, seq, kind FROM entries
WHERE id = ? AND kind IN ('decision', 'intent', 'outcome') AND (log = ? OR ? IS NULL) ORDER BY log, seq
"""


def checkpoint_command(
    path: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    log: Annotated[str | None, typer.Option(help="Which log, where there are several.")] = None,
) -> None:
    """Print the newest published checkpoint, a C2SP signed note. Keep it where nobody can change it."""
    with unusable_on(LedgerError, ValueError):
        signed = transparency.published(path, log).checkpoint()
    print(signed.note.to_bytes().decode(), end="")


@reaches_storage
def prove_command(
    storage: Storage,
    decision: Annotated[
        str, typer.Argument(metavar="ID", help="The decision's id, as its caller was told it.")
    ],
    path: Annotated[Path | None, typer.Argument(envvar="OMBUD_LEDGER", help="The ledger's folder.")] = None,
    *,
    log: Annotated[str | None, typer.Option(help="Only this log.")] = None,
    folder: Annotated[Path, typer.Option("--dir", help="Where to write.")] = Path(),
) -> None:
    """Write the receipts of a decision: C2SP `.tlog-proof` files that prove, offline, that it is in the log.

    One file per entry: ID.tlog-proof; of a call in two parts, ID.intent.tlog-proof and ID.outcome.tlog-proof.
    """
    place = storage.beside(ledger_path(path))
    with asking(place) as ledger:
        entries = ledger.dicts(_ENTRIES, [decision, log, log])
        pruned = "".join(f"; {line}" for line in pruned_lines(ledger.pruned))
    if not entries:
        raise no(f"ID: no decision {decision[:80]!r} in {place}{pruned}")
    for entry in entries:
        try:
            with unusable_on(LedgerUnreadable, OSError):
                receipt = transparency.published(place, entry["log"]).receipt(entry["seq"])
                file = folder / _file_name(decision, entry)
                file.write_bytes(receipt.to_bytes())
        except transparency.NotCovered as error:
            raise no(f"{error}; the next one follows within a second, of a gateway that runs") from error
        print(file)


def verify_receipt_command(
    file: Annotated[Path, typer.Argument(help="The receipt, a `.tlog-proof` file.")],
    *,
    vkey: Annotated[
        list[str],
        typer.Option(
            "--vkey", metavar="VKEY", help="The log's public key, from elsewhere than the log. Repeatable."
        ),
    ],
    witness: Annotated[
        list[str] | None,
        typer.Option(
            "--witness",
            metavar="VKEY",
            help="A witness's public key, whose cosignature is demanded. Repeatable.",
        ),
    ] = None,
    quorum: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many of the witnesses; else all of them.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The record's bytes, in place of those in the receipt."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify a receipt offline, with nothing but public keys; print what it proves.

    The log's key shows that its operator said so; witnesses', that everybody was told the same.
    """
    if quorum is not None and quorum > len(witness or ()):
        raise unusable(
            f"--quorum: is {quorum}, must be at most the number of --witness, {len(witness or ())}"
        )
    with unusable_on(LedgerUnreadable, KeyUnusable):
        receipt = transparency.parse_receipt(read_bounded(file, "FILE"))
        kind = transparency.COSIGNATURE
        witnesses = {transparency.parse_vkey(each, kind=kind) for each in witness or ()}
        given = None if record is None else read_bounded(record, "--record")
        try:
            signed = receipt.verify([transparency.parse_vkey(each) for each in vkey], given)
            cosigned = transparency.demand_quorum(signed.note, witnesses, quorum or len(witnesses))
        except NotProven as error:
            raise no(f"{file}: does not hold: {error}") from error
    proved = receipt.extra if given is None else given
    proven: dict[str, Any] = {
        "origin": signed.checkpoint.origin,
        "entry": receipt.index,
        "size": signed.checkpoint.size,
        "root": signed.checkpoint.root.hex(),
        "cosigned": {
            key.name: _time(at) for key, at in sorted(cosigned.items(), key=lambda each: each[0].name)
        },
        "record": (proved or b"").decode(errors="backslashreplace"),
    }
    if as_json:
        print_json({"holds": True, **proven})
        return
    times = [f"{name} at {at}" for name, at in proven["cosigned"].items()]
    print_fields(proven | {"cosigned": ", ".join(times) or None})
    by = f"the key signed and {len(times)} of the witnesses cosigned" if times else "the key signed"
    print(f"it holds: this record is this entry of the log, under a checkpoint that {by}")


@reaches_storage
def serve_command(
    storage: Storage,
    path: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    *,
    listen: Listen = "127.0.0.1:8090",
    log: Annotated[str | None, typer.Option(help="Only this log.")] = None,
    plaintext: Plaintext = False,
) -> None:
    """Serve checkpoints, tiles and entry bundles over HTTP, read-only, for auditors' tools and mirrors.

    C2SP tlog-tiles, at /LOG/checkpoint and /LOG/tile/…; records are among what is served.
    """
    address = listening_address(listen, plaintext=plaintext)
    if not (path / "logs").is_dir():
        raise unusable(f"PATH: {path} holds no ledger")
    place = storage.beside(path)
    serve_until_stopped(lambda: transparency.TileServer(place, address, log), listen, f"serving {path}")


def _time(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):  # what a witness says is no time
        return f"{seconds} s"


def _file_name(decision: str, entry: dict[str, Any]) -> str:
    name = decision if _SAFE.fullmatch(decision) else f"{entry['log']}-{entry['seq']}"
    kind = "" if entry["kind"] == "decision" else f".{entry['kind']}"
    return printable(f"{name}{kind}.tlog-proof")
