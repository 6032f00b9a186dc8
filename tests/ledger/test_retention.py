# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Periods by the calendar, and what a `system` entry declares."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud_ledger.retention import Period, declared_by, outlives, parse_period

PERIODS = st.builds(Period, st.integers(1, 100), st.sampled_from("ymd"))


@pytest.mark.parametrize(
    ("start", "period", "last"),
    [
        ("2026-01-31", "1m", "2026-02-28"),
        ("2024-01-31", "1m", "2024-02-29"),
        ("2024-02-29", "1y", "2025-02-28"),
        ("2024-02-29", "4y", "2028-02-29"),
        ("2025-08-31", "6m", "2026-02-28"),
        ("2025-12-01", "1m", "2026-01-01"),
        ("2025-11-30", "1m", "2025-12-30"),
        ("2025-12-31", "12m", "2026-12-31"),
        ("2026-01-01", "180d", "2026-06-30"),
    ],
)
def test_periods_go_by_the_calendar(start: str, period: str, last: str) -> None:
    """Months end on the same day, or on the month's last; days are counted from the day after."""
    assert date.fromisoformat(last) == parse_period(period).last_day(date.fromisoformat(start))


def test_a_period_is_over_when_its_last_day_is() -> None:
    """What is of a day is kept through the whole of the period's last day, UTC."""
    noon = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp() * 1e6)
    assert int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1e6) == Period(1, "m").over(noon)


@pytest.mark.parametrize(
    "text", ["", "1", "y", "01y", "0d", "1w", "1Y", "-1d", "1.5y", "1y ", "101y", "99999d"]
)
def test_other_spellings_are_refused(text: str) -> None:
    """There is one way to write a period."""
    with pytest.raises(ValueError, match="must be a whole number and y"):
        parse_period(text)


@given(PERIODS)
def test_a_period_prints_as_it_was_read(period: Period) -> None:
    """Reading what was printed gives the same period."""
    assert parse_period(str(period)) == period


@given(PERIODS, PERIODS, st.dates(date(2026, 1, 1), date(2096, 1, 1)).filter(lambda day: day.year < 2090))
def test_what_does_not_outlive_ends_first(one: Period, other: Period, start: date) -> None:
    """If a period never outlives another, it ends no later from any day."""
    if start.year + max(one.count, other.count) < 2100 and not outlives(one, other):
        assert one.last_day(start) <= other.last_day(start)


def test_a_declaration_is_whole_or_none() -> None:
    """A `system` entry without all periods, or with facts that outlive entries, declares nothing."""
    good = {"entries": "10y", "facts": "24m", "payloads": "90d"}
    record = {"system": "s", "digest": "0" * 64, "retention": good}
    found = declared_by(7, record)
    assert found is not None
    assert (found.system, found.entry, str(found.periods["facts"])) == ("s", 7, "24m")
    for bad in ({}, {**good, "facts": "11y"}, {**good, "facts": "soon"}, {"entries": "10y"}, "10y"):
        assert declared_by(7, {**record, "retention": bad}) is None
    assert declared_by(7, {"system": "s", "digest": "0" * 64}) is None
