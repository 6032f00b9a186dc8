# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""SQL as of a checkpoint: exactly what it covers, of a log that still has it."""

import re
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger import retained, samples
from ombud_ledger import Head, LedgerUnreadable, NotProven, ObjectMissing, query
from ombud_ledger.hashing import LEAF
from ombud_ledger.layout import log_layout
from ombud_ledger.records import whole_stretch
from ombud_ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ombud_ledger.tlog.merkle import root_of

SIZES = (0, 1, 8, 9, 10, 15, 17)


def checkpoint_of(root: Path, size: int, log: str = "r-0") -> bytes:
    """Sign a checkpoint of a log's first entries, computed apart from what it tests."""
    entries = whole_stretch(log_layout(root, log), 0, size)
    tree = root_of([sha256(LEAF + entry.record).digest() for entry in entries])
    return sign_checkpoint(Checkpoint(samples.ORIGIN, size, tree), [samples.KEY])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two segments, and a tail."""
    root = tmp_path_factory.mktemp("ledger")
    samples.build(root, sealed=(6, 6), hot=3)
    return root


@pytest.mark.parametrize("size", SIZES)
def test_the_views_show_what_the_checkpoint_covers(root: Path, size: int) -> None:
    """Entries and facts stop at the checkpoint, inside a segment, at its end, and in the tail."""
    with query.connect(root) as sql:
        entries = sql.execute("FROM entries WHERE seq < ? ORDER BY ALL", [size]).fetchall()
        facts = sql.execute("FROM facts WHERE seq < ? ORDER BY ALL", [size]).fetchall()
    with query.connect(root, as_of=[checkpoint_of(root, size)]) as sql:
        assert sql.execute("FROM entries ORDER BY ALL").fetchall() == entries
        assert sql.execute("FROM facts ORDER BY ALL").fetchall() == facts
        assert [(log, each.size) for log, each in sql.as_of.items()] == [("r-0", size)]
        assert sql.left_out == []


def test_a_log_that_does_not_extend_the_checkpoint_is_refused(root: Path, tmp_path: Path) -> None:
    """Another root, more entries than there are, another origin, two for one log, or no checkpoint."""
    good = checkpoint_of(root, 9)
    other = sign_checkpoint(Checkpoint(samples.ORIGIN, 9, bytes(32)), [samples.KEY])
    beyond = sign_checkpoint(Checkpoint(samples.ORIGIN, 99, bytes(32)), [samples.KEY])
    samples.build(tmp_path, sealed=(7,), hot=3)  # of the same origin, and other entries
    for place, notes, reason in [
        (root, [other], "its first 9 entries have root"),
        (root, [beyond], "entries, the checkpoint covers 99"),
        (
            root,
            [good.replace(b"acme.example/test/r/1\n", b"acme.example/test/r/2\n", 1)],
            "the logs here are of",
        ),
        (root, [good, good], "two checkpoints"),
        (tmp_path, [good], "its first 9 entries have root"),
    ]:
        with pytest.raises(NotProven, match=re.escape(reason)):
            query.connect(place, as_of=notes)
    with pytest.raises(LedgerUnreadable):
        query.connect(root, as_of=[b"no checkpoint"])


def test_a_changed_record_is_refused(tmp_path: Path) -> None:
    """Tiles are not trusted: the records themselves are hashed."""
    samples.build(tmp_path, sealed=(6,), hot=3)
    note = checkpoint_of(tmp_path, 6)
    (path,) = tmp_path.glob("logs/*/entries/*.parquet")
    table = pq.read_table(path)
    records = table.column("record").to_pylist()
    records[3] = records[3].replace('"allow"', '"deny"')
    pq.write_table(table.set_column(1, table.schema.field(1), pa.array(records)), path)
    with pytest.raises(NotProven, match="its first 6 entries have root"):
        query.connect(tmp_path, as_of=[note])


def test_a_missing_segment_is_refused(tmp_path: Path) -> None:
    """What the checkpoint covers must be there to be seen."""
    samples.build(tmp_path, sealed=(6, 6), hot=3)
    note = checkpoint_of(tmp_path, 12)
    sorted(tmp_path.glob("logs/*/entries/*.parquet"))[1].unlink()
    with pytest.raises((LedgerUnreadable, NotProven)):
        query.connect(tmp_path, as_of=[note])


def head_of(root: Path, size: int, log: str = "r-0") -> Head:
    """The head of a log's first entries."""
    *_, last = whole_stretch(log_layout(root, log), 0, size)
    return Head(size, last.chain)


@pytest.mark.parametrize("size", [1, 8, 9, 15, 17])
def test_the_views_show_what_a_head_covers(root: Path, size: int) -> None:
    """A log without checkpoints is read as of a size and the chain value there."""
    head = head_of(root, size)
    with query.connect(root) as sql:
        entries = sql.execute("FROM entries WHERE seq < ? ORDER BY ALL", [size]).fetchall()
    with query.connect(root, heads={"r-0": head}) as sql:
        assert sql.execute("FROM entries ORDER BY ALL").fetchall() == entries
        assert sql.heads() == [("r-0", size, head.chain.hex())]
        assert sql.left_out == []


def test_a_log_that_does_not_lead_to_the_head_is_refused(root: Path) -> None:
    """Another chain value, more entries than there are, another log, or a checkpoint beside it."""
    size, chain = head_of(root, 9)
    for heads, notes, reason in [
        ({"r-0": Head(size, bytes(32))}, [], "its first 9 entries lead to"),
        ({"r-0": Head(99, chain)}, [], "the head is of 99"),
        ({"r-1": Head(size, chain)}, [], "the logs here are r-0"),
        ({"r-0": Head(size, chain)}, [checkpoint_of(root, 9)], "a checkpoint and a head"),
    ]:
        with pytest.raises(NotProven, match=re.escape(reason)):
            query.connect(root, as_of=notes, heads=heads)


def test_a_head_is_shown_of_a_prune_that_is_not_finished(tmp_path: Path) -> None:
    """The chain value to go on from is that before the first entry that is there, whoever said it."""
    retained.record(tmp_path)
    head = head_of(tmp_path, 20)
    ledger = retained.at(tmp_path, retained.LATER)
    ledger.prune_blocking(by="t", before=retained.us("2024-01-01"))
    ledger.close()
    left, *_ = sorted(tmp_path.glob("logs/r-0/entries/*.parquet"))
    data = left.read_bytes()
    retained.prune(tmp_path, "2026-07-02")
    assert not left.exists()
    left.write_bytes(data)
    with query.connect(tmp_path, heads={"r-0": head}) as sql:
        assert sql.heads() == [("r-0", 20, head.chain.hex())]


def test_as_published(root: Path) -> None:
    """A log that publishes nothing is shown as it is; what is kept under a digest is there."""
    with query.connect(root, published=True) as sql:
        assert (sql.as_of, sql.left_out) == ({}, [])
        with pytest.raises(ObjectMissing):
            sql.kept("0" * 64)
