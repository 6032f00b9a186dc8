# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger sample`: an auditor's sample that anybody can draw again."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from ombud_cli.failure import unusable
from ombud_cli.ledger_place import AsOf, asking, read_checkpoints
from ombud_cli.output import Format, print_fields, print_json, print_rows
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_cli.times import Begin, End, parse_time
from ombud_ledger import sample

_COLUMNS = ("log", "seq", "id", "ts", "verdict", "leaf")


@reaches_storage
def sample_command(
    storage: Storage,
    path: Annotated[str, typer.Argument(help="The ledger's folder, or s3://BUCKET/PREFIX.")],
    *,
    seed: Annotated[
        str, typer.Option(help="Any text; best one that nobody could choose, as that day's lottery numbers.")
    ],
    count: Annotated[int, typer.Option("-n", min=1, max=1_000_000, help="How many entries.")] = 25,
    kind: Annotated[str, typer.Option(help="The kind of entry.")] = "decision",
    system: Annotated[str | None, typer.Option(help="Only this system.")] = None,
    begin: Begin = "",
    end: End = "",
    as_of: AsOf = None,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """Draw a sample of entries: the same seed, ledger and window give the same entries everywhere.

    Draw with --as-of where the ledger grows on, so that another can draw from the same entries.
    """
    if kind not in sample.KINDS:
        raise unusable(f"--kind: is {kind[:80]!r}, must be one of {', '.join(sorted(sample.KINDS))}")
    window = parse_time(begin, "--from"), parse_time(end, "--to")
    with asking(storage.place(path), as_of=read_checkpoints(as_of)) as ledger:
        extent, pruned = ledger.extent(), ledger.pruned
        found, method, sql = ledger.draw(
            count, seed=seed, kind=kind, system=system, begin=window[0], end=window[1]
        )
    drawn = [asdict(each) for each in found.drawn]
    if output is Format.JSON:
        described = {**asdict(found), "from": window[0], "to": window[1], "drawn": drawn}
        described["heads"] = [{"log": log, "size": size, "chain": chain} for log, size, chain in found.heads]
        del described["begin"], described["end"]
        print_json({**described, "pruned": pruned, "n": count, "method": method, "sql": sql.strip()})
        return
    for line in extent:
        print(line, file=sys.stderr)
    print_rows(_COLUMNS, [tuple(each.values()) for each in drawn], output)
    if output is Format.TABLE:
        print_fields(
            {
                "population": f"{found.population} entries of kind {kind}; {len(drawn)} drawn",
                "seed": seed,
                "drawn from": [f"{log} {size}:{chain}" for log, size, chain in found.heads],
                "method": method,
            }
        )


EPILOG = (
    "Example: `ombud ledger sample var/ledger -n 25 --seed 'audit 7: 3 14 15 92' --system credit"
    " --from 2026-01-01 --to 2026-04-01`"
)
