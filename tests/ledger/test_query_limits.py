# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a statement may take: memory and time end it, whatever it asks for."""

import os
import sys
from pathlib import Path

import duckdb
import pytest

from ledger import samples
from ombud_ledger import QueryRefused, query


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ledger."""
    root = tmp_path_factory.mktemp("ledger")
    samples.build(root)
    return root


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7",
        "SELECT count(*) FROM entries a, entries b, entries c, entries d, entries e, entries f, entries g",
        "SELECT sleep_ms(60000)",
    ],
)
def test_what_would_run_on_is_stopped(root: Path, statement: str) -> None:
    """A statement without an end is interrupted; the connection then answers the next."""
    with query.connect(root, timeout=0.2) as sql:
        with pytest.raises(duckdb.InterruptException):
            sql.execute(statement).fetchall()
        assert sql.execute("SELECT 1").fetchall() == [(1,)]


def test_a_result_without_end_is_stopped_while_it_is_fetched(root: Path) -> None:
    """The time counts until the last row is fetched, and rows come as they are asked for."""
    with query.connect(root, timeout=0.2) as sql:
        result = sql.execute("SELECT * FROM range(100000000000000)")
        with pytest.raises(duckdb.InterruptException):
            list(iter(lambda: result.fetchmany(1_000)[:1], []))


def test_arrow_batches_have_the_same_limits(root: Path) -> None:
    """Rows come in batches as they are read; time, memory and faults end them as they end `execute`."""
    with query.connect(root, timeout=0.3, memory="50MB") as sql:
        schema, batches = sql.batches("SELECT range AS n, $a AS a FROM range(100000)", {"a": "x"}, rows=1_000)
        assert schema.names == ["n", "a"]
        assert sum(batch.num_rows for batch in batches) == 100_000
        for statement, kind in [
            ("SELECT * FROM range(100000000000000)", duckdb.InterruptException),
            ("SELECT CASE WHEN range = 90000 THEN error('here') END FROM range(100000)", duckdb.Error),
        ]:
            _, batches = sql.batches(statement)
            with pytest.raises(kind):
                sum(batch.num_rows for batch in batches)
        with pytest.raises(QueryRefused):
            sql.batches("COPY (SELECT 1) TO '/tmp/x'")


def test_a_statement_in_time_is_left_alone(root: Path) -> None:
    """Each statement has the whole time for itself."""
    with query.connect(root, timeout=600) as sql:
        assert [sql.execute("SELECT 1").fetchall() for _ in range(3)] == [[(1,)]] * 3


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT list(range) FROM range(100000000)",
        "SELECT range, count(*) FROM range(100000000) GROUP BY range ORDER BY 2, 1",
        "SELECT a.range FROM range(3000000) a, range(50) b ORDER BY md5(a.range::VARCHAR || b.range)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT n + range FROM r, range(1, 1000000)) FROM r",
    ],
)
def test_what_would_take_memory_is_stopped(root: Path, statement: str) -> None:
    """A statement that needs more memory than allowed fails instead of taking it, or the disk."""
    with query.connect(root, memory="50MB", timeout=120) as sql, pytest.raises(duckdb.OutOfMemoryException):
        sql.execute(statement).fetchall()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_result_is_never_held_whole(root: Path) -> None:
    """A million rows, 100 MB of text, pass in pieces: the process stays small."""
    with query.connect(root, memory="50MB") as sql:
        result = sql.execute("SELECT repeat('x', 100) AS text FROM range(1000000)")
        before, rows = _resident(), 0
        while chunk := result.fetchmany(1_000):
            rows += len(chunk)
        assert rows == 1_000_000
        assert _resident() - before < 60_000_000


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
