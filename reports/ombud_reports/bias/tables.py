# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of bias, from cells: rates with their intervals, and what lies between groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from ombud_reports.bias import rates
from ombud_reports.bias.rates import Counts, Measure, Share
from ombud_reports.result import Figure, Interval
from ombud_reports.wilson import wilson

FAIRLEARN: Final = "as fairlearn.metrics defines it"


@dataclass(frozen=True, slots=True)
class Shares:
    """How shares are shown: from which count on, and at which level."""

    least: float
    """At least 1."""
    level: float

    def figure(self, name: str, counts: tuple[int, int], source: str, how: str) -> Figure:
        """Return hits over what they are hits of, with Wilson's interval, or why there is none."""
        hits, of = counts
        if of < self.least:
            absent = f"too few: {of} of at least {self.least:g}"
            return Figure(name, None, "share", source, how, absent=absent)
        interval = wilson(hits, of, self.level)
        return Figure(name, hits / of, "share", source, f"{hits:,} of {of:,} {how}", interval)


@dataclass(frozen=True, slots=True)
class Draws:
    """How the bootstrap draws."""

    replicates: int
    seed: int


@dataclass(frozen=True, slots=True)
class Grouped:
    """Cells of one set of attributes, and how figures on them are made."""

    prefix: str
    """First part of every figure's name."""
    groups: tuple[str, ...]
    cells: Counts
    unknown: int
    source: str
    shares: Shares
    draws: Draws

    @property
    def large(self) -> tuple[int, ...]:
        """Places of the groups that are large enough for a rate."""
        sizes = self.cells.sum(axis=(1, 2))
        return tuple(int(at) for at in np.flatnonzero(sizes >= self.shares.least))

    def share(self, at: int, name: str, of: Callable[[Counts], Share], how: str) -> Figure:
        """Return one rate of one group."""
        found = of(self.cells)
        counts = int(found.hits[at]), int(found.of[at])
        return self.shares.figure(f"{self.prefix}.{name}.{self.groups[at]}", counts, self.source, how)

    def size(self, at: int, unit: str = "answers") -> Figure:
        """Return how many answers a group has."""
        count = int(self.cells[at].sum())
        return Figure(f"{self.prefix}.count.{self.groups[at]}", count, unit, self.source)

    def between(self, measures: Mapping[str, tuple[str, Measure]]) -> dict[str, Figure]:
        """Return measures over the groups that are large enough, with bootstrap intervals.

        `measures` are, by name, a definition and a function that gives one number, or one for each group.
        Of the latter, figures are named by group as well.
        """
        large = self.large
        found: dict[str, Figure] = {}
        if len(large) < 2:
            for name, (how, _) in measures.items():
                absent = f"too few groups: {len(large)} of at least 2 with {self.shares.least:g} answers"
                found[name] = Figure(f"{self.prefix}.{name}", None, "", self.source, how, absent=absent)
            return found
        cells = self.cells[list(large)]
        plain = {name: measure for name, (_, measure) in measures.items()}
        drawn = rates.bootstrap(
            cells,
            plain,
            replicates=self.draws.replicates,
            seed=self.draws.seed,
            level=self.shares.level,
        )
        for name, (how, measure) in measures.items():
            values = np.atleast_1d(measure(cells))
            bounds = drawn[name]
            for at, value in enumerate(values):
                key = name if len(values) == 1 else f"{name}.{self.groups[large[at]]}"
                interval = self._interval(bounds, at)
                value_there = None if np.isnan(value) else float(value)
                absent = "" if value_there is not None else "no rate to compare"
                found[key] = Figure(
                    f"{self.prefix}.{key}", value_there, "", self.source, how, interval, absent=absent
                )
        return found

    def _interval(self, bounds: rates.Drawn, at: int) -> Interval | None:
        low, high, computed = float(bounds.low[at]), float(bounds.high[at]), int(bounds.computed[at])
        draws = self.draws
        if computed < draws.replicates / 2 or np.isnan(low):
            return None
        of = f"{computed:,} of {draws.replicates:,} draws, seed {draws.seed}"
        return Interval(low, high, self.shares.level, f"bootstrap of counts, percentiles of {of}")


def of_selection() -> dict[str, tuple[str, Measure]]:
    """Return what lies between groups by answers alone."""
    return {
        "impact_ratio": ("selection rate over that of the most selected group", _impact),
        "demographic_parity_difference": (
            f"largest selection rate less the smallest, {FAIRLEARN}",
            rates.demographic_parity_difference,
        ),
        "demographic_parity_ratio": (
            f"smallest selection rate over the largest, {FAIRLEARN}",
            rates.demographic_parity_ratio,
        ),
    }


def of_labels(word: str) -> dict[str, tuple[str, Measure]]:
    """Return what lies between groups by answers and labels; `word` is what agreement is called."""
    return {
        "equalized_odds_difference": (
            f"larger of the differences of true and false positive rates, {FAIRLEARN}",
            rates.equalized_odds_difference,
        ),
        "equalized_odds_ratio": (
            f"smaller of the ratios of true and false positive rates, {FAIRLEARN}",
            rates.equalized_odds_ratio,
        ),
        "agreement_difference": (
            f"largest less smallest {word}",
            partial(_difference_of, rates.agreement),
        ),
    }


def _impact(cells: Counts) -> rates.Numbers:
    return rates.impact_ratios(rates.selection_rate(cells).rates)


def _difference_of(share: Callable[[Counts], Share], cells: Counts) -> rates.Numbers:
    return rates.difference(share(cells).rates)


def impact_cells(grouped: Grouped, found: Mapping[str, Figure]) -> Sequence[Figure]:
    """Return the impact ratio of each group in order; one that is too small says so."""
    cells = []
    for at, group in enumerate(grouped.groups):
        figure = found.get(f"impact_ratio.{group}")
        if figure is None:
            size = int(grouped.cells[at].sum())
            least = grouped.shares.least
            absent = f"too few: {size} of at least {least:g}" if size < least else "no other group to compare"
            name = f"{grouped.prefix}.impact_ratio.{group}"
            figure = Figure(name, None, "", grouped.source, absent=absent)
        cells.append(figure)
    return cells
