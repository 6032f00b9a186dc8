# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The numeric columns of both windows, read once: sorted whole where they are few, else counted in bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ombud_reports.contract import Field
from ombud_reports.drift.asked import Asked
from ombud_reports.drift.binning import PARTS, binned
from ombud_reports.drift.pair import Bins, Counts, Distance, Numbers, Pair, exact
from ombud_reports.identifiers import quoted
from ombud_reports.rows import INPUTS, OUTPUTS, Calls

BINS: Final = 4_096
_HELD: Final = 5_000_000
"""Most values that are held at once: 40 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What both windows' values of one column come to. Without `ks`, one of the windows has none."""

    sizes: tuple[int, int]
    source: str
    exact: bool
    deviation: float = 0.0
    means: tuple[float, float] = (0.0, 0.0)
    ks: Distance | None = None
    wasserstein: Distance | None = None
    bins: tuple[Counts, Counts] | None = None
    """Counts in the bins that were asked for."""
    deciles: Numbers | None = None
    """Upper ends of the bins that the days are counted in."""


def measure(
    calls: Calls, fields: Sequence[Field], asked: Asked, rows: tuple[int, int]
) -> dict[str, Measured]:
    """Measure numeric fields. `rows` is how many of facts either window has at most."""
    if not fields:
        return {}
    if sum(rows) > asked.exact_rows:
        return _binned(calls, fields, asked)
    found: dict[str, Measured] = {}
    at_once = max(1, _HELD // max(sum(rows), 1))
    for number, start in enumerate(range(0, len(fields), at_once), 1):
        found |= _exact(calls, fields[start : start + at_once], asked, f"values.{number}", rows)
    return found


def _exact(
    calls: Calls, fields: Sequence[Field], asked: Asked, source: str, rows: tuple[int, int]
) -> dict[str, Measured]:
    # Room for all there can be; the system gives memory as it is written to.
    room = [(np.empty(rows[0]), np.empty(rows[1])) for _ in fields]
    filled = np.zeros((len(fields), 2), np.int64)
    for current, columns in _columns(calls, fields, source):
        for at, values in enumerate(columns):
            there = np.isfinite(values)
            for window, which in enumerate((there & ~current, there & current)):
                some = values[which]
                start = filled[at, window]
                room[at][window][start : start + len(some)] = some
                filled[at, window] += len(some)
    found = {}
    for field, held, (old, new) in zip(fields, room, filled.tolist(), strict=True):
        pair = exact(held[0][:old], held[1][:new]) if old and new else None
        found[field.name] = _measured(pair, (old, new), asked.bins, source, exactly=True)
    return found


def _binned(calls: Calls, fields: Sequence[Field], asked: Asked) -> dict[str, Measured]:
    spreads = _ranges(calls, fields)
    bins = {field.name: _bins(field, *spreads[field.name]) for field in fields if field.name in spreads}
    source = "values"
    there = [field for field in fields if field.name in bins]
    for current, columns in _columns(calls, there, source) if there else ():
        for field, values in zip(there, columns, strict=True):
            kept = np.isfinite(values)
            bins[field.name].add(values[kept & ~current], 0)
            bins[field.name].add(values[kept & current], 1)
    found = {}
    for field in fields:
        pair = bins[field.name].pair() if field.name in bins else None
        sizes = pair.sizes if pair else (0, 0)
        exactly = pair is not None and not pair.width
        found[field.name] = _measured(
            pair if all(sizes) else None, sizes, asked.bins, source, exactly=exactly
        )
    return found


def _bins(field: Field, least: float, most: float) -> Bins:
    """Whole numbers that are few get a bin each, and nothing is lost."""
    if field.type == "integer" and most - least < BINS:
        return Bins(least - 1, most, int(most - least) + 1, whole=True)
    return Bins(least, most, BINS)


def _measured(
    pair: Pair | None, sizes: tuple[int, int], rule: str, source: str, *, exactly: bool
) -> Measured:
    if pair is None:
        return Measured(sizes, source, exactly)
    return Measured(
        sizes,
        source,
        exactly,
        deviation=pair.deviation,
        means=(pair.mean, pair.current_mean),
        ks=pair.kolmogorov_smirnov(),
        wasserstein=pair.wasserstein(),
        bins=binned(pair, rule),
        deciles=pair.quantiles(PARTS),
    )


def _columns(calls: Calls, fields: Sequence[Field], source: str) -> Any:
    """Yield, batch by batch, which rows are of the current window, and the values of each field."""
    listed = ", ".join(f"{_value(field)} AS {quoted(field.name)}" for field in fields)
    for batch in calls.batches(source, f'SELECT "@current", {listed}\nFROM calls_of'):
        current = np.asarray(batch.column(0).to_numpy(zero_copy_only=False), bool)
        yield current, [each.to_numpy(zero_copy_only=False) for each in batch.columns[1:]]


def _ranges(calls: Calls, fields: Sequence[Field]) -> dict[str, tuple[float, float]]:
    listed = ", ".join(
        f"min({_value(field)}) AS {quoted(f'{field.name}@least')},"
        f" max({_value(field)}) AS {quoted(f'{field.name}@most')}"
        for field in fields
    )
    (row,) = calls.ask("ranges", f"SELECT {listed}\nFROM calls_of")
    return {
        field.name: (row[f"{field.name}@least"], row[f"{field.name}@most"])
        for field in fields
        if row[f"{field.name}@least"] is not None
    }


def _value(field: Field) -> str:
    """A field's value in the rows that hold its side of a call; in others none, so that none counts twice."""
    side = INPUTS if field.side == "input" else OUTPUTS
    return f"CASE WHEN {side} THEN {quoted(field.name)}::DOUBLE END"
