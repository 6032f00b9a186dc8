# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Many at once: the quick ways accept what the exact ones accept, and nothing else."""

import json
import sqlite3
import string
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import samples
from ledger.test_mutation import mutations
from ombud_ledger import RecordInvalid, bulk, canonical, verify
from ombud_ledger import facts as facts_of
from ombud_ledger.columns import COLUMNS, project, project_block
from ombud_ledger.facts import Column
from ombud_ledger.layout import log_layout

LIMIT = 64 * 1024
VECTORS = Path(__file__).parents[2] / "ledger/vectors/records"
KEYS = st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=3)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LEAVES = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)
ANY = st.recursive(
    LEAVES | st.none() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
WORDS = rb"""0 9999999999999999 - -0 \" .5 e1 " : , { ] \ null true a \u001f \u001F \/ \ud800"""
SPLICES = st.sampled_from([*WORDS.split(), b" ", b"\x01", b"\x7f", b"\xff", "é".encode()])


def exactly(texts: list[bytes]) -> list[dict[str, Any]] | None:
    """Return what the exact parser makes of all of them, None if it refuses one."""
    try:
        return [canonical.parse(text, limit=LIMIT) for text in texts]
    except RecordInvalid:
        return None


def at_once(texts: list[bytes]) -> list[dict[str, Any]] | None:
    """Return what the quick parser makes of them, None if it leaves the decision to the exact one."""
    parsed = bulk.parse(texts, limit=LIMIT)
    if parsed is None:
        return None
    # Every object is in one block, once, and its columns are its values.
    rows = sorted(chain.from_iterable(block.rows for block in parsed.blocks))
    assert rows == list(range(len(texts)))
    for block in parsed.blocks:
        for place, at in enumerate(block.rows):
            laid = {key: column[place] for key, column in block.columns.items()}
            assert laid == parsed.each[at]
            assert list(map(type, laid.values())) == list(map(type, parsed.each[at].values()))
    return parsed.each


@given(st.lists(OBJECTS, max_size=5))
@settings(max_examples=300, deadline=None)
def test_what_is_canonical_is_accepted(values: list[dict[str, Any]]) -> None:
    """Everything the exact encoder prints is taken, and gives the same values."""
    texts = [canonical.encode(value, limit=LIMIT) for value in values]
    assert at_once(texts) == exactly(texts) == values


@given(st.lists(OBJECTS, min_size=1, max_size=4), st.integers(0, 300), SPLICES, st.booleans(), st.integers(0))
@settings(max_examples=800, deadline=None)
def test_mutated_records_agree(
    values: list[dict[str, Any]], at: int, splice: bytes, instead: bool, which: int
) -> None:
    """With bytes put in, or in place of others, both accept the same, or both refuse."""
    texts = [canonical.encode(value, limit=LIMIT) for value in values]
    which %= len(texts)
    at %= len(texts[which]) + 1
    texts[which] = texts[which][:at] + splice + texts[which][at + instead :]
    assert at_once(texts) == exactly(texts)


@given(st.dictionaries(st.text(max_size=3), ANY, max_size=4), st.booleans())
@settings(max_examples=500, deadline=None)
def test_other_json_agrees(value: dict[str, Any], ascii_only: bool) -> None:
    """JSON with null, floats, long integers, other keys, other spellings: both refuse, or both accept."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert at_once([text]) == exactly([text])


@pytest.mark.parametrize("path", sorted(VECTORS.rglob("*.json")), ids=lambda path: path.stem)
def test_vectors_agree(path: Path) -> None:
    """Every vector of a record, valid or not, alone and after a sound one."""
    text = path.read_bytes()
    assert at_once([text]) == exactly([text])
    assert at_once([b'{"a":1}', text]) == exactly([b'{"a":1}', text])


@pytest.mark.parametrize("depth", [15, 16, 17, 300, 2_000])
@pytest.mark.parametrize(("left", "right"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_depth_agrees(depth: int, left: bytes, right: bytes) -> None:
    """The deepest nesting allowed is the same, of objects and of arrays."""
    text = b'{"a":' + left * (depth - 1) + b"1" + right * (depth - 1) + b"}"
    assert at_once([text]) == exactly([text])


def test_two_records_are_never_one() -> None:
    """Records that only make sense side by side are refused one by one."""
    for texts in ([b'{"a":"x', b'y"}'], [b'{"a":1},{"b":2}'], [b'{"a":1}', b""], [b"[]"]):
        assert at_once(texts) is None
    assert at_once([]) == []


NAMES = sorted({each.path[0] for each in COLUMNS})
RECORDS = st.dictionaries(
    st.sampled_from([*NAMES, "steps", "breach", "policies", "ts", "final"]),
    LEAVES
    | st.lists(LEAVES, max_size=2)
    | st.dictionaries(st.sampled_from(["identify", "field"]), LEAVES, max_size=1),
    max_size=6,
)


@given(st.lists(RECORDS, min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_projections_agree(values: list[dict[str, Any]]) -> None:
    """A block's columns are those of its records, projected one by one."""
    values = [dict(sorted(value.items())) for value in values]
    blocks = bulk.blocks(values, depth=1)
    assert blocks is not None
    for block in blocks:
        expected = project([values[at] for at in block.rows])
        for quick, exact in zip(project_block(block), expected, strict=True):
            assert ([None] * len(block.rows) if quick is None else list(quick)) == exact


NUMBERS = (
    st.floats().map(repr)
    | st.decimals(allow_nan=False, allow_infinity=False).map("{:f}".format)
    | st.from_regex(r"[-+]?[0-9_]{0,3}\.?[0-9]{0,3}([eE][-+]?[0-9]{0,3})?\n?")
)
ODD = st.sampled_from(
    ["1\n2", "1\n", "\n1", "", " 1", "1_0", "inf", "nan", "1e999", "0" * 65, "-0", "\u0661"]
)
MIXED = st.fixed_dictionaries({}, optional=dict.fromkeys("abcd", NUMBERS | ODD | LEAVES))
TEXTUAL = st.fixed_dictionaries({"a": NUMBERS | ODD})


@given(st.lists(MIXED, min_size=1, max_size=6) | st.lists(TEXTUAL, min_size=1))
@settings(max_examples=500, deadline=None)
def test_facts_projections_agree(values: list[dict[str, Any]]) -> None:
    """So are the typed columns of facts, numbers in strings among them."""
    columns = tuple(map(Column, "abcd", ("double", "bigint", "boolean", "varchar")))
    values = [dict(sorted(value.items())) for value in values]
    blocks = bulk.blocks(values, depth=2)
    assert blocks is not None
    for block in blocks:
        expected = facts_of.project([values[at] for at in block.rows], columns)
        for quick, exact, each in zip(facts_of.project_block(block, columns), expected, columns, strict=True):
            found = [None] * len(block.rows) if quick is None else list(quick)
            if each.type == "double" and str in set(map(type, found)):  # decimals, left for Arrow to read
                found = pa.array(found, pa.string()).cast(pa.float64()).to_pylist()
            assert repr(found) == repr(exact)


def test_accounts_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is changed in the hot tail, the account is word for word that of the exact way alone."""
    samples.build(tmp_path, sealed=(3,), hot=4)
    path = log_layout(tmp_path, "r-0").hot_files()[0].path
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        rows = db.execute("SELECT seq, record, salt, facts FROM entries").fetchall()
        for seq, *values in rows:
            for column, value in zip(("record", "salt", "facts"), values, strict=True):
                for other in (None if column != "record" else b"", *mutations(value)[::11]):
                    change = f"UPDATE entries SET {column} = ? WHERE seq = ?"  # noqa: S608 - a fixed name
                    db.execute(change, (other, seq))
                    quick = verify(tmp_path)
                    with monkeypatch.context() as patch:
                        patch.setattr(bulk, "parse", lambda *_, **__: None)
                        assert verify(tmp_path) == quick, (seq, column, other)
                    db.execute(change, (value, seq))
    samples.assert_sound(tmp_path)
