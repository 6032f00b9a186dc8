# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""SQL over the ledger: what the views hold, and what a statement cannot do."""

from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger import samples
from ombud_ledger import LedgerUnreadable, QueryRefused, Vault, query
from ombud_ledger.remote import RemoteAddress, push

ROOM = Path(__file__).parents[2] / "ledger"
CHAIN = (ROOM / "ombud_ledger/sql/chain.sql").read_text(encoding="utf-8")


def test_views_join_sealed_and_hot(tmp_path: Path) -> None:
    """The views hold sealed and hot entries alike, each once, typed."""
    samples.build(tmp_path, sealed=(6, 6), hot=3)
    with query.connect(tmp_path) as sql:
        counted = dict(sql.execute("SELECT kind, count(*) FROM entries GROUP BY ALL").fetchall())
        assert counted == {"genesis": 1, "decision": 15, "seal": 2, "close": 1}
        assert sql.execute("SELECT count(*), count(DISTINCT seq) FROM calls").fetchone() == (15, 15)
        row = sql.execute(
            "SELECT log, id, verdict, policies, decide_us, final, attempt, steps->>'$.forward', ts < now()"
            " FROM decisions ORDER BY seq LIMIT 1"
        ).fetchone()
        assert row == (
            "r-0",
            "d-0",
            "allow",
            ["permit_small", "permit_release"],
            90,
            True,
            None,
            "4000",
            True,
        )


def test_facts_views(tmp_path: Path) -> None:
    """Facts come typed by contract and by system, hot and sealed, and join to decisions; no salt shows."""
    samples.build(tmp_path, sealed=(6,), hot=3)
    with query.connect(tmp_path) as sql:
        found = sql.execute(
            "SELECT id, amount, dependents, employed, purpose"
            " FROM facts_credit JOIN decisions USING (log, seq) ORDER BY seq"
        ).fetchall()
        assert found == [(f"d-{n}", 1000.1 + n, n, True, "käufe\n") for n in (0, 1, 4, 1_000, 1_002)]
        assert sql.execute("SELECT count(*) FROM facts").fetchone() == (6,)
        names = [row[0] for row in sql.execute("DESCRIBE facts_credit").fetchall()]
        assert names == ["log", "seq", "facts", "amount", "dependents", "employed", "purpose"]


def test_several_logs_are_read_together(tmp_path: Path) -> None:
    """All logs under a root are one set of views; one can be named."""
    for log in ("a-0", "b-1"):
        ledger = samples.open_log(tmp_path, log=log)
        samples.fill(ledger, 4)
        ledger.close(seal=log == "a-0")
    with query.connect(tmp_path) as sql:
        rows = sql.execute("SELECT log, count(*) FROM decisions GROUP BY ALL ORDER BY ALL").fetchall()
    assert rows == [("a-0", 4), ("b-1", 4)]
    with query.connect(tmp_path, log="b-1") as sql:
        assert sql.execute("SELECT count(*) FROM decisions").fetchone() == (4,)
    with pytest.raises(LedgerUnreadable, match="no log here"):
        query.connect(tmp_path / "elsewhere")


def test_rows_of_two_logs_never_meet(tmp_path: Path) -> None:
    """Every view has `log`; joined by log and seq, facts of one log stay with its entries."""
    for log, first in (("a-0", 0), ("b-1", 100)):
        ledger = samples.open_log(tmp_path, log=log)
        samples.fill(ledger, 6, start=first)
        ledger.close(seal=log == "a-0")
    with query.connect(tmp_path) as sql:
        views = {view for view, *_ in sql.schema()}
        assert {view for view, column, *_ in sql.schema() if column == "log"} == views
        joined = sql.execute(
            "SELECT log, id, dependents FROM decisions JOIN facts_credit USING (log, seq) ORDER BY ALL"
        ).fetchall()
        numbers = [("a-0", 0), ("a-0", 1), ("a-0", 4), ("b-1", 100), ("b-1", 102), ("b-1", 105)]
        assert sorted((log, f"d-{n}", n) for log, n in numbers) == joined
        assert sql.execute("SELECT count(*) FROM decisions JOIN facts USING (log, seq)").fetchone() == (8,)


@pytest.mark.parametrize("there", [False, True], ids=["folder", "remote"])
@pytest.mark.parametrize(("folder", "which"), [("entries", 0), ("entries", 1), ("facts", 0)])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, folder: str, which: int, *, there: bool) -> None:
    """A sealed file that is none, here or where the ledger was sent, is told in one line that names it."""
    samples.build(tmp_path / "ledger", sealed=(6, 6))
    place = RemoteAddress(f"file://{tmp_path}/remote")
    list(push(tmp_path / "ledger", place))
    root = tmp_path / ("remote" if there else "ledger")
    path = sorted(root.glob(f"logs/r-0/{folder}/**/*.parquet"))[which]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LedgerUnreadable, match="magic bytes") as refused:
        query.connect(place if there else root)
    assert path.name in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{sealed}' (FORMAT parquet, USE_TMP_FILE false)",
        "CREATE TABLE t (a INT)",
        "DROP VIEW decisions",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "ATTACH '{other}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{sealed}'",
        "SELECT 1; SELECT 2",
        "",
        "CALL pragma_version()",
        "EXPORT DATABASE '{other}'",
        "UPDATE entries SET verdict = 'deny'",
        "WITH x AS (COPY (SELECT 1) TO '{sealed}' (FORMAT csv, USE_TMP_FILE false)) SELECT * FROM x",
        "WITH x AS (DELETE FROM entries RETURNING *) SELECT * FROM x",
    ],
)
def test_only_select_runs(tmp_path: Path, statement: str) -> None:
    """Anything but one SELECT is refused before it runs."""
    samples.build(tmp_path)
    sealed = next(samples.files_of(tmp_path))
    with query.connect(tmp_path) as sql, pytest.raises(QueryRefused, match="only one SELECT"):
        sql.execute(statement.format(sealed=sealed, other=tmp_path / "other"))
    samples.assert_sound(tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('{other}')",
        "SELECT * FROM '{other}'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('{other}')",
        "SELECT * FROM sqlite_scan('{other}', 'entries')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{other}''')",
        "SELECT * FROM read_parquet('{sealed}')",
        "SELECT * FROM '{sealed}'",
        "SELECT (SELECT max(salt) FROM (SELECT * FROM read_parquet('{sealed}')))",
        "SELECT * FROM query_table('{sealed}')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SELECT * FROM glob('*')",
        "SELECT * FROM hot_0",
        'SELECT * FROM memory.main."HOT_0"',
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM parquet_metadata('{sealed}')",
        "WITH a AS (SELECT * FROM read_json('{other}')) SELECT * FROM a",
    ],
)
def test_no_other_file_is_read(tmp_path: Path, statement: str) -> None:
    """A SELECT reaches no file, not even a sealed one past the views: neither salts nor later entries."""
    samples.build(tmp_path)
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    sealed = next(samples.files_of(tmp_path))
    with query.connect(tmp_path) as sql, pytest.raises((duckdb.Error, QueryRefused)):
        sql.execute(statement.format(other=other, sealed=sealed)).fetchall()


@pytest.mark.parametrize("statement", ["SELECT " + "NOT " * 900 + "true", "SELECT 'a\x00b'"])
def test_what_cannot_be_looked_into_is_refused(tmp_path: Path, statement: str) -> None:
    """A statement nested deeper than its tree can be read, or with a NUL, does not run."""
    samples.build(tmp_path)
    with query.connect(tmp_path) as sql, pytest.raises(QueryRefused, match=r"too deep|NUL"):
        sql.execute(statement)


def test_the_chain_in_stock_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented SQL finds no fault in a sound ledger and names the entry in an altered one."""
    samples.build(tmp_path, sealed=(6, 6))
    monkeypatch.chdir(tmp_path / "logs/r-0")
    with closing(duckdb.connect()) as db:
        assert db.execute(CHAIN).fetchall() == []
        path = sorted(Path("entries").iterdir())[1]
        table = pq.read_table(path)
        records = table.column("record").to_pylist()
        records[3] = records[3].replace('"allow"', '"deny"')
        pq.write_table(table.set_column(1, table.schema.field(1), pa.array(records)), path)
        assert db.execute(CHAIN).fetchall() == [(table.column("seq")[3].as_py(),)]
        path.unlink()
    samples.build(tmp_path / "other", sealed=(6, 6, 6))
    monkeypatch.chdir(tmp_path / "other/logs/r-0")
    sorted(Path("entries").iterdir())[1].unlink()
    with closing(duckdb.connect()) as db:
        assert len(db.execute(CHAIN).fetchall()) == 1


def test_the_readme_shows_that_sql() -> None:
    """README and file hold the same statement."""
    shown = (ROOM / "README.md").read_text(encoding="utf-8").split("```sql\n")[1].split("```")[0]
    code = "\n".join(line for line in CHAIN.splitlines() if not line.startswith("--"))
    assert code.split() == shown.split()


def test_a_rewritten_file_is_read_anew(tmp_path: Path) -> None:
    """What was kept of a file's footer does not outlive the file: an erasure shows in the next statement."""
    root, count = tmp_path / "ledger", "SELECT count(facts), count(amount) FROM facts_credit"
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as vault:
        ledger = samples.open_log(root, vault=vault)
        for number, subject in enumerate(("ann", "bob", "ann")):
            samples.about(ledger, vault, subject, number, "note")
        ledger.seal_blocking()
        with query.connect(root) as sql:
            assert sql.execute(count).fetchall() == sql.execute(count).fetchall() == [(3, 3)]
            assert ledger.erase("ann").complete
            assert sql.execute(count).fetchall() == [(1, 1)]
        ledger.close()


def test_a_lent_table_can_be_read_under_its_name_alone(tmp_path: Path) -> None:
    """It stands beside the views, is none of them, and takes no name of theirs."""
    samples.build(tmp_path)
    table = pa.table({"id": ["d-1"], 'x"; DROP VIEW entries': ["a"]})
    with query.connect(tmp_path) as sql:
        sql.lend("lent_groups", table)
        asked = """
            SELECT count(*), any_value(g."x""; DROP VIEW entries")
            FROM entries e JOIN lent_groups g USING (id)
        """
        assert sql.execute(asked).fetchone() == (1, "a")
        assert not [view for view, *_ in sql.schema() if view.startswith("lent_")]
        for name in ("entries", "lent_groups", 'lent_"x', "LENT_A"):
            with pytest.raises(QueryRefused, match="lent"):
                sql.lend(name, table)
