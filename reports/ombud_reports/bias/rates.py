# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Rates by group and what lies between groups, from counts alone; names and definitions are fairlearn's.

Cells are counts by group, answer and label: `cells[g, a, l]`, a and l 1 where they are favourable. Where only
answers are known, l is 0 throughout. A rate without rows is NaN; what is taken over groups leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
_AT_ONCE: Final = 4_000_000
"""Most counts that are drawn at once: 32 MB."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of counts, by group: hits and what they are hits of."""

    hits: Counts
    of: Counts

    @property
    def rates(self) -> Numbers:
        """Return the rates; NaN where there is nothing."""
        return _over(self.hits, self.of)


def selection_rate(cells: Counts) -> Share:
    """Share of answers that are favourable."""
    return Share(cells[..., 1, :].sum(-1), cells.sum((-2, -1)))


def true_positive_rate(cells: Counts) -> Share:
    """Share of favourable answers among favourable labels."""
    return Share(cells[..., 1, 1], cells[..., :, 1].sum(-1))


def false_positive_rate(cells: Counts) -> Share:
    """Share of favourable answers among unfavourable labels."""
    return Share(cells[..., 1, 0], cells[..., :, 0].sum(-1))


def precision(cells: Counts) -> Share:
    """Share of favourable labels among favourable answers."""
    return Share(cells[..., 1, 1], cells[..., 1, :].sum(-1))


def agreement(cells: Counts) -> Share:
    """Share of answers that are what the label says; fairlearn and scikit-learn call it accuracy."""
    return Share(cells[..., 1, 1] + cells[..., 0, 0], cells.sum((-2, -1)))


def base_rate(cells: Counts) -> Share:
    """Share of favourable labels."""
    return Share(cells[..., :, 1].sum(-1), cells.sum((-2, -1)))


def difference(rates: Numbers) -> Numbers:
    """Return the largest rate less the smallest (MetricFrame.difference, between groups)."""
    return _most(rates) - _least(rates)


def ratio(rates: Numbers) -> Numbers:
    """Return the smallest rate over the largest (MetricFrame.ratio, between groups); NaN if that is 0."""
    return _over(_least(rates), _most(rates))


def impact_ratios(rates: Numbers) -> Numbers:
    """Return each rate over the largest."""
    return _over(rates, np.expand_dims(_most(rates), -1))


def demographic_parity_difference(cells: Counts) -> Numbers:
    """Difference of selection rates."""
    return difference(selection_rate(cells).rates)


def demographic_parity_ratio(cells: Counts) -> Numbers:
    """Ratio of selection rates: the impact ratio of the least selected group."""
    return ratio(selection_rate(cells).rates)


def equalized_odds_difference(cells: Counts) -> Numbers:
    """Larger of the differences of true and of false positive rates."""
    return np.maximum(
        difference(true_positive_rate(cells).rates), difference(false_positive_rate(cells).rates)
    )


def equalized_odds_ratio(cells: Counts) -> Numbers:
    """Smaller of the ratios of true and of false positive rates."""
    return np.minimum(ratio(true_positive_rate(cells).rates), ratio(false_positive_rate(cells).rates))


Measure = Callable[[Counts], Numbers]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Percentile bounds of a measure over replicates, and in how many of these it could be computed."""

    low: Numbers
    high: Numbers
    computed: Counts


def bootstrap(
    cells: Counts, measures: Mapping[str, Measure], *, replicates: int, seed: int, level: float
) -> dict[str, Drawn]:
    """Draw counts as often as `replicates`, with the total kept, and return each measure's bounds.

    Drawing counts from a multinomial over the cells is what drawing rows with replacement comes to (Efron
    1979), at a cost that does not grow with rows. A replicate that misses a group leaves it out of what is
    taken over groups; one in which a measure has no value is left out of its bounds.
    """
    chance = np.random.default_rng(seed)
    total = int(cells.sum())
    found: dict[str, list[Numbers]] = {name: [] for name in measures}
    shares = cells.ravel() / total
    step = max(1, _AT_ONCE // cells.size)
    for start in range(0, replicates, step):
        drawn = chance.multinomial(total, shares, size=min(step, replicates - start))
        some = drawn.reshape(len(drawn), *cells.shape)
        for name, measure in measures.items():
            found[name].append(measure(some))
    tails = (1 - level) / 2
    return {name: _bounds(np.concatenate(values), tails) for name, values in found.items()}


def _bounds(values: Numbers, tail: float) -> Drawn:
    columns = values.reshape(len(values), -1)
    there = ~np.isnan(columns)
    low, high = (np.full(columns.shape[1], np.nan) for _ in range(2))
    for at in range(columns.shape[1]):
        some = columns[there[:, at], at]
        if len(some):
            low[at], high[at] = np.quantile(some, (tail, 1 - tail))
    return Drawn(low, high, there.sum(axis=0))


def _most(rates: Numbers) -> Numbers:
    filled = np.where(np.isnan(rates), -np.inf, rates).max(axis=-1)
    return np.where(np.isinf(filled), np.nan, filled)


def _least(rates: Numbers) -> Numbers:
    filled = np.where(np.isnan(rates), np.inf, rates).min(axis=-1)
    return np.where(np.isinf(filled), np.nan, filled)


def _over(parts: Counts | Numbers, of: Counts | Numbers) -> Numbers:
    """Divide; NaN where there is nothing to divide by."""
    found = np.full(parts.shape, np.nan)
    np.divide(parts, of, out=found, where=of > 0)
    return found
