# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""PSI day by day and by model version, against the whole reference; and since when a column has moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ombud_reports.drift import effects
from ombud_reports.drift.columns import Column
from ombud_reports.drift.days import SOURCE, Days, Stretch, counts, in_order
from ombud_reports.monitoring import Monitoring
from ombud_reports.result import Figure

IN_A_ROW: Final = 3
"""Assessed days in a row above the threshold that make a beginning."""
HOW: Final = "PSI of the day's rows against the whole reference, over its deciles or categories"


@dataclass(frozen=True, slots=True)
class Daily:
    """PSI of one column on each day of the current window, and the day its drift began."""

    column: Column
    figures: tuple[Figure, ...]
    began: Figure


def daily(column: Column, days: Days, listed: Sequence[date], limits: Monitoring) -> Daily:
    """Return a column's series over days. A day with too few rows has no figure, and decides nothing."""
    name = column.field.name
    by_day: dict[date, list[Stretch]] = {day: [] for day in listed}
    for each in days.of(column.field.side, lambda each: each.current):
        by_day[each.day].append(each)
    old = counts(days.of(column.field.side, lambda each: not each.current), name)
    figures, above = [], []
    for day in listed:
        new = counts(by_day[day], name)
        figure, apart, p = against(old, new, f"{name}.psi.{day}", HOW, limits.least_day)
        figures.append(figure)
        if isinstance(figure.value, float):
            high = figure.value >= limits.psi or apart >= limits.ks
            above.append((day, high and p <= limits.false_discoveries))
    began = _began(above)
    how = (
        f"first of {IN_A_ROW} assessed days in a row with PSI of at least {limits.psi:g}, or shares up to a "
        f"decile {limits.ks:g} apart, not by chance (chi-square, {limits.false_discoveries:g})"
    )
    absent = "" if began else f"no {IN_A_ROW} days in a row"
    source = Figure(f"{name}.began", began.isoformat() if began else None, "day", SOURCE, how, absent=absent)
    return Daily(column, tuple(figures), source)


def of_version(column: Column, days: Days, version: str, limits: Monitoring) -> Figure:
    """Return PSI of the current rows that one model version answered, against the whole reference."""
    field = column.field
    old = counts(days.of(field.side, lambda each: not each.current), field.name)
    new = counts(days.of(field.side, lambda each: each.current and each.version == version), field.name)
    how = f"PSI of current rows of model version {version[:80]} against the whole reference"
    return against(old, new, f"{field.name}.psi.version.{version}", how, limits.least_calls)[0]


def against(old: Any, new: Any, name: str, how: str, least: float) -> tuple[Figure, float, float]:
    """Compare new counts with old ones: PSI as a figure, the furthest that shares up to a decile are apart
    (0 for categories, which have no order), and the p-value of chi-square.
    """
    rows = min(sum(old.values()), sum(new.values()))
    if rows < least:
        return Figure(name, None, "", SOURCE, how, absent=f"too few: {rows} of at least {least:g}"), 0.0, 1.0
    keys = list(old.keys() | new.keys())
    ordered = all(type(key) is float for key in keys)
    keys.sort(key=None if ordered else str)
    counted = in_order(old, keys), in_order(new, keys)
    shares = [each.cumsum() / each.sum() for each in counted]
    apart = float(abs(shares[0] - shares[1]).max()) if ordered else 0.0
    return Figure(name, effects.psi(*counted), "", SOURCE, how), apart, effects.chi_square(*counted)[2]


def _began(days: Sequence[tuple[date, bool]]) -> date | None:
    for at in range(len(days) - IN_A_ROW + 1):
        if all(above for _, above in days[at : at + IN_A_ROW]):
            return days[at][0]
    return None
