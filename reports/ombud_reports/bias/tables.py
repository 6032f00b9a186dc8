# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of bias, from cells: rates with their intervals, and what lies between groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ombud_reports.bias.rates import Counts
from ombud_reports.result import Figure
from ombud_reports.wilson import wilson

FAIRLEARN: Final = "as fairlearn.metrics defines it"


@dataclass(frozen=True, slots=True)
class Draws:
    """How the bootstrap draws."""

    replicates: int
    seed: int


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
