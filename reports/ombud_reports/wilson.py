# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Wilson's interval of one share (Wilson 1927)."""

from __future__ import annotations

import math
from typing import Final

from scipy import special

from ombud_reports.result import Interval

LEVEL: Final = 0.95


def wilson(hits: int, of: int, level: float = LEVEL) -> Interval:
    """Return the interval, without continuity correction (as scipy's `proportion_ci(method="wilson")`)."""
    if not 0 <= hits <= of or of == 0:
        raise ValueError(f"{hits} of {of}: must be a share of something")
    z = float(special.ndtri((1 + level) / 2))
    share, square = hits / of, z * z / of
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    # At the ends the formula is exact in numbers that are not rounded, and these are.
    low = max(middle - half, 0.0) if hits else 0.0
    high = min(middle + half, 1.0) if hits < of else 1.0
    return Interval(low, high, level, "Wilson")
