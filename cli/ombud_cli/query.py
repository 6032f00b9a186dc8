# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud query`: ask the ledger in SQL, read-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import unusable
from ombud_cli.ledger_place import asking
from ombud_cli.output import Format, print_rows

_SCHEMA = """
SELECT table_name AS view, column_name AS "column", data_type AS type
FROM information_schema.columns
WHERE table_name NOT LIKE 'hot\\_%' ESCAPE '\\' AND table_name <> 'all_entries'
ORDER BY table_name, ordinal_position
"""


def query_command(
    path: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    sql: Annotated[str, typer.Argument(help="One SELECT.")] = "",
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the views and their columns instead.")
    ] = False,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """Ask the ledger in SQL (DuckDB), over sealed and hot entries, read-only.

    Views: `decisions`, `intents`, `outcomes`, `reviews`, `policies`, `refused`, ... and `entries` for all;
    `facts` and `facts_<system>` for what policy saw and models answered. `ts` is in UTC.
    """
    if schema == bool(sql):
        raise unusable("SQL: must be given, or --schema, and not both")
    with asking(path) as ledger:
        columns, rows = ledger.rows(_SCHEMA if schema else sql)
        print_rows(columns, _together(rows) if schema and output is Format.TABLE else rows, output)


def _together(rows: Iterable[Sequence[str]]) -> Iterator[tuple[str, str, str]]:
    """Show views of the same columns as one: a view for each kind of entry would say the same many times."""
    shapes: dict[str, list[tuple[str, str]]] = {}
    for view, column, kind in rows:
        shapes.setdefault(view, []).append((column, kind))
    named: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for view, shape in shapes.items():
        named.setdefault(tuple(shape), []).append(view)
    for columns, views in named.items():
        left = [*views, *[""] * len(columns)]
        yield from ((left[place], *column) for place, column in enumerate(columns))


EPILOG = 'Example: `ombud query var/ledger "SELECT verdict, count(*) FROM decisions GROUP BY ALL" -o csv`'
