# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud report verify`: every figure of a report, computed again from the ledger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import Exit, no, unusable
from ombud_cli.output import Format, print_json, print_rows, printable
from ombud_cli.progress import steps
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_cli.report_kind import given_file
from ombud_ledger import LedgerError, NotProven
from ombud_reports import OptionInvalid, ReportUnreadable, Verified, read_report, verify_report


@reaches_storage
def verify_command(
    storage: Storage,
    file: Annotated[Path, typer.Argument(help="The report: its page, or its JSON.")],
    path: Annotated[str, typer.Argument(help="The ledger's folder, or s3://BUCKET/PREFIX.")],
    *,
    given: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="NAME=FILE", help="A file that the report was given, by its option."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute every figure of a report again, as of the basis it names, and list what differs.

    Counts and texts must be equal; other numbers to one part in 10^12. The ledger may have grown since. Facts
    that were erased since are told of: figures that rest on them differ rightly.
    """
    try:
        stored = read_report(file.read_bytes())
        files = {}
        for each in given or ():
            name, equals, where = each.partition("=")
            if not equals:
                raise unusable(f"--file: is {each[:80]!r}, must be NAME=FILE")
            option = name.replace("-", "_")
            files[option] = given_file(option, Path(where))
        with steps() as progress:
            verified = verify_report(stored, storage.place(path), files=files, progress=progress)
    except OSError as error:
        raise unusable(f"FILE: {file}: {error.strerror}") from error
    except ReportUnreadable as error:
        raise unusable(f"FILE: {file}: {error}") from error
    except OptionInvalid as error:
        raise unusable(f"FILE: {file}: {error}") from error
    except NotProven as error:
        raise no(f"the ledger does not extend what the report rests on: {error}") from error
    except LedgerError as error:
        raise unusable(str(error)) from error
    _print(verified, as_json=as_json)
    raise typer.Exit(Exit.OK if verified.same else Exit.NO)


def _print(verified: Verified, *, as_json: bool) -> None:
    entries = [f"{each.log}, entry {each.seq}" for each in verified.entries]
    rows = [(each.name, each.recorded, each.recomputed) for each in verified.differences]
    if as_json:
        print_json(
            {
                "same": verified.same,
                "figures": verified.figures,
                "digest": verified.stored.digest,
                "entries": entries,
                "differences": [
                    {"name": name, "recorded": recorded, "recomputed": recomputed}
                    for name, recorded, recomputed in rows
                ],
                "notes": verified.notes,
            }
        )
        return
    if rows:
        print_rows(("figure", "in the report", "from the ledger"), rows, Format.TABLE)
    count = f"{verified.figures} figures computed again"
    print(f"{count}: {f'{len(rows)} differences' if rows else 'all as in the report'}")
    for each in verified.entries:
        by = f" by {each.by}" if each.by else ""
        print(printable(f"recorded: log {each.log}, entry {each.seq}, {each.ts:%Y-%m-%d %H:%M:%S} UTC{by}"))
    for note in verified.notes:
        print(f"note: {printable(note)}", file=sys.stderr)


EPILOG = (
    "Example: `ombud report verify reports/operations-credit.html var/ledger` "
    "**Exit codes**: 0 the same; 1 something differs, or no entry tells of the report; 2 it cannot be read."
)
