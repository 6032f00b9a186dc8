# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Printing records from their columns: what prints is canonical and truly projected, and most records do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from benchmarks.ledger_sample import RECORD
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import samples
from ombud_ledger import RecordInvalid, canonical, tables, verify
from ombud_ledger import facts as facts_of
from ombud_ledger.columns import COLUMNS, project
from ombud_ledger.facts import Column
from ombud_ledger.reprint import records_printed, values_printed

LIMIT = canonical.MAX_RECORD


@pytest.fixture(autouse=True, scope="module")
def few_are_enough() -> Iterator[None]:
    """Let single rows be printed, which otherwise are sooner parsed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ombud_ledger.reprint._FEW", 1)
        yield


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', "\\", '\\"', '","', '":"', "\x00", "\n", "\x7f", "é", '"facts_commit":"', "a" * 64]
)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
OF = {
    "varchar": TEXTS,
    "bigint": WHOLE,
    "timestamp": st.integers(-5, 2**50),
    "boolean": st.booleans(),
    "varchar[]": st.lists(TEXTS, max_size=3),
}
ANY = TEXTS | WHOLE | st.booleans() | st.lists(TEXTS | WHOLE, max_size=2)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Return a record of the format's columns, some of another type, some of other keys."""
    record: dict[str, Any] = {}
    for column in draw(st.lists(st.sampled_from(COLUMNS), max_size=6, unique=True)):
        place = record
        for key in column.path[:-1]:
            place = place.setdefault(key, {})
        place[column.path[-1]] = draw(OF[column.type] if draw(st.integers(0, 9)) else ANY)
    if draw(st.booleans()):
        record["facts_commit"] = draw(st.sampled_from(["ab" * 32, "AB" * 32, "ab", 'x"']) | TEXTS)
    if not draw(st.integers(0, 9)):
        record[draw(st.sampled_from(["a", "steps", "zz"]))] = draw(ANY)
    return {"ts": 1, **record}


def batch_of(texts: list[bytes], values: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return rows of an entries file with these records, and the columns of these values."""
    fixed = [pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.binary()).view(pa.string())]
    chains = pa.array([bytes(32)] * len(texts), pa.binary(32))
    typed = tables.arrays(project(values), tables.entries_projection())
    return pa.RecordBatch.from_arrays([*fixed, chains, *typed], schema=tables.entries_schema())


def holds(text: bytes, value: dict[str, Any]) -> bool:
    """Say whether a text is canonical, and the columns of a value are those of the text."""
    try:
        return project([canonical.parse(text, limit=LIMIT)]) == project([value])
    except RecordInvalid:
        return False


@given(st.lists(records(), min_size=1, max_size=6), st.integers(0, 9), records())
@settings(max_examples=600, deadline=None)
def test_other_columns_never_print(values: list[dict[str, Any]], at: int, other: dict[str, Any]) -> None:
    """With the columns of another record in its place, no row passes that should not."""
    texts = [canonical.encode(value, limit=LIMIT) for value in values]
    values[at % len(values)] = other
    held, commits = records_printed(batch_of(texts, values), texts)
    for text, value, passed, commit in zip(texts, values, held, commits, strict=True):
        if passed:
            assert holds(text, value)
            assert canonical.parse(text, limit=LIMIT).get("facts_commit") == commit


WORDS = rb"""0 - -0 .0 e1 " \ , : { } [] null true \u0041 \" \n "," 99999999999999999""".split()
SPLICES = st.sampled_from([*WORDS, b" ", b"\x01", b"\n", b"\x7f", b"\xff", b"\xed\xa0\x80", "é".encode()])


@given(st.lists(records(), min_size=1, max_size=4), st.integers(0), st.integers(0), SPLICES, st.booleans())
@settings(max_examples=800, deadline=None)
def test_other_bytes_never_print(
    values: list[dict[str, Any]], which: int, at: int, splice: bytes, instead: bool
) -> None:
    """With bytes put in, or in place of others, no row passes that should not."""
    texts = [canonical.encode(value, limit=LIMIT) for value in values]
    which %= len(texts)
    at %= len(texts[which]) + 1
    texts[which] = texts[which][:at] + splice + texts[which][at + instead :]
    held, _ = records_printed(batch_of(texts, values), texts)
    for text, value, passed in zip(texts, values, held, strict=True):
        assert not passed or holds(text, value)


def test_what_a_gateway_writes_prints() -> None:
    """Records as a gateway writes them all pass, of several shapes side by side; the rest is left over."""
    commit = {"facts_commit": "ab" * 32, "facts_contract": "cd" * 32}
    values: list[dict[str, Any]] = [
        {**RECORD, "kind": "decision", "ts": 5, **commit},
        {**RECORD, "kind": "decision", "ts": 6, "reason": 'they said "no\\yes"'},
        {**samples.decision(1), "kind": "decision", "ts": 7},
        {"kind": "close", "ts": 8},
        {"kind": "label", "ts": 9, "id": "käufe"},
        {"kind": "label", "ts": 9, "other": "key"},
        {"kind": "decision", "ts": 9, "policies": []},
    ]
    texts = [canonical.encode(value, limit=LIMIT) for value in values]
    held, commits = records_printed(batch_of(texts, values), texts)
    assert held == [True, True, True, True, False, False, False]
    assert commits[:2] == ["ab" * 32, None]


def test_an_empty_list_is_not_a_list_of_an_empty_text() -> None:
    """The one list of texts whose printing could stand for another."""
    text = canonical.encode({"kind": "decision", "policies": [""], "ts": 1}, limit=LIMIT)
    value: dict[str, Any] = {"kind": "decision", "policies": [], "ts": 1}
    assert records_printed(batch_of([text], [value]), [text]) == ([False], [None])


CONTRACT = tuple(map(Column, ("amount", "f", "n", "text"), ("double", "boolean", "bigint", "varchar")))
NUMBERS = (
    st.floats().map(repr)
    | st.decimals(allow_nan=False, allow_infinity=False).map("{:f}".format)
    | st.sampled_from(["1000", "1000.0", "-0.0", "1e-07", "1e-7", "00.5", "1E5", "5.", "inf", "nan"])
)
VALUES = st.fixed_dictionaries(
    {},
    optional={"amount": NUMBERS | ANY, "f": st.booleans() | ANY, "n": WHOLE | ANY, "text": TEXTS, "x": ANY},
)
FACTS = st.fixed_dictionaries(
    {"values": VALUES},
    optional={"a": ANY, "nested": st.fixed_dictionaries({"values": VALUES}), "zz": ANY | VALUES},
)


def facts_batch(texts: list[bytes], values: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return rows of a facts file with these facts, and the columns of these values."""
    fixed = [pa.array(range(len(texts)), pa.int64()), pa.array([bytes(32)] * len(texts), pa.binary(32))]
    stored = pa.array(texts, pa.binary()).view(pa.string())
    typed = tables.arrays(facts_of.project(values, CONTRACT), tables.facts_projection(CONTRACT))
    return pa.RecordBatch.from_arrays([*fixed, stored, *typed], schema=tables.facts_schema(CONTRACT))


def facts_hold(text: bytes, values: dict[str, Any]) -> bool:
    """Say whether facts are canonical, and the columns of some values are those of theirs."""
    try:
        parsed = canonical.parse(text, limit=canonical.MAX_FACTS)
    except RecordInvalid:
        return False
    own = parsed.get("values")
    return type(own) is dict and facts_of.project([own], CONTRACT) == facts_of.project([values], CONTRACT)


@given(st.lists(FACTS, min_size=1, max_size=6), st.integers(0, 9), VALUES)
@settings(max_examples=600, deadline=None)
def test_other_values_never_print(held: list[dict[str, Any]], at: int, other: dict[str, Any]) -> None:
    """With the columns of other values in their place, no facts pass that should not."""
    texts = [canonical.encode(each, limit=LIMIT) for each in held]
    values = [each["values"] for each in held]
    values[at % len(values)] = other
    for text, value, passed in zip(
        texts, values, values_printed(facts_batch(texts, values), texts), strict=True
    ):
        assert not passed or facts_hold(text, value)


@given(st.lists(FACTS, min_size=1, max_size=4), st.integers(0), st.integers(0), SPLICES, st.booleans())
@settings(max_examples=800, deadline=None)
def test_other_facts_never_print(
    held: list[dict[str, Any]], which: int, at: int, splice: bytes, instead: bool
) -> None:
    """With bytes put in, or in place of others, no facts pass that should not."""
    texts = [canonical.encode(each, limit=LIMIT) for each in held]
    values = [each["values"] for each in held]
    which %= len(texts)
    at %= len(texts[which]) + 1
    texts[which] = texts[which][:at] + splice + texts[which][at + instead :]
    for text, value, passed in zip(
        texts, values, values_printed(facts_batch(texts, values), texts), strict=True
    ):
        assert not passed or facts_hold(text, value)


def test_typical_facts_print() -> None:
    """Facts of plain values all pass, of several shapes side by side; exponents and other keys are left."""
    values: list[dict[str, Any]] = [
        {"amount": "123.456", "f": True, "n": -5, "text": 'a "b"'},
        {"amount": "1000.0", "n": 0},
        {"amount": "-0.0"},
        {},
        {"amount": "1e-07"},
        {"amount": "1.50"},
        {"n": 1, "x": 1},
    ]
    held = [{"request_sha256": "ab" * 32, "values": each, "note": "käufe"} for each in values]
    texts = [canonical.encode(each, limit=LIMIT) for each in held]
    assert values_printed(facts_batch(texts, values), texts) == [True] * 4 + [False] * 3


def test_accounts_agree(tmp_path: Path) -> None:
    """A segment whose rows are printed is as sound, and as broken where it is changed, as one parsed."""
    samples.build(tmp_path, sealed=(12,))
    samples.assert_sound(tmp_path)
    for path in samples.files_of(tmp_path):
        whole = path.read_bytes()
        for at in range(0, len(whole), 1_009):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            printed = verify(tmp_path)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("ombud_ledger.reprint._FEW", 10**9)
                assert verify(tmp_path) == printed
            assert printed.exit_code == 1
        path.write_bytes(whole)
