# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The codec: one byte string per value, every other refused."""

import enum
import json
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ombud_ledger import RecordInvalid, canonical
from ombud_ledger.shapes import Shapes

LIMIT = 64 * 1024
KEYS = st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=8)


@given(OBJECTS)
@settings(max_examples=200, deadline=None)
def test_round_trip(value: dict[str, Any]) -> None:
    """Parsing gives back what was encoded, and the bytes are those of the standard encoder, sorted."""
    data = canonical.encode(value, limit=LIMIT)
    assert canonical.parse(data, limit=LIMIT) == value
    assert data == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(OBJECTS, st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_no_second_spelling(value: dict[str, Any], at: int, byte: int) -> None:
    """A changed byte either is refused or spells another value: no value has two spellings."""
    data = bytearray(canonical.encode(value, limit=LIMIT))
    at %= len(data)
    if data[at] == byte:
        return
    data[at] = byte
    try:
        parsed = canonical.parse(bytes(data), limit=LIMIT)
    except RecordInvalid:
        return
    assert parsed != value


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    """Random bytes give an object or RecordInvalid, never another exception."""
    try:
        parsed = canonical.parse(data, limit=LIMIT)
    except RecordInvalid:
        return
    assert canonical.encode(parsed, limit=LIMIT) == data


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": None}, "NoneType is not of the subset"),
        ({"a": 1.5}, "float is not of the subset"),
        ({"a": {"b": [1, None]}}, "NoneType is not of the subset"),
        ({"a": 2**53}, "beyond 2\\^53-1"),
        ({"a": [-(2**53)]}, "beyond 2\\^53-1"),
        ({"A": 1}, "must be 1 to 64"),
        ({"": 1}, "must be 1 to 64"),
        ({"a" * 65: 1}, "must be 1 to 64"),
        ({1: 1}, "keys must be strings|expected string"),
        ({"a": "\ud800"}, "lone surrogate"),
        ({"a": "x" * 11}, "at most 10 allowed"),
        ({"a": ["x" * 11]}, "at most 10 allowed"),
        ({"a": b"x"}, "bytes is not of the subset"),
        ({"a": list(range(99))}, "at most 64 allowed"),
    ],
)
def test_refused_values(value: dict[str, Any], reason: str) -> None:
    """What the subset leaves out is refused by name."""
    with pytest.raises(RecordInvalid, match=reason):
        canonical.encode(value, limit=64, longest=10)


def test_depth_is_bounded() -> None:
    """Nesting past the limit is refused, in values and in bytes, without exhausting the stack."""
    value: dict[str, Any] = {}
    for _ in range(canonical.MAX_DEPTH):
        value = {"a": value}
    with pytest.raises(RecordInvalid, match="nested deeper"):
        canonical.encode(value, limit=LIMIT)
    for data in (b'{"a":' + b"[" * 20_000, b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"):
        with pytest.raises(RecordInvalid, match=r"nested deeper|not JSON"):
            canonical.parse(data, limit=LIMIT)


def test_the_message_never_holds_the_value() -> None:
    """A refusal names the key, not the value, which may be about a person."""
    with pytest.raises(RecordInvalid) as caught:
        canonical.encode({"name": "Jane Doe of Utrecht"}, limit=100, longest=5)
    assert "Jane" not in str(caught.value)
    assert "name" in str(caught.value)


class Loud(str):
    """A kind of string; not of the subset."""

    __slots__ = ()


class Level(enum.IntEnum):
    """A kind of integer; not of the subset."""

    HIGH = 1


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 1.5, float("nan"), 2**53, -(2**53), 2**64, "\ud800", "x" * 30, b"x", Loud("x"), Level.HIGH]
) | st.sampled_from(
    [UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC), (1, "a"), ({"a": (None,)},), [[1]], [{"b": 1}], {1}]
)
ODD_KEYS = KEYS | st.sampled_from(["A", "", "a" * 65, "a\n", "é", 1, None, True, Loud("a")])
ODDLY = st.recursive(
    LEAVES | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(OBJECTS | st.dictionaries(ODD_KEYS, ODDLY, max_size=4), st.sampled_from([10, 60, LIMIT]))
@settings(max_examples=800, deadline=None)
def test_the_quick_encoder_is_as_strict(value: dict[Any, Any], limit: int) -> None:
    """What is encoded, and what is refused with which words, is what the exact encoder says."""

    def told(encode: Callable[..., bytes]) -> bytes | str:
        try:
            return encode(value, limit=limit, longest=20)
        except RecordInvalid as error:
            return str(error)

    assert told(canonical.encode) == told(canonical.encode_exactly)


@pytest.mark.parametrize("levels", [14, 15, 16, 300])
def test_the_quick_encoder_goes_as_deep(levels: int) -> None:
    """The deepest nesting is the same, of objects and of arrays."""
    for wrap in (lambda inner: {"a": inner}, lambda inner: [inner]):
        value: Any = 1
        for _ in range(levels):
            value = wrap(value)
        told = []
        for encode in (canonical.encode, canonical.encode_exactly):
            try:
                told.append(encode({"a": value}, limit=LIMIT, longest=LIMIT))
            except RecordInvalid as error:
                told.append(str(error).encode())
        assert told[0] == told[1]


SHAPED = st.fixed_dictionaries(
    {
        "a": LEAVES,
        "b": st.dictionaries(st.sampled_from("xyz"), LEAVES, max_size=3),
        "c": st.lists(LEAVES, max_size=2),
    },
    optional={"d": LEAVES},
)
SPLICES = (
    "0",
    "9" * 16,
    "-",
    "-0",
    '\\"',
    ".5",
    "e1",
    " ",
    '"',
    ":",
    ",",
    "{",
    "]",
    "\\",
    "\x01",
    "é",
    "null",
    "true",
    "a",
)


@given(st.lists(SHAPED, min_size=1, max_size=6), st.integers(0, 300), st.sampled_from(SPLICES), st.booleans())
@settings(max_examples=600, deadline=None)
def test_shapes_are_as_strict(values: list[dict[str, Any]], at: int, splice: str, instead: bool) -> None:
    """The parser that remembers shapes accepts and refuses exactly what the plain one does."""
    shapes = Shapes(LIMIT)
    for value in values:
        data = canonical.encode(value, limit=LIMIT)
        assert shapes.parse(data) == shapes.parse(data) == value
        at %= len(data)
        changed = data[:at] + splice.encode() + data[at + instead :]
        try:
            expected = canonical.parse(changed, limit=LIMIT)
        except RecordInvalid:
            with pytest.raises(RecordInvalid):
                shapes.parse(changed)
        else:
            assert shapes.parse(changed) == expected
