# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A measure: one SELECT whose cells are the figures, and what counts as having found something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ombud_reports.reading import Reading
from ombud_reports.result import Figure, Scalar, Table

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of a measure's rows, its heading, and its unit."""

    column: str
    heading: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """What the ledger can give on some duties.

    `keys` are columns that name a row, if there may be several; then a figure is called `name.key.column`,
    else `name.column`. `found` says whether these rows are evidence of anything; `note` what they do not
    tell.
    """

    name: str
    title: str
    sql: str
    shown: tuple[Shown, ...]
    found: Callable[[Sequence[Row]], bool]
    note: str = ""
    keys: tuple[Shown, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure and the rows it gave."""

    measure: Measure
    rows: tuple[Row, ...]
    present: bool

    def value(self, column: str) -> Any:
        """Return a cell of the only row; None without one."""
        return self.rows[0][column] if self.rows else None

    def table(self, title: str = "") -> Table:
        """Lay the rows out: one row a figure, or, with keys, one row a row."""
        taken: set[str] = set()
        title = title or self.measure.title
        if not self.measure.keys:
            cells = tuple(
                (each.heading, self._figure(each, "", row))
                for row in self.rows
                for each in self.measure.shown
            )
            return Table(title, ("What", "Figure"), cells, self.measure.note)
        headings = tuple(each.heading for each in (*self.measure.keys, *self.measure.shown))
        rows = tuple(self._cells(row, taken) for row in self.rows)
        return Table(title, headings, rows, self.measure.note)

    def _cells(self, row: Row, taken: set[str]) -> tuple[str | Figure, ...]:
        keys = [_said(row[key.column]) for key in self.measure.keys]
        named = ".".join(keys)
        while named in taken:  # what is absent is called like a text that somebody chose
            named += "'"
        taken.add(named)
        return (*keys, *(self._figure(each, named, row) for each in self.measure.shown))

    def _figure(self, shown: Shown, key: str, row: Row) -> Figure:
        name = ".".join(part for part in (self.measure.name, key, shown.column) if part)
        value = scalar(row[shown.column])
        of = f"; row {key}" if key else ""
        return Figure(
            name,
            value,
            shown.unit,
            self.measure.name,
            f"column {shown.column}{of}",
            absent="" if value is not None else "nothing on record",
        )


def measure(reading: Reading, what: Measure, parameters: Mapping[str, str | float]) -> Measured:
    """Ask the ledger for a measure; of `parameters` it takes those that its statement names."""
    rows = tuple(reading.ask(what.name, what.sql, **parameters))
    return Measured(what, rows, what.found(rows))


def scalar(value: Any) -> Scalar:
    """Return a cell as a figure holds it: moments as text in UTC, lists as text."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _said(value: Any) -> str:
    found = scalar(value)
    return "(none)" if found is None else str(found)


def always(_: Sequence[Row]) -> bool:
    """Count any answer, a zero too: that it was asked is the evidence."""
    return True


def any_rows(rows: Sequence[Row]) -> bool:
    """Count a row, whatever is in it."""
    return bool(rows)


def positive(column: str) -> Callable[[Sequence[Row]], bool]:
    """Count a column above zero in any row."""
    return lambda rows: any((row[column] or 0) > 0 for row in rows)
