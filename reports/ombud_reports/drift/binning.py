# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Bins of one numeric column for PSI and Jensen-Shannon. The same data gives other figures in other bins."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ombud_reports.drift.pair import Counts, Numbers, Pair

CHOICES: Final = ("quantile", "sturges", "doane")
PARTS: Final = 10
ABOUT: Final = {
    "quantile": "10 bins between the deciles of the reference window, the upper end of each in it",
    "sturges": "bins of equal width over both windows, as many as Sturges' rule says (as numpy, and "
    "Evidently)",
    "doane": "bins of equal width over both windows, as many as Doane's rule says (as numpy)",
}


def binned(pair: Pair, how: str) -> tuple[Counts, Counts]:
    """Return the counts of both windows in the bins of a rule."""
    if how == "quantile":
        return pair.counts(pair.quantiles(PARTS))
    edges = equal_width(pair, how)
    return pair.counts_below(edges) if not pair.width else pair.counts(edges[1:-1])


def equal_width(pair: Pair, rule: str) -> Numbers:
    """Return the edges of numpy's rule over both windows. Where all values are one, its one bin is 1 wide."""
    below = pair.reference + pair.current
    counts = np.diff(np.concatenate(([0], below)))
    if pair.width:
        used = np.flatnonzero(counts)
        least = float(pair.points[used[0]] - pair.width)
        most = float(pair.points[used[-1]])
        values = pair.points - pair.width / 2
    else:
        least, most = float(pair.points[0]), float(pair.points[-1])
        values = pair.points
    if least == most:
        return np.array([least - 0.5, most + 0.5])
    n = int(below[-1])
    width = (most - least) / (math.log2(n) + 1)
    if rule == "doane":
        width = _doane(values, counts, n, most - least)
    return (
        np.linspace(least, most, math.ceil((most - least) / width) + 1) if width else np.array([least, most])
    )


def _doane(values: Numbers, counts: Counts, n: int, spread: float) -> float:
    if n <= 2:
        return 0.0
    mean = float(np.sum(values * counts)) / n
    apart = values - mean
    deviation = math.sqrt(float(np.sum(counts * apart**2)) / n)
    if deviation <= 0:
        return 0.0
    skewness = abs(float(np.sum(counts * (apart / deviation) ** 3)) / n)
    unsure = math.sqrt(6.0 * (n - 2) / ((n + 1.0) * (n + 3)))
    return spread / (1.0 + math.log2(n) + math.log2(1.0 + skewness / unsure))
