# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Times as people write them, ISO 8601, in UTC unless they say otherwise; and as they are shown."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ombud_cli.failure import unusable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(text: str) -> datetime | None:
    """Read a time or a day; None for what is neither."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def microseconds_of(when: date) -> int:
    """Return a time, or the beginning of a day, as microseconds since the epoch, UTC."""
    moment = when if isinstance(when, datetime) else datetime(when.year, when.month, when.day, tzinfo=UTC)
    since = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def given_time(option: str, text: str) -> int:
    """Read the time an option gives, in microseconds UTC; raise `Failure`."""
    found = read_time(text)
    if found is None or found.year < 1970:
        raise unusable(f"{option}: is {text[:80]!r}, must be a time in ISO 8601, as 2026-03-01T12:00:00Z")
    return microseconds_of(found)


def shown_time(micros: int) -> str:
    """Show microseconds since the epoch; nothing for 0."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).isoformat(timespec="seconds") if micros else ""
