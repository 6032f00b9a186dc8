# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Times as people write them, ISO 8601, in UTC unless they say otherwise; and as they are shown."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from ombud_cli.failure import unusable

Begin = Annotated[
    str, typer.Option("--from", metavar="TIME", help="From then on; ISO 8601, UTC if not said.")
]
End = Annotated[str, typer.Option("--to", metavar="TIME", help="Before then; ISO 8601, UTC if not said.")]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(text: str) -> datetime | None:
    """Read a time or a day, in UTC; None for what is neither."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # a day that is in year 0, or 10000, once it is in UTC
        return None


def parse_time(text: str, option: str) -> datetime | None:
    """Read the time an option gives as naive UTC, as SQL has it; None where there is no text.

    Raises `Failure`.
    """
    if not text:
        return None
    time = read_time(text)
    if time is None:
        raise unusable(f"{option}: is {text[:80]!r}, must be a time in ISO 8601, as 2026-01-31T12:00:00Z")
    return time.replace(tzinfo=None)


def parse_us(text: str, option: str) -> int | None:
    """Read the time an option gives in microseconds UTC; None where there is no text. Raises `Failure`."""
    time = parse_time(text, option)
    return None if time is None else microseconds_of(time)


def parse_us_since_1970(text: str, option: str) -> int | None:
    """Read the time an option gives as `parse_us`, but nothing before 1970. Raises `Failure`."""
    micros = parse_us(text, option)
    if micros is not None and micros < 0:
        raise unusable(f"{option}: is {text[:80]!r}, must be a time since 1970")
    return micros


def microseconds_of(when: date) -> int:
    """Return a time, or the beginning of a day, as microseconds since the epoch, UTC."""
    moment = when if isinstance(when, datetime) else datetime(when.year, when.month, when.day, tzinfo=UTC)
    since = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def shown_time(micros: int) -> str:
    """Show microseconds since the epoch; nothing for 0."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).isoformat(timespec="seconds") if micros else ""
