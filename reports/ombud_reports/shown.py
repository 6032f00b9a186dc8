# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Figures as people read them: units, thousands, intervals, few digits. What is exact stands in the JSON."""

from __future__ import annotations

import math
import re
from typing import Final

from ombud_reports.result import Figure, Scalar

_DIGITS: Final = 4
_TIMES: Final = ((86_400e6, "d"), (3_600e6, "h"), (60e6, "min"), (1e6, "s"), (1e3, "ms"))
_MICRO: Final = "micro-"
"""A unit `micro-USD` is a millionth of a dollar, as `cost_micros` is."""


def shown(figure: Figure) -> str:
    """Return a figure with unit and interval, or why there is none."""
    if figure.value is None:
        return figure.absent
    text = quantity(figure.value, figure.unit)
    interval = figure.interval
    if interval is not None:
        low, high = quantity(interval.low, figure.unit), quantity(interval.high, figure.unit)
        text += f" ({low} to {high}, {interval.level:.0%})"
    return text


def quantity(value: Scalar, unit: str) -> str:
    """Return a value with its unit."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return f"{value} {unit}".rstrip()
    if unit == "us":
        return _lasting(value)
    if unit == "share":
        return f"{number(100 * value)} %"
    if unit.startswith(_MICRO):
        return f"{number(value / 1e6)} {unit.removeprefix(_MICRO)}"
    if value == 1 and unit.isalpha() and len(unit) > 2:
        unit = re.sub("s$", "", re.sub("ies$", "y", unit))  # calls, entries
    return f"{number(value)} {unit}".rstrip()


def number(value: float) -> str:
    """Return a number with thousands set apart: whole ones whole, others to four digits that count."""
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    size = math.floor(math.log10(abs(value)))
    if size < -_DIGITS:
        return f"{value:.{_DIGITS - 1}g}"
    text = f"{value:,.{max(_DIGITS - 1 - size, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lasting(us: float) -> str:
    for scale, unit in _TIMES:
        if abs(us) >= scale:
            return f"{number(us / scale)} {unit}"
    return f"{number(us)} µs" if us else "0 s"
