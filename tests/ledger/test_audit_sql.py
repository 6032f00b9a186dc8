# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The SQL an auditor runs with a stock DuckDB: silent on a sound log, and naming what is wrong in another."""

import base64
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ledger import samples
from ledger.test_verify import rewrite, set_value
from ombud_ledger import audit_sql
from ombud_ledger.auditing import chain_sql, drift_sql, root_sql
from ombud_ledger.layout import log_layout
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.pub import Pub


@contextlib.contextmanager
def stock_duckdb(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB as it comes, in the log's folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.closing(duckdb.connect()) as db:
            yield db
    finally:
        os.chdir(before)


def rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """Run all statements and return the rows of the last."""
    for statement in db.extract_statements(sql):
        result = db.execute(statement)
    return result.fetchall()


def test_a_sound_log(tmp_path: Path) -> None:
    """Chain and projection give no row; the root at each kept checkpoint's size is the one it says."""
    samples.build(tmp_path, sealed=(300, 41, 2), hot=3, signers=[samples.KEY])
    layout = log_layout(tmp_path, "r-0")
    sealed = layout.entries_files()[-1].last + 1
    kept = [parse_checkpoint(path.read_bytes()).checkpoint for path in Pub(layout.pub).kept()]
    covered = [checkpoint for checkpoint in kept if checkpoint.size <= sealed]
    assert len(covered) > 1
    with stock_duckdb(layout.folder) as db:
        assert rows(db, chain_sql()) == []
        assert rows(db, drift_sql()) == []
        ((size, _),) = rows(db, root_sql())
        assert size == sealed
        setting, select = db.extract_statements(root_sql())
        for checkpoint in covered:
            db.execute(f"SET VARIABLE size = {checkpoint.size}")
            root = base64.b64encode(checkpoint.root).decode()
            assert db.execute(select).fetchall() == [(checkpoint.size, root)]
        assert "SET VARIABLE" in setting.query
        db.execute(audit_sql())


@pytest.mark.parametrize(
    ("column", "value"),
    [("verdict", "deny"), ("policies", []), ("policies", None), ("decide_us", 1), ("final", None), ("ts", 0)],
)
def test_a_changed_column(tmp_path: Path, column: str, value: object) -> None:
    """A changed column is listed with its entry, and the chain does not notice."""
    samples.build(tmp_path)
    layout = log_layout(tmp_path, "r-0")
    rewrite(layout.entries_files()[0].path, lambda table: set_value(table, column, 5, value))
    with stock_duckdb(layout.folder) as db:
        assert rows(db, drift_sql()) == [(5, column)]
        assert rows(db, chain_sql()) == []


def test_a_changed_record(tmp_path: Path) -> None:
    """A changed record breaks the chain there, and gives another root."""
    samples.build(tmp_path)
    layout = log_layout(tmp_path, "r-0")
    path = layout.entries_files()[0].path
    with stock_duckdb(layout.folder) as db:
        before = rows(db, root_sql())
        rewrite(path, lambda table: set_value(table, "record", 5, table["record"][5].as_py() + " "))
        assert rows(db, chain_sql()) == [(5,)]
        assert rows(db, root_sql()) != before


def test_no_root_where_entries_are_not_here(tmp_path: Path) -> None:
    """With a hole, or beyond what is sealed, nothing is said; of what comes before, the true root."""
    samples.build(tmp_path, sealed=(6, 6, 6), hot=3)
    layout = log_layout(tmp_path, "r-0")
    first, second, third = (file.path for file in layout.entries_files())
    _, select = duckdb.extract_statements(root_sql())

    def root(size: int) -> list[tuple[Any, ...]]:
        db.execute(f"SET VARIABLE size = {size}")
        return db.execute(select).fetchall()

    with stock_duckdb(layout.folder) as db:
        whole = [root(size) for size in range(22)]
        assert [len(each) for each in whole] == [0, *[1] * 21]
        assert root(22) == []
        second.unlink()
        assert [root(size) for size in range(22)] == [*whole[:8], *[[]] * 14]
        assert rows(db, root_sql()) == []
        third.unlink()
        first.rename(third)
        assert rows(db, root_sql()) == [(7, whole[7][0][1])]
