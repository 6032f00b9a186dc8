# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud query`: ask the ledger in SQL, read-only."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import unusable
from ombud_cli.ledger_place import AsOf, asking, read_checkpoints
from ombud_cli.output import Format, print_rows
from ombud_cli.parquet_out import write_parquet
from ombud_cli.remote_options import Storage, reaches_storage

_SIZE = re.compile(r"[1-9][0-9]{0,5}[MG]B")
_SCHEMA = ("view", "column", "type", "description")


class QueryFormat(StrEnum):
    """How an answer is given."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "-p", "--parameter", metavar="NAME=VALUE", help="Text that $NAME in the SQL stands for. Repeatable."
    ),
]
Output = Annotated[
    QueryFormat, typer.Option("-o", "--output", help="How to print, or `parquet` to write --out.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The new file that `-o parquet` writes.")
]


@reaches_storage
def query_command(
    storage: Storage,
    path: Annotated[str, typer.Argument(help="The ledger's folder, or s3://BUCKET/PREFIX.")],
    sql: Annotated[str, typer.Argument(help="One SELECT.")] = "",
    *,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the views and their columns instead.")
    ] = False,
    parameter: Parameters = None,
    as_of: AsOf = None,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Most memory for the data of the statement: 500MB, 2GB, ...")
    ] = "1GB",
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.001, max=86_400, help="Longest the statement may run, printing included."
        ),
    ] = 300,
    output: Output = QueryFormat.TABLE,
    out: Out = None,
) -> None:
    """Ask the ledger in SQL (DuckDB), over sealed and hot entries, read-only.

    Views: `decisions`, `intents`, `outcomes`, `reviews`, `policies`, `refused`, ... and `entries` for all;
    `facts` and `facts_<system>` for what policy saw and models answered; `newest_labels` for what came of it.
    `ts` is in UTC.

    Reads the folder itself; `ombud ledger query` asks a running gateway instead.
    """
    if schema == bool(sql):
        raise unusable("SQL: must be given, or --schema, and not both")
    check_out(output, out)
    if schema and out is not None:
        raise unusable("-o: --schema prints, must be table, json or csv")
    if not _SIZE.fullmatch(memory):
        raise unusable(f"--memory: is {memory[:80]!r}, must be a number and MB or GB, as in 500MB")
    kept = read_checkpoints(as_of)
    with asking(storage.place(path), memory=memory, timeout=timeout, as_of=kept) as ledger:
        for line in ledger.extent():
            print(line, file=sys.stderr)
        if schema:
            described = ledger.schema()
            shown = _together(described) if output is QueryFormat.TABLE else described
            print_rows(_SCHEMA, shown, Format(output))
            return
        given = given_parameters(parameter or ())
        ledger.check_parameters(sql, given, option="-p")
        if out is not None:
            written = write_parquet(out, *ledger.batches(sql, given))
            print(f"{out}: {written} rows", file=sys.stderr)
            return
        columns, rows = ledger.rows(sql, given)
        print_rows(columns, rows, Format(output))


def check_out(output: QueryFormat, out: Path | None) -> None:
    """Demand a file where one is written, and only there; raise `Failure`."""
    if (output is QueryFormat.PARQUET) != (out is not None):
        raise unusable("--out: must be given with -o parquet, and only with it")


def given_parameters(options: Iterable[str]) -> dict[str, str]:
    """Read what `-p NAME=VALUE` options say; raise `Failure`."""
    given: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        name = name.removeprefix("$")
        if not equals or not name:
            raise unusable(f"-p: is {option[:80]!r}, must be NAME=VALUE")
        if name in given:
            raise unusable(f"-p: {name!r} is given twice, must be once")
        given[name] = value
    return given


def _together(rows: Iterable[tuple[str, str, str, str]]) -> Iterator[tuple[str, str, str, str]]:
    """Show views of the same columns as one: a view for each kind of entry would say the same many times."""
    shapes: dict[str, list[tuple[str, str, str]]] = {}
    for view, *column in rows:
        shapes.setdefault(view, []).append((column[0], column[1], column[2]))
    named: dict[tuple[tuple[str, str, str], ...], list[str]] = {}
    for view, shape in shapes.items():
        named.setdefault(tuple(shape), []).append(view)
    for columns, views in named.items():
        left = [*views, *[""] * len(columns)]
        yield from ((left[place], *column) for place, column in enumerate(columns))


EPILOG = (
    'Example: `ombud query var/ledger "SELECT verdict, count(*) FROM decisions GROUP BY ALL" -o csv`;'
    ' `ombud query var/ledger "FROM reviews WHERE system = $name" -p name=credit -o parquet --out r.parquet`'
)
