# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What commands print: tables for people, JSON and CSV for machines.

Values come from callers and from files of others: control characters are shown, never sent to a terminal.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from io import StringIO
from typing import Any

WIDE = 10_000
"""Columns of a page that is not a terminal: nothing is cut in a pipe."""
MOST_ROWS = 1_000
"""Rows a table shows; CSV and JSON have no such bound."""


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def printable(text: str) -> str:
    """Show control characters, so that recorded text cannot steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: times in ISO 8601 UTC, bytes in hex, anything else as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has no NaN and no infinity
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return str(value)


def cell(value: Any) -> str:
    """Return a value as one cell of text."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return printable(", ".join(value))
    if isinstance(value, list | dict):
        return printable(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return "true" if value else "false"
    return printable(f"{value:.6g}" if isinstance(value, float) else str(value))


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(plain(document), ensure_ascii=False, indent=2))


def print_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Format, *, title: str = ""
) -> None:
    """Print rows as they come; JSON is one array of objects, CSV has a header line."""
    if form is Format.TABLE:
        _table(columns, rows, title)
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_csv(value) for value in row])
    else:
        before = "[\n"
        for row in rows:
            named = dict(zip(columns, map(plain, row), strict=True))
            print(before + "  " + json.dumps(named, ensure_ascii=False), end="")
            before = ",\n"
        print("[]" if before == "[\n" else "\n]")


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print name and value pairs for people; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        if value not in (None, "", [], {}):
            table.add_row(name, Text(cell(value)))
    _page(table)


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")
    more = False
    for number, row in enumerate(rows):
        if number == MOST_ROWS:
            more = True
            break
        table.add_row(*(Text(cell(value)) for value in row))
    _page(table)
    if more:
        print(f"the first {MOST_ROWS} rows; -o csv or -o json prints all", file=sys.stderr)


def _page(content: Any) -> None:
    from rich.console import Console

    if sys.stdout.isatty():
        Console(highlight=False).print(content)
        return
    # Nothing is cut in a pipe, and nothing is padded to the longest cell either.
    page = StringIO()
    Console(width=WIDE, highlight=False, file=page).print(content)
    for line in page.getvalue().splitlines():
        print(line.rstrip())


def _csv(value: Any) -> Any:
    value = plain(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value
