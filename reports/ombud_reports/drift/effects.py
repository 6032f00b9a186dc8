# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Distances between counts, and what chance alone would make of them.

All take the counts of reference and current window over the same bins or categories.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from ombud_reports.drift.pair import Counts, Numbers

FILL = 1e-4
"""Share that an empty bin counts with in PSI, whose logarithm has no zero; the others stay as they are."""


def psi(reference: Counts, current: Counts, fill: float = FILL) -> float:
    """Return the population stability index: sum of (q - p) ln(q / p) over shares p and q.

    An empty bin counts as the share `fill`. A bin that is empty in both counts nothing.
    """
    p, q = _shares(reference, current)
    p, q = np.where(p == 0, fill, p), np.where(q == 0, fill, q)
    return float(np.sum((q - p) * np.log(q / p)))


def expected_psi(reference: Counts, current: Counts) -> float:
    """Return what PSI comes to by chance alone: (bins - 1) (1/n + 1/m), to first order."""
    used = int(np.count_nonzero(reference + current))
    return max(used - 1, 0) * (1 / int(reference.sum()) + 1 / int(current.sum()))


def jensen_shannon(reference: Counts, current: Counts, base: float = 2.0) -> float:
    """Return the Jensen-Shannon distance, the root of the divergence: 0 to 1 in base 2.

    As scipy.spatial.distance.jensenshannon. Empty bins need no fill.
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    divergence = float(np.sum(special.rel_entr(p, middle) + special.rel_entr(q, middle))) / 2
    return math.sqrt(max(divergence, 0.0) / math.log(base))


def chi_square(reference: Counts, current: Counts) -> tuple[float, int, float]:
    """Return chi-square of the table of both rows, its degrees of freedom, and the p-value.

    As scipy.stats.chi2_contingency without correction; bins empty in both are left out.
    """
    table = _table(reference, current)
    freedom = table.shape[1] - 1
    if freedom < 1:
        return 0.0, 0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return statistic, freedom, float(special.chdtrc(freedom, statistic))


def cramers_v(reference: Counts, current: Counts) -> float:
    """Return Cramér's V of the same table: the root of chi-square over rows, 0 to 1."""
    statistic, _, _ = chi_square(reference, current)
    return math.sqrt(statistic / int(reference.sum() + current.sum()))


def kolmogorov_p(distance: float, n: int, m: int) -> float:
    """Return the p-value of a Kolmogorov-Smirnov distance by its limiting distribution (scipy kstwobign)."""
    return float(special.kolmogorov(math.sqrt(n * m / (n + m)) * distance))


def two_shares_p(hits: tuple[int, int], sizes: tuple[int, int]) -> float:
    """Return the p-value of two shares being one: chi-square of the 2 by 2 table."""
    with_it = np.array(hits, np.int64)
    without = np.array(sizes, np.int64) - with_it
    reference = np.array([with_it[0], without[0]])
    current = np.array([with_it[1], without[1]])
    return chi_square(reference, current)[2]


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return adjusted p-values (Benjamini and Hochberg 1995): those up to q hold at false discovery rate q.

    As scipy.stats.false_discovery_control.
    """
    if not p:
        return []
    order = np.argsort(p)[::-1]
    ranks = np.arange(len(p), 0, -1)
    adjusted = np.minimum.accumulate(np.asarray(p)[order] * len(p) / ranks)
    found = np.empty(len(p))
    found[order] = np.minimum(adjusted, 1)
    return [float(each) for each in found]


def _shares(reference: Counts, current: Counts) -> tuple[Numbers, Numbers]:
    table = _table(reference, current)
    return table[0] / table[0].sum(), table[1] / table[1].sum()


def _table(reference: Counts, current: Counts) -> npt.NDArray[np.int64]:
    table = np.stack((reference, current))
    return table[:, table.sum(axis=0) > 0]
