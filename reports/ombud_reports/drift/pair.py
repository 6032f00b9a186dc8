# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Two samples of one numeric column, as counts below points: what every distance between them follows from.

The points are the values themselves, or the edges of narrow bins of equal width. Either way the counts are
exact at the points; in between, bins leave room for an error, and `Distance` bounds it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
_ONE: Final = 1 << 64
"""Units of what is summed up exactly."""


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance, and by how much binning can have changed it; 0 where it is exact."""

    value: float
    error: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """How many rows of reference and current window are at most each point.

    `points` ascend. `width` is that of a bin, or 0 where the points are all the values there
    are. `mean` and `deviation` (divisor n) are of the reference.
    """

    points: Numbers
    reference: Counts
    current: Counts
    mean: float
    deviation: float
    current_mean: float
    width: float = 0.0

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows of the reference and of the current window."""
        return (int(self.reference[-1]), int(self.current[-1])) if len(self.points) else (0, 0)

    def shares(self) -> tuple[Numbers, Numbers]:
        """Return both distribution functions at the points."""
        n, m = self.sizes
        return self.reference / n, self.current / m

    def kolmogorov_smirnov(self) -> Distance:
        """Return the largest distance between the distribution functions (as scipy.stats.ks_2samp)."""
        f, g = self.shares()
        found = float(np.max(np.abs(f - g)))
        if not self.width:
            return Distance(found)
        f0, g0 = np.concatenate(([0.0], f[:-1])), np.concatenate(([0.0], g[:-1]))
        most = float(np.max(np.maximum(f - g0, g - f0)))
        return Distance(found, max(most - found, 0.0))

    def wasserstein(self) -> Distance:
        """Return Wasserstein-1, in the column's unit (as scipy.stats.wasserstein_distance).

        In bins, every value counts as its bin's middle, which moves neither sample by more than half a width.
        """
        f, g = self.shares()
        return Distance(float(np.sum(np.abs(f - g)[:-1] * np.diff(self.points))), self.width)

    def quantiles(self, parts: int) -> Numbers:
        """Return the least points that 1/parts, 2/parts, ... of the reference are at most, each once."""
        n, _ = self.sizes
        ranks = [-(-n * part // parts) for part in range(1, parts)]
        return np.unique(self.points[np.searchsorted(self.reference, ranks, side="left")])

    def counts(self, edges: Numbers) -> tuple[Counts, Counts]:
        """Return the rows of each window in (-inf, edge], (edge, edge], ..., (edge, inf)."""
        return self._between(np.searchsorted(self.points, edges, side="right"))

    def counts_below(self, edges: Numbers) -> tuple[Counts, Counts]:
        """Return the rows in [edge, edge), ..., the last bin closed (as numpy.histogram)."""
        at = np.searchsorted(self.points, edges[1:-1], side="left")
        return self._between(at)

    def _between(self, at: npt.NDArray[np.intp]) -> tuple[Counts, Counts]:
        found = []
        for below in (self.reference, self.current):
            cut = np.concatenate(([0], below))[at]
            found.append(np.diff(np.concatenate(([0], cut, below[-1:]))))
        return found[0], found[1]


def exact(reference: Numbers, current: Numbers) -> Pair:
    """Return the pair of two samples, each of at least one finite value. Sorts both where they lie."""
    reference.sort()
    current.sort()
    both = np.concatenate((reference, current))
    order = np.argsort(both, kind="stable")  # two runs, merged
    points = both[order]
    last = np.concatenate((points[1:] != points[:-1], [True]))  # of those that are equal
    below = np.cumsum(order < len(reference), dtype=np.int64)[last]
    points = points[last]
    return Pair(
        points,
        below,
        np.flatnonzero(last) + 1 - below,
        mean=float(np.mean(reference)),
        deviation=float(np.std(reference)),
        current_mean=float(np.mean(current)),
    )


class Bins:
    """A pair that is filled batch by batch, in bins (a, b] of equal width from `least` to `most`."""

    def __init__(self, least: float, most: float, bins: int, *, whole: bool = False) -> None:
        """With `whole`, each bin holds one whole number, its upper end, and nothing is lost."""
        self._least, self._bins, self._whole = least, bins, whole
        # Halved first: the range of two finite numbers may itself be none.
        self._width = max((most / 2 - least / 2) / bins * 2, np.finfo(np.float64).tiny)
        self._counts = np.zeros((2, bins), np.int64)
        self._middle = float(least / 2 + most / 2)
        # A power of two, for dividing by it loses nothing; no value is twice as far from the middle.
        _, exponent = math.frexp(max(most - self._middle, self._middle - least))
        self._reach = math.ldexp(1.0, min(exponent, 1023))
        self._sums = [0, 0]
        self._squares = [0, 0]

    def add(self, values: Numbers, window: int) -> None:
        """Count at most 500,000 values of the reference (0) or the current window (1)."""
        place = values - self._least
        place /= self._width
        at = np.ceil(place, out=place).astype(np.int64)
        at -= 1
        np.clip(at, 0, self._bins - 1, out=at)
        self._counts[window] += np.bincount(at, minlength=self._bins)
        apart = values - self._middle
        apart /= self._reach
        self._sums[window] += _units(apart)
        apart *= apart
        self._squares[window] += _units(apart)

    def pair(self) -> Pair:
        """Return what was counted."""
        below = self._counts.cumsum(axis=1)
        (mean, deviation), (current_mean, _) = (
            self._moments(window, int(below[window, -1])) for window in (0, 1)
        )
        return Pair(
            np.asarray(self._least + self._width * np.arange(1, self._bins + 1), np.float64),
            below[0],
            below[1],
            mean=mean,
            deviation=deviation,
            current_mean=current_mean,
            width=0.0 if self._whole else float(self._width),
        )

    def _moments(self, window: int, rows: int) -> tuple[float, float]:
        n, total, squares = max(rows, 1), self._sums[window], self._squares[window]
        variance = max(n * squares * _ONE - total * total, 0) / (n * _ONE) ** 2
        mean = self._middle + total / (n * _ONE) * self._reach
        return mean, math.sqrt(variance) * self._reach


def _units(parts: Numbers) -> int:
    """Return the sum of at most 500,000 numbers from -4 to 4, in units of 2^-64.

    What is added are whole numbers below 2^53, so the order of rows, which no engine promises, changes
    nothing.
    """
    scaled = parts * 2.0**32
    high = np.rint(scaled)
    scaled -= high  # in place, as below: a new array costs more than what is done with it
    scaled *= 2.0**32
    return (int(high.sum()) << 32) + int(np.rint(scaled, out=scaled).sum())
