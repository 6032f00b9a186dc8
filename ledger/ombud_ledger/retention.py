# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How long what is recorded is kept: periods, how they are counted, what a `system` entry declares. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

PARTS: Final = ("entries", "facts", "payloads")
"""What has a period of its own; neither facts nor payloads may outlive entries."""
SPELLING: Final = "a whole number and y (years), m (months) or d (days), as in 10y, 24m or 180d; at most 100y"
_PERIOD: Final = re.compile(r"([1-9][0-9]{0,4})([ymd])")
_MOST: Final = {"y": 100, "m": 1_200, "d": 36_525}
# Starts that meet every month and a leap year. (2100 is none: a period across it may be a day out.)
_STARTS: Final = tuple(date(2025, 1, 1) + timedelta(days=day) for day in range(4 * 365 + 1))


@dataclass(frozen=True, slots=True)
class Period:
    """A number of years, months or days, by the calendar."""

    count: int
    unit: str  # y, m or d

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def last_day(self, start: date) -> date:
        """Return the last day of the period that begins on the day after `start`.

        As Regulation (EEC, Euratom) No 1182/71, Article 3, counts: the day of the event does not count;
        months end on the day of the same number, or on the month's last where it has no such day.
        """
        if self.unit == "d":
            return start + timedelta(days=self.count)
        months = self.count * (12 if self.unit == "y" else 1) + start.year * 12 + start.month - 1
        year, month = divmod(months, 12)
        ends = date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)
        return ends.replace(day=min(start.day, ends.day))

    def over(self, ts: int) -> int:
        """Return the moment from which on what is of `ts` has been kept long enough; microseconds UTC."""
        day = datetime.fromtimestamp(ts // 1_000_000, UTC).date()
        after = datetime.combine(self.last_day(day) + timedelta(days=1), datetime.min.time(), UTC)
        return int(after.timestamp()) * 1_000_000


SIX_MONTHS: Final = Period(6, "m")


def parse_period(text: str) -> Period:
    """Read a period as `str` spells it. Raises ValueError."""
    match = _PERIOD.fullmatch(text)
    if match is None or int(match[1]) > _MOST[match[2]]:
        raise ValueError(f"must be {SPELLING}")
    return Period(int(match[1]), match[2])


def outlives(one: Period, other: Period) -> bool:
    """Say whether some day of the calendar exists from which on `one` lasts longer than `other`."""
    if "d" not in (one.unit, other.unit) or one.unit == other.unit:
        scale = {"y": 12, "m": 1, "d": 1}
        return one.count * scale[one.unit] > other.count * scale[other.unit]
    return any(one.last_day(start) > other.last_day(start) for start in _STARTS)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a system declares; `entry` is where in the log it does, `digest` its system file, by SHA-256."""

    system: str
    digest: str
    entry: int
    periods: Mapping[str, Period]  # by part


def declared_by(seq: int, record: Mapping[str, Any]) -> Declaration | None:
    """Return the declaration of a `system` entry, None where it declares none that can be relied on."""
    said = record.get("retention")
    system, digest = record.get("system"), record.get("digest")
    if not isinstance(said, Mapping) or not isinstance(system, str) or not isinstance(digest, str):
        return None
    try:
        periods = {part: parse_period(said[part]) for part in PARTS}
    except (KeyError, TypeError, ValueError):
        return None
    if any(outlives(periods[part], periods["entries"]) for part in PARTS):
        return None
    return Declaration(system, digest, seq, periods)
