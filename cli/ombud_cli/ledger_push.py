# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger push`: bring a copy on other storage up to date, offline."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import no, unusable, unusable_on
from ombud_cli.output import Format, print_rows
from ombud_cli.progress import progress
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_ledger import LedgerBroken, LedgerError, remote

_COLUMNS = ("log", "entries", "covered", "files", "bytes", "removed", "restored", "absent", "thinned")


@reaches_storage
def push_command(
    storage: Storage,
    path: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where to: s3://BUCKET/PREFIX, or file:///FOLDER of a mounted disk."
        ),
    ],
    log: Annotated[str | None, typer.Option(help="Only this log.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="First read again, and hash, all that was ever sent.")
    ] = False,
    keep_local: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Then let go, here, of sealed files whose newest entry is older, as 30d or 12h, and whose"
            " copy was read back once more. The newest segment stays.",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """Send sealed files, objects, tail, tiles and checkpoints; each is read back and hashed.

    Takes each log's lock: a gateway that runs does this itself, by `[ledger.remote]`. What is there already
    is not sent again; what is there with other bytes is never overwritten. What the folder let go is
    looked for at `--to`, without `--remote`.
    """
    address = storage.address(to, "--to")
    try:
        keep = None if keep_local is None else remote.parse_keep_local(keep_local)
    except ValueError as error:
        raise unusable(f"--keep-local: {error}") from error
    with progress() as tell, unusable_on(LedgerError, OSError):
        try:
            pushed = list(remote.push(path, address, log=log, whole=check, keep_local=keep, progress=tell))
        except LedgerBroken as error:
            raise no(str(error)) from error
    rows = [asdict(each) for each in pushed]
    if output is Format.JSON:
        print_rows(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows], output)
        return
    for row in rows:
        row |= {"restored": len(row["restored"]), "absent": len(row["absent"])}
    shown = _COLUMNS if keep is not None or output is Format.CSV else _COLUMNS[:-1]
    print_rows(shown, [[row[name] for name in shown] for row in rows], output)


EPILOG = (
    "Example: `ombud ledger push var/ledger --to s3://audit/prod --credentials-file s3.ini` **Exit codes**: "
    "0 all is there; 1 what is there contradicts the ledger; 2 cannot be reached, or bad input."
)
