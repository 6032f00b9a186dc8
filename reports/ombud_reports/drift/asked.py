# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a report on drift is asked: the reference window, and how to count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ombud_reports.drift.binning import CHOICES
from ombud_reports.errors import OptionInvalid
from ombud_reports.kinds import Option, Options
from ombud_reports.options import parse_moment
from ombud_reports.result import Window
from ombud_reports.rows import ATTEMPTS, Windows, highest_attempt

EXACT_ROWS: Final = 2_000_000

OPTIONS: Final = (
    Option("reference_from", "moment", "begin of the reference window; goes with reference-to"),
    Option("reference_to", "moment", "end of the reference window, at most the begin of the report's"),
    Option(
        "first_days",
        "integer",
        "take the first so many days of the report's window as reference; without this and the other two, "
        "the reference is the window of equal length before",
        least=1,
        most=36_500,
    ),
    Option("bins", "text", "bins of PSI and Jensen-Shannon", default="quantile", choices=CHOICES),
    ATTEMPTS,
    Option(
        "exact_rows",
        "integer",
        "rows of both windows up to which values are compared one by one, above in 4,096 bins",
        default=EXACT_ROWS,
        least=0,
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one report, read."""

    windows: Windows
    bins: str
    highest_attempt: int
    exact_rows: int


def read(options: Options, window: Window) -> Asked:
    """Read the options. Raises OptionInvalid."""
    exact = options["exact_rows"]
    assert isinstance(exact, int)  # noqa: S101 - the option's type
    return Asked(_windows(options, window), str(options["bins"]), highest_attempt(options), exact)


def _windows(options: Options, window: Window) -> Windows:
    begin, end = window.begin, window.end
    days = options["first_days"]
    given = {name: options[name] for name in ("reference_from", "reference_to")}
    if days is not None:
        if any(value is not None for value in given.values()):
            raise OptionInvalid("first_days: excludes reference_from and reference_to; give one or the other")
        assert isinstance(days, int)  # noqa: S101 - the option's type
        middle = begin + timedelta(days=days)
        if middle >= end:
            raise OptionInvalid(f"first_days: is {days}, must end before the report's window does, {end}")
        return Windows(begin, middle, middle, end)
    if all(value is None for value in given.values()):
        return Windows(begin - (end - begin), begin, begin, end)
    moments: dict[str, datetime] = {}
    for name, value in given.items():
        if value is None:
            raise OptionInvalid(f"{name}: is not given, must be where the other end of the reference is")
        moments[name] = parse_moment(str(value), name)
    if not moments["reference_from"] < moments["reference_to"] <= begin:
        expected = f"must be after reference_from and at most the begin of the window, {begin}"
        raise OptionInvalid(f"reference_to: is {moments['reference_to']}, {expected}")
    return Windows(**moments, current_from=begin, current_to=end)
