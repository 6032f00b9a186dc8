# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is said of one column: its distances, what chance makes of them, and whether it moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ombud_reports.contract import Field
from ombud_reports.drift import effects
from ombud_reports.drift.asked import Asked
from ombud_reports.drift.binning import ABOUT
from ombud_reports.drift.days import SOURCE, Days, counts, expected, in_order
from ombud_reports.drift.numbers import BINS, Measured
from ombud_reports.drift.pair import Counts, Distance
from ombud_reports.monitoring import Monitoring
from ombud_reports.result import Figure

EFFECTS = {
    "psi": "PSI",
    "ks": "KS",
    "wasserstein": "W1/sd",
    "jensen_shannon": "JS",
    "cramers_v": "Cramér's V",
    "missing": "missing",
    "breaches": "out of contract",
}
"""Effect sizes by the name of their threshold, as they head the columns of tables."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Shares of calls that broke a field's bound, and how far apart they are; None where calls are too
    few."""

    cells: tuple[Figure, Figure]
    apart: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column's figures by name, its effects at or above their thresholds, and its p-value."""

    field: Field
    figures: Mapping[str, Figure]
    above: tuple[str, ...]
    p: float | None
    others: Mapping[str, float]
    """p-values of what is not of the values: `missing`, `breaches`."""
    sizes: tuple[int, int]
    new: tuple[tuple[str, int], ...] = ()
    """Categories of the current window that the reference has none of, with their rows; rare ones pooled."""
    bins: tuple[Counts, Counts] | None = None
    labels: tuple[str, ...] = ()
    """What the bins are called."""
    adjusted: float | None = None
    moved: bool = False

    def figure(self, name: str) -> Figure:
        """Return a figure by the part of its name after the column's."""
        return self.figures[name]


def column(
    field: Field,
    measured: Measured | None,
    days: Days,
    asked: Asked,
    limits: Monitoring,
    *,
    broken: Broken | None,
    manifold: bool,
) -> Column:
    """Compare one column's two windows."""
    old = days.of(field.side, lambda each: not each.current)
    new = days.of(field.side, lambda each: each.current)
    counted = counts(old, field.name), counts(new, field.name)
    sizes = (sum(counted[0].values()), sum(counted[1].values()))
    could = expected(old, field.side), expected(new, field.side)
    figures: dict[str, Figure] = {}
    share, others = _missing(field, sizes, could, limits, figures)
    if broken is not None and broken.p is not None:
        others["breaches"] = broken.p
    found = Column(field, figures, (), None, others, sizes)
    least = int(limits.least_calls)
    if min(sizes) < least:
        why = f"too few: {sizes[0]} and {sizes[1]} of at least {least}"
        _absent(field, figures, why)
        found = replace(found, figures=figures)
    elif manifold:
        _absent(field, figures, "too many values to be categories")
    elif field.numeric and measured is not None and measured.bins is not None:
        found = _number(found, measured, asked, figures)
    elif not field.numeric:
        found = _category(found, counted, limits, figures)
    else:
        _absent(field, figures, "no values")
    values: dict[str, object] = {name: figures[name].value for name in EFFECTS if name in figures}
    values["missing"] = share
    values["breaches"] = broken.apart if broken else None
    above = tuple(
        name
        for name, value in values.items()
        if isinstance(value, int | float) and value >= getattr(limits, name)
    )
    return replace(found, above=above)


def settle(columns: Sequence[Column], limits: Monitoring) -> list[Column]:
    """Adjust p-values over all columns, and say of each whether it moved: by effect, and not by chance."""
    told = [column.p for column in columns if column.p is not None]
    told += [p for column in columns for p in column.others.values()]
    adjusted = iter(effects.benjamini_hochberg(told))
    values = [next(adjusted) if column.p is not None else None for column in columns]
    found = []
    for each, q in zip(columns, values, strict=True):
        others = {name: next(adjusted) for name in each.others}
        chances = {name: others.get(name) if name in ("missing", "breaches") else q for name in each.above}
        moved = any(p is not None and p <= limits.false_discoveries for p in chances.values())
        figures = dict(each.figures)
        name = f"{each.field.name}.p_adjusted"
        how = f"Benjamini-Hochberg over {len(told)} tests of this report"
        source = figures["psi"].source if "psi" in figures else SOURCE
        absent = figures["psi"].absent if "psi" in figures else "no test"
        figures["p_adjusted"] = Figure(name, q, "", source, how, absent="" if q is not None else absent)
        found.append(replace(each, figures=figures, adjusted=q, moved=moved))
    return found


def _missing(
    field: Field,
    sizes: tuple[int, int],
    could: tuple[int, int],
    limits: Monitoring,
    figures: dict[str, Figure],
) -> tuple[float | None, dict[str, float]]:
    of = "rows that are not erased" if field.side == "input" else "answers"
    shares: list[float | None] = []
    for window, there, all_rows in zip(("reference", "current"), sizes, could, strict=True):
        few = all_rows < limits.least_calls
        share = None if few else 1 - there / all_rows
        why = f"too few: {all_rows} of at least {limits.least_calls:g}" if few else ""
        name = f"{field.name}.missing.{window}"
        how = f"{all_rows - there:,} of {all_rows:,} {of} have no value"
        figures[f"missing.{window}"] = Figure(name, share, "share", SOURCE, how, absent=why)
        shares.append(share)
        figures[f"rows.{window}"] = Figure(
            f"{field.name}.rows.{window}", there, "rows", SOURCE, "with a value"
        )
    old, new = shares
    if old is None or new is None:
        return None, {}
    p = effects.two_shares_p((could[0] - sizes[0], could[1] - sizes[1]), could)
    return abs(new - old), {"missing": p}


def _absent(field: Field, figures: dict[str, Figure], why: str) -> None:
    names = (
        ("psi", "ks", "wasserstein", "w1", "jensen_shannon") if field.numeric else ("psi", "jensen_shannon")
    )
    for name in (*names, *(() if field.numeric else ("cramers_v",))):
        figures[name] = Figure(f"{field.name}.{name}", None, "", SOURCE, absent=why)
    if field.numeric:
        for window in ("reference", "current"):
            figures[f"mean.{window}"] = Figure(
                f"{field.name}.mean.{window}", None, field.unit, SOURCE, absent=why
            )


def _number(found: Column, measured: Measured, asked: Asked, figures: dict[str, Figure]) -> Column:
    field, source = found.field, measured.source
    assert measured.bins is not None and measured.ks is not None  # noqa: S101, PT018 - seen to by the caller
    assert measured.wasserstein is not None  # noqa: S101 - goes with the others
    old, new = measured.bins
    n, m = measured.sizes
    rule = ABOUT[asked.bins]
    chance = effects.expected_psi(old, new)
    put = _putter(field, source, figures)
    put(
        "psi",
        effects.psi(old, new),
        "",
        f"sum of (q - p) ln(q / p); {rule}; an empty bin counts as {effects.FILL:g}; by chance about "
        f"{chance:.2g}",
    )
    put("jensen_shannon", effects.jensen_shannon(old, new), "", f"root of the divergence in base 2; {rule}")
    counted = "over all values" if measured.exact else f"over {BINS:,} bins of equal width"
    put("ks", measured.ks.value, "", f"two-sample Kolmogorov-Smirnov, {_within(counted, measured.ks)}")
    put(
        "w1",
        measured.wasserstein.value,
        field.unit,
        f"Wasserstein-1, {_within(counted, measured.wasserstein)}",
    )
    if measured.deviation > 0:
        by = Distance(
            measured.wasserstein.value / measured.deviation, measured.wasserstein.error / measured.deviation
        )
        how = "Wasserstein-1 over the reference's standard deviation (divisor n), "
        put("wasserstein", by.value, "", how + _within(counted, by))
    else:
        figures["wasserstein"] = Figure(
            f"{field.name}.wasserstein", None, "", source, absent="all values of the reference are one"
        )
    for window, mean in zip(("reference", "current"), measured.means, strict=True):
        put(f"mean.{window}", mean, field.unit, "arithmetic mean")
    p = effects.kolmogorov_p(measured.ks.value, n, m)
    return replace(found, p=p, bins=measured.bins, labels=_bin_labels(measured, asked))


def _within(counted: str, distance: Distance) -> str:
    return f"{counted}, exact" if not distance.error else f"{counted}: off by at most {distance.error:.2g}"


def _bin_labels(measured: Measured, asked: Asked) -> tuple[str, ...]:
    if asked.bins != "quantile" or measured.deciles is None or measured.bins is None:
        return tuple(str(at + 1) for at in range(len(measured.bins[0]) if measured.bins else 0))
    ends = [f"{end:.4g}" for end in measured.deciles]
    return (*(f"to {end}" for end in ends), f"above {ends[-1]}")


def _category(
    found: Column, counted: tuple[Mapping[Any, int], Mapping[Any, int]], limits: Monitoring, figures: Any
) -> Column:
    field = found.field
    keys = sorted(counted[0].keys() | counted[1].keys(), key=lambda key: (-counted[0].get(key, 0), str(key)))
    old, new = (in_order(each, keys) for each in counted)
    put = _putter(field, SOURCE, figures)
    chance = effects.expected_psi(old, new)
    put(
        "psi",
        effects.psi(old, new),
        "",
        "sum of (q - p) ln(q / p) over categories; an absent one counts as "
        f"{effects.FILL:g}; by chance about {chance:.2g}",
    )
    put(
        "jensen_shannon",
        effects.jensen_shannon(old, new),
        "",
        "root of the divergence in base 2, over categories",
    )
    statistic, freedom, p = effects.chi_square(old, new)
    put(
        "cramers_v",
        effects.cramers_v(old, new),
        "",
        f"root of chi-square over rows; chi-square {statistic:.4g} with {freedom} degrees of freedom",
    )
    fresh = [(_shown(key), counted[1][key]) for key in keys if not counted[0].get(key, 0)]
    named = [(name, rows) for name, rows in fresh if rows >= limits.least_category]
    rare = [rows for _, rows in fresh if rows < limits.least_category]
    if rare:
        named.append((f"{len(rare)} rarer", sum(rare)))
    put("new_categories", len(fresh), "categories", "in the current window and not in the reference")
    shown, (old, new) = _most(keys, old, new)
    return replace(found, p=p, new=tuple(named), bins=(old, new), labels=shown)


def _most(keys: Sequence[Any], old: Counts, new: Counts, most: int = 12) -> tuple[tuple[str, ...], Any]:
    """Return the categories that the reference has most of, the others pooled."""
    if len(keys) <= most:
        return tuple(map(_shown, keys)), (old, new)
    pooled = [np.concatenate((each[: most - 1], [each[most - 1 :].sum()])) for each in (old, new)]
    return (*map(_shown, keys[: most - 1]), f"{len(keys) - most + 1} others"), tuple(pooled)


def _shown(key: Any) -> str:
    return ("yes" if key else "no") if isinstance(key, bool) else str(key)[:80]


def _putter(field: Field, source: str, figures: dict[str, Figure]) -> Any:
    def put(name: str, value: float, unit: str, how: str) -> None:
        figures[name] = Figure(f"{field.name}.{name}", value, unit, source, how)

    return put
