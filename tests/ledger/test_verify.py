# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What verification says of a ledger that was tampered with by somebody who knows the format."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger import samples
from ombud_ledger import Ledger, verify
from ombud_ledger.hashing import chain_next, chain_start, leaf_hash
from ombud_ledger.layout import log_layout


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a Parquet file anew, as an operator with pyarrow would."""
    table = pq.read_table(path)
    pq.write_table(change(table), path, compression="zstd")


def set_value(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    """Return the table with one value changed."""
    at = table.schema.get_field_index(column)
    values = table.column(column).to_pylist()
    values[row] = value
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def reseal(root: Path, name: str) -> None:
    """Make the seal entry in the hot tail say the file's present digest, and rebuild the tail's chain."""
    from ombud_ledger.seal import digest_of

    layout = log_layout(root, "r-0")
    path = layout.folder / name
    table = pq.read_table(layout.entries_files()[-1].path)
    head = table.column("chain")[-1].as_py()
    with sqlite3.connect(layout.hot_files()[-1].path) as db:
        for seq, record in db.execute("SELECT seq, record FROM entries ORDER BY seq").fetchall():
            fields = json.loads(record)
            for file in fields.get("files", []):
                fields["chain"] = head.hex() if fields["kind"] == "seal" else fields["chain"]
                if file["path"] == name:
                    file |= {"sha256": digest_of(path), "bytes": path.stat().st_size}
            data = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            head = chain_next(head, leaf_hash(data))
            db.execute("UPDATE entries SET record = ?, chain = ? WHERE seq = ?", (data, head, seq))
    db.close()


def test_changed_projection(tmp_path: Path) -> None:
    """A changed `verdict` column is caught by the file's digest, and the entry is named."""
    samples.build(tmp_path)
    name = "entries/000000000000-000000000012.parquet"
    rewrite(tmp_path / "logs/r-0" / name, lambda table: set_value(table, "verdict", 5, "deny"))
    account = verify(tmp_path)
    assert account.exit_code == 1
    first, second = account.all_findings()
    assert (first.file, first.first, first.last, first.seal) == (name, 0, 12, 13)
    assert second.entry == 5
    assert "column verdict" in second.what
    assert "'deny', the hashed bytes say 'allow'" in second.what


@pytest.mark.parametrize(
    ("column", "value"), [("verdict", "deny"), ("policies", []), ("decide_us", 1), ("final", None), ("ts", 0)]
)
def test_changed_projection_resealed(tmp_path: Path, column: str, value: object) -> None:
    """Even with the seal entry and the chain after it rebuilt, a changed column differs from its record."""
    samples.build(tmp_path)
    name = "entries/000000000000-000000000012.parquet"
    rewrite(tmp_path / "logs/r-0" / name, lambda table: set_value(table, column, 5, value))
    reseal(tmp_path, name)
    (finding,) = verify(tmp_path).all_findings()
    assert (finding.level, finding.entry) == ("broken", 5)
    assert f"column {column}" in finding.what


@pytest.mark.parametrize(
    ("column", "value"), [("amount", 1.5), ("dependents", None), ("facts", "{}"), ("salt", None)]
)
def test_changed_facts_resealed(tmp_path: Path, column: str, value: object) -> None:
    """Even resealed, changed facts or typed facts columns are caught by commitment or projection."""
    samples.build(tmp_path)
    (name,) = [
        str(path.relative_to(tmp_path / "logs/r-0"))
        for path in samples.files_of(tmp_path)
        if path.parent.name not in {"entries", "0" * 16}
    ]
    rewrite(tmp_path / "logs/r-0" / name, lambda table: set_value(table, column, 1, value))
    reseal(tmp_path, name)
    (finding,) = verify(tmp_path).all_findings()
    assert ("broken", 2, name) == (finding.level, finding.entry, finding.file)


def test_rebuilt_chain_needs_a_head(tmp_path: Path) -> None:
    """A whole chain rebuilt over an altered decision verifies; only a head kept elsewhere catches it."""
    samples.build(tmp_path, sealed=(), hot=6)
    before = verify(tmp_path).logs[0]
    assert before.head
    head = (before.size, bytes.fromhex(before.head))
    assert verify(tmp_path, head=head).exit_code == 0
    path = log_layout(tmp_path, "r-0").hot_files()[0].path
    with sqlite3.connect(path) as db:
        chain = chain_start(samples.ORIGIN)
        for seq, record in db.execute("SELECT seq, record FROM entries ORDER BY seq").fetchall():
            data = record.replace(b'"allow"', b'"deny"') if seq == 2 else record
            chain = chain_next(chain, leaf_hash(data))
            db.execute("UPDATE entries SET record = ?, chain = ? WHERE seq = ?", (data, chain, seq))
    db.close()
    assert verify(tmp_path).exit_code == 0
    (finding,) = verify(tmp_path, head=head).all_findings()
    assert "its chain value is" in finding.what
    assert finding.entry == before.size - 1


@pytest.mark.parametrize("size", [1, 5, 13, 14, 18, 20])
def test_heads_along_the_log(tmp_path: Path, size: int) -> None:
    """Every earlier head is demanded successfully: inside a segment, at its end, in the hot tail."""
    samples.build(tmp_path)
    layout = log_layout(tmp_path, "r-0")
    chains = pq.read_table(layout.entries_files()[0].path).column("chain").to_pylist()
    with sqlite3.connect(layout.hot_files()[0].path) as db:
        chains += [chain for (chain,) in db.execute("SELECT chain FROM entries ORDER BY seq")]
    db.close()
    assert len(chains) == 20
    assert verify(tmp_path, head=(size, chains[size - 1])).exit_code == 0
    assert verify(tmp_path, head=(size, bytes(32))).exit_code == 1


def test_cut_off_tail(tmp_path: Path) -> None:
    """The last entries cut off verify; a head noted down before says that they are missing."""
    samples.build(tmp_path)
    before = verify(tmp_path).logs[0]
    assert before.head
    with sqlite3.connect(log_layout(tmp_path, "r-0").hot_files()[0].path) as db:
        db.execute("DELETE FROM entries WHERE seq >= 16")
    db.close()
    assert verify(tmp_path).exit_code == 0
    (finding,) = verify(tmp_path, head=(before.size, bytes.fromhex(before.head))).all_findings()
    assert finding.what == "the log has 16 entries; the head demanded says there were 20"


@pytest.mark.parametrize("which", ["entries", "facts"])
def test_missing_files_are_incomplete(tmp_path: Path, which: str) -> None:
    """A missing sealed file leaves the rest intact: incomplete, with range and seal."""
    samples.build(tmp_path, sealed=(12, 7, 5))
    path = sorted((tmp_path / "logs/r-0" / which).rglob("*.parquet"))[1]
    path.unlink()
    account = verify(tmp_path)
    assert account.exit_code == 3
    # A missing entries file takes its seal entries along: the segment before is no longer vouched for.
    name = str(path.relative_to(tmp_path / "logs/r-0"))
    (finding,) = [each for each in account.all_findings() if each.file == name]
    assert "missing" in finding.what
    assert finding.seal is not None
    assert set(samples.levels(account)) == {"incomplete"}


def test_missing_tail_is_incomplete(tmp_path: Path) -> None:
    """Without the hot tail nothing vouches for the last segment's files."""
    samples.build(tmp_path)
    shutil.rmtree(tmp_path / "logs/r-0/hot")
    account = verify(tmp_path)
    assert account.exit_code == 3
    assert {"no seal entry covers this file: the tail that held it is missing"} == {
        finding.what for finding in account.all_findings()
    }


def test_swapped_and_foreign_files(tmp_path: Path) -> None:
    """Two segments swapped, or a file nobody sealed, are broken."""
    samples.build(tmp_path, sealed=(5, 5))
    one, two = sorted((tmp_path / "logs/r-0/entries").iterdir())
    held = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(held)
    assert verify(tmp_path).exit_code == 1
    two.write_bytes(one.read_bytes())
    one.write_bytes(held)
    samples.assert_sound(tmp_path)
    facts = next((tmp_path / "logs/r-0/facts").rglob("*.parquet"))
    shutil.copyfile(facts, facts.with_name("000000000050-000000000060.parquet"))
    assert verify(tmp_path).exit_code == 1


def test_several_logs_and_nothing(tmp_path: Path) -> None:
    """All logs under a root are verified; a head needs one named; a root without logs is unreadable."""
    assert verify(tmp_path).exit_code == 2
    for log in ("a-0", "b-1"):
        ledger = samples.open_log(tmp_path, log=log)
        samples.fill(ledger, 3)
        ledger.close()
    account = samples.assert_sound(tmp_path)
    assert [log.log for log in account.logs] == ["a-0", "b-1"]
    assert json.loads(account.to_json())["exit_code"] == 0
    with pytest.raises(ValueError, match="belongs to one log"):
        verify(tmp_path, head=(1, bytes(32)))
    assert [log.log for log in verify(tmp_path, log="a-0").logs] == ["a-0"]
    assert verify(tmp_path, log="none").exit_code == 2


def test_several_processes_agree(tmp_path: Path) -> None:
    """Segments checked in several processes give the same account, sound or not."""
    samples.build(tmp_path, sealed=(9, 9, 9))
    told: list[tuple[str, int, int]] = []
    alone = verify(tmp_path, progress=lambda *what: told.append(what))
    assert alone == verify(tmp_path, processes=2)
    assert told[-1][1] == told[-1][2] == alone.logs[0].size
    path = sorted((tmp_path / "logs/r-0/entries").iterdir())[1]
    rewrite(path, lambda table: set_value(table, "verdict", 2, "deny"))
    broken = verify(tmp_path)
    assert broken.exit_code == 1
    assert broken == verify(tmp_path, processes=2)


def test_verifying_changes_nothing(tmp_path: Path) -> None:
    """A log that is being written can be verified, from elsewhere and while it is served."""
    ledger = samples.open_log(tmp_path)
    samples.fill(ledger, 30)
    for _ in range(3):
        samples.assert_sound(tmp_path)
        samples.fill(ledger, 10)
    ledger.close()
    assert isinstance(ledger, Ledger)
    samples.assert_sound(tmp_path)
