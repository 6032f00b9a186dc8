# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Counts by day and by model version, in one statement over all columns: rows, missing, bins, categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from ombud_reports.contract import Field
from ombud_reports.drift.numbers import Measured
from ombud_reports.drift.pair import Counts
from ombud_reports.identifiers import quoted
from ombud_reports.rows import Calls

SOURCE: Final = "counts"
MOST_CATEGORIES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Facts of one day, window, kind of entry and model version."""

    day: date
    current: bool
    kind: str
    version: str
    rows: int
    erased: int
    answered: int
    """Rows with any output."""
    columns: Mapping[str, Mapping[Any, int]]
    """By column, how many rows have each value; of a number, how many lie up to each decile."""


class Days:
    """All stretches, to be added up as a figure needs them."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._stretches = stretches

    def of(self, side: str, which: Callable[[Stretch], bool] = lambda _: True) -> tuple[Stretch, ...]:
        """Return those that hold a side of calls: what was asked ("input"), or answered ("output")."""
        without = "outcome" if side == "input" else "intent"
        return tuple(each for each in self._stretches if each.kind != without and which(each))

    def erased(self, *, current: bool) -> int:
        """Return how many rows of a window are erased."""
        return sum(each.erased for each in self._stretches if each.current == current)

    def current_days(self) -> list[date]:
        """Return the days of the current window that have rows."""
        return sorted({each.day for each in self._stretches if each.current})


def counts(stretches: Iterable[Stretch], column: str) -> Counter[Any]:
    """Return the counts of a column's values over stretches."""
    found: Counter[Any] = Counter()
    for each in stretches:
        found.update(each.columns[column])
    return found


def expected(stretches: Iterable[Stretch], side: str) -> int:
    """Return how many rows could have a value: all that are not erased, or were answered."""
    if side == "input":
        return sum(each.rows - each.erased for each in stretches)
    return sum(each.answered for each in stretches)


def in_order(counted: Mapping[Any, int], keys: Iterable[Any]) -> Counts:
    """Return counts in the order of keys."""
    return np.array([counted.get(key, 0) for key in keys], np.int64)


def count(
    calls: Calls, fields: Sequence[Field], measured: Mapping[str, Measured], manifold: Set[str]
) -> Days:
    """Count the fields, numbers by the deciles of the reference. A column without deciles counts as one bin.

    Of `manifold` columns, which have too many values to count each, only how many rows have any.
    """
    listed, edges = [], {}
    for at, field in enumerate(fields):
        name = quoted(field.name)
        if field.name in manifold:
            listed.append(f"MAP {{'any': count({name})}} AS {name}")
        elif field.numeric:
            deciles = measured[field.name].deciles
            edges[f"upto_{at}"] = str([float(each) for each in ([] if deciles is None else deciles)])
            listed.append(f"histogram({name}::DOUBLE, $upto_{at}::DOUBLE[]) AS {name}")
        else:
            listed.append(f"histogram({name}) AS {name}")
    outputs = [field for field in fields if field.side == "output"]
    select = f"""SELECT "@day", "@current", "@kind", "@version", count(*) AS "@rows",
       count(*) FILTER ({_none(fields)}) AS "@erased", count(*) FILTER (NOT {_none(outputs)}) AS "@answered",
       {", ".join(listed)}
FROM calls_of GROUP BY "@day", "@current", "@kind", "@version" ORDER BY ALL"""  # noqa: S608 - quoted
    rows = calls.ask(SOURCE, select, **edges)
    return Days(
        [
            Stretch(
                row["@day"],
                row["@current"],
                row["@kind"] or "decision",
                calls.version if row["@kind"] is None else row["@version"],
                row["@rows"],
                row["@erased"],
                row["@answered"],
                {field.name: row[field.name] or {} for field in fields},
            )
            for row in rows
        ]
    )


def manifold(calls: Calls, fields: Sequence[Field]) -> frozenset[str]:
    """Return the text columns that have about more than MOST_CATEGORIES values."""
    texts = [field for field in fields if field.type == "string" and not field.values]
    if not texts:
        return frozenset()
    listed = ", ".join(f"approx_count_distinct({(name := quoted(each.name))}) AS {name}" for each in texts)
    (row,) = calls.ask("variety", f"SELECT {listed} FROM calls_of")  # noqa: S608 - quoted
    return frozenset(each.name for each in texts if row[each.name] > MOST_CATEGORIES)


def _none(fields: Sequence[Field]) -> str:
    """Facts that are erased are blank: no column has a value."""
    return f"({' AND '.join(f'{quoted(field.name)} IS NULL' for field in fields) or 'true'})"
