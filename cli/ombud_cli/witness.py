# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud witness`: cosign the checkpoints of other logs, so that none of them can show two faces."""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import unusable, unusable_on
from ombud_cli.listening import Listen, Plaintext, listening_address, serve_until_stopped
from ombud_ledger import KeyUnusable, LedgerError, keys, transparency

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Be a witness: cosign what other logs publish, as long as each only ever grows.",
)


@app.callback()
def witness() -> None:
    """Be a witness: cosign what other logs publish, as long as each only ever grows."""


@app.command(
    "serve",
    epilog="Example: `ombud witness serve --state var/witness --key witness.key --log …`, "
    "with the vkey of each log that it is to know",
)
def serve_command(
    *,
    state: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Where it remembers what it cosigned. Never put an older copy back."
        ),
    ],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Its key file, as `ombud key init --witness` makes it.")
    ],
    log: Annotated[
        list[str],
        typer.Option(
            metavar="VKEY",
            help="The public key of a log that it knows. Repeatable; of one log, too, to rotate.",
        ),
    ],
    listen: Listen = "127.0.0.1:8091",
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="File with the passphrase of its key.")
    ] = None,
    plaintext: Plaintext = False,
) -> None:
    """Answer logs that ask for a cosignature (C2SP tlog-witness), and everybody who asks for the newest.

    POST /add-checkpoint; GET /SHA256-OF-ORIGIN/checkpoint. A log that forks, or goes back, gets none: what it
    signed is logged. Run it where the log's operator cannot reach it.
    """
    address = listening_address(listen, plaintext=plaintext)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")

    def passphrase() -> bytes:
        if passphrase_file is None:
            raise KeyUnusable(f"{key}: is encrypted, or wants a PIN; give --passphrase-file")
        return keys.read_passphrase(passphrase_file)

    with unusable_on(LedgerError):
        signers = keys.read_key_file(key).open(passphrase)
        logs = [transparency.parse_vkey(each) for each in log]
    try:
        with unusable_on(LedgerError):
            memory = transparency.WitnessMemory(state)
    except (OSError, sqlite3.Error) as error:
        raise unusable(f"--state: {state}: {error}") from error
    with closing(memory):
        with unusable_on(LedgerError):
            cosigner = transparency.Witness(memory, signers, logs, lambda: int(time.time()))
        names = ", ".join(cosigner.origins)
        what = f"witness {signers[0].key.name} of {names}"
        serve_until_stopped(lambda: transparency.WitnessServer(cosigner, address), listen, what)
