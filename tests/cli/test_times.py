# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Times that options give."""

from __future__ import annotations

from datetime import datetime

import pytest

from ombud_cli.failure import Exit, Failure
from ombud_cli.times import parse_time, parse_us, parse_us_since_1970, shown_time


def test_a_time_is_utc_unless_it_says_otherwise() -> None:
    """A day, a moment and one elsewhere; no text is no time."""
    assert parse_time("2026-03-01", "--from") == datetime(2026, 3, 1)  # noqa: DTZ001
    assert parse_time("2026-03-01T01:30:00+02:00", "--from") == datetime(2026, 2, 28, 23, 30)  # noqa: DTZ001
    assert (parse_us("1970-01-01T00:00:01.5Z", "--from"), parse_us("", "--from")) == (1_500_000, None)
    assert shown_time(1_500_000) == "1970-01-01T00:00:01+00:00"


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"])
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    """Also what leaves the calendar once it is in UTC."""
    with pytest.raises(Failure, match=r"--from: is '.*', must be a time in ISO 8601") as refused:
        parse_time(text, "--from")
    assert refused.value.code is Exit.UNUSABLE


def test_what_people_tell_of_happened_since_1970() -> None:
    """The wire has no times before it."""
    with pytest.raises(Failure, match="--aware: is '1969-12-31', must be a time since 1970"):
        parse_us_since_1970("1969-12-31", "--aware")
