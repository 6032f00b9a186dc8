# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Decision ids as RFC 9562 lays them out, and which metadata goes on to the next hop."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud_gateway.hops import passed_on
from ombud_gateway.ids import Ids

LAST = (1 << 48) * 1_000 - 1
"""The last microsecond that the 48 bits of milliseconds can hold: in the year 10889."""


@given(now=st.integers(0, LAST), random=st.binary(min_size=8, max_size=8))
def test_layout(now: int, random: bytes) -> None:
    """48 bits of milliseconds, version 7, 12 bits of their fraction, variant 2, 62 random bits."""
    text, drawn = Ids(lambda: now, lambda size: random[:size]).new()
    one = uuid.UUID(text)
    assert str(one) == text
    assert drawn == now
    assert (one.version, one.variant) == (7, uuid.RFC_4122)
    assert one.int >> 80 == now // 1_000
    assert one.int >> 64 & 0xFFF == now % 1_000 * 4096 // 1000
    assert one.int & (1 << 62) - 1 == int.from_bytes(random, "big") & (1 << 62) - 1


@given(st.lists(st.integers(0, LAST), min_size=2, unique=True))
def test_ids_sort_by_time(moments: list[int]) -> None:
    """Text of a later microsecond sorts after text of an earlier one."""
    clock = iter(moments)
    ids = Ids(lambda: next(clock))
    drawn = [(ids.new()[0], moment) for moment in moments]
    assert [moment for _, moment in sorted(drawn)] == sorted(moments)


def test_ids_of_one_microsecond_differ() -> None:
    """A clock that stands still gives ids that differ by chance alone."""
    ids = Ids(lambda: 1_700_000_000_000_000)
    assert len({ids.new()[0] for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "connection",
        "content-type",
        "cookie",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-anything",
        "te",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        ":authority",
        "grpc-timeout",
        "grpc-encoding",
        "ombud-resume",
        "ombud-decision-id",
    ],
)
def test_this_hops_own_stays_here(key: str) -> None:
    """What speaks to this hop, or is gRPC's or Ombud's own, is not passed on."""
    assert passed_on([("before", "1"), (key, "x"), ("after-bin", b"\x00")]) == (
        ("before", "1"),
        ("after-bin", b"\x00"),
    )


def test_what_is_meant_for_the_other_end_passes() -> None:
    """The caller's own entries keep their order and number; so do the upstream's error details."""
    entries = (("x", "1"), ("x", "2"), ("grpc-status-details-bin", b"\x08\x05"), ("x-trace-bin", b""))
    assert passed_on(entries) == entries
