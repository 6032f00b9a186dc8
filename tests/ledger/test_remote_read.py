# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger read where it lies: the same answers as from the folder, as confined, and no less suspicious."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ledger import samples, storage
from ombud_ledger import (
    LedgerUnavailable,
    LedgerUnreadable,
    NotProven,
    QueryRefused,
    query,
    remote,
    sample,
    verify,
)
from ombud_ledger.layout import sealed_file
from ombud_ledger.remote import RemoteAddress
from ombud_ledger.remote.fetched import _fetch_all, fetched
from ombud_ledger.remote.push import Push
from ombud_ledger.remote.store import Remote

LOG = "logs/r-0"
VKEY = str(samples.KEY.key)
QUESTIONS = [
    "SELECT * FROM entries ORDER BY ALL",
    "SELECT * FROM facts_credit ORDER BY ALL",
    "SELECT * FROM facts ORDER BY ALL",
    "SELECT verdict, count(*) FROM decisions WHERE seq BETWEEN 5 AND 320 GROUP BY ALL",
    "SELECT id, amount FROM decisions JOIN facts_credit USING (log, seq) WHERE amount > 1005 ORDER BY ALL",
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory, s3_port: int) -> tuple[Path, RemoteAddress]:
    """A ledger of two logs, and its copy on an S3 server."""
    folder = tmp_path_factory.mktemp("copied")
    root = folder / "ledger"
    place = storage.address_at(s3_port, folder, "copied")
    samples.build(root, sealed=(12, 300), signers=[samples.KEY])
    other = samples.open_log(root, log="r-1", origin="acme.example/test/r/2")
    samples.fill(other, 30, start=500)
    other.seal_blocking()
    samples.fill(other, 3, start=600)
    other.close()
    assert [each.log for each in remote.push(root, place)] == ["r-0", "r-1"]
    return root, place


@pytest.fixture(scope="module")
def here(copied: tuple[Path, RemoteAddress]) -> Iterator[query.Query]:
    """The ledger, open for SQL."""
    with query.connect(copied[0]) as opened:
        yield opened


@pytest.fixture(scope="module")
def there(copied: tuple[Path, RemoteAddress]) -> Iterator[query.Query]:
    """Its copy, open for SQL."""
    with query.connect(copied[1]) as opened:
        yield opened


@pytest.mark.parametrize("sql", QUESTIONS)
def test_answers_are_the_same(here: query.Query, there: query.Query, sql: str) -> None:
    """SQL over both logs, sealed and not, gives there what it gives here."""
    expected = here.execute(sql).fetchall()
    assert expected
    assert there.execute(sql).fetchall() == expected


def test_schema_and_sample_are_the_same(here: query.Query, there: query.Query) -> None:
    """The views are the same, and so is an auditor's sample."""
    assert there.schema() == here.schema()
    assert sample.draw(there, 10, seed="s") == sample.draw(here, 10, seed="s")


def test_as_of_a_checkpoint(copied: tuple[Path, RemoteAddress]) -> None:
    """The views stop at a checkpoint there, too, once all it covers was hashed; another log's is refused."""
    root, place = copied
    note = min((root / LOG / "pub/checkpoints").rglob("*T*")).read_bytes()
    sql = "SELECT log, count(*), max(seq) FROM entries GROUP BY ALL"
    with query.connect(root, as_of=[note]) as here, query.connect(place, as_of=[note]) as there:
        assert there.execute(sql).fetchall() == here.execute(sql).fetchall()
        assert there.left_out == ["r-1"]
    with pytest.raises(NotProven):
        query.connect(place, log="r-1", as_of=[note])


def test_verified_there(copied: tuple[Path, RemoteAddress]) -> None:
    """Both logs verify there as here, in several processes too; heads, checkpoints and keys are demanded."""
    root, place = copied
    here = verify(root)
    note = min((root / LOG / "pub/checkpoints").rglob("*T*")).read_bytes()
    for processes in (None, 2):
        assert verify(place, processes=processes, checkpoints=[note]).logs == here.logs
    (first, _) = here.logs
    head = (first.size, bytes.fromhex(str(first.head)))
    assert verify(place, log="r-0", head=head, vkeys=[VKEY]).exit_code == 0
    assert verify(place, log="r-0", head=(first.size + 1, bytes(32))).exit_code == 1
    assert verify(place, log="r-0", vkeys=[str(samples.NEXT_KEY.key)]).exit_code == 1


@pytest.mark.parametrize(
    "sql",
    [
        "FROM sealed_0",
        "FROM hot_0",
        "SELECT * FROM read_parquet('s3://audit/prod/logs/r-0/entries/*.parquet')",
        "FROM 's3://audit/prod/logs/r-0/entries/000000000000-000000000013.parquet'",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/x'",
        "SET enable_external_access = true",
    ],
)
def test_sql_is_as_confined_as_here(there: query.Query, sql: str) -> None:
    """What lies under the views, files and settings stay out of reach."""
    with pytest.raises(QueryRefused):
        there.execute(sql)


def test_duckdb_itself_stays_shut_in(there: query.Query) -> None:
    """Past the look at the statement, DuckDB opens nothing: no file, no address."""
    for sql in ("SELECT * FROM read_text('/etc/hostname')", "FROM read_parquet('s3://audit/x.parquet')"):
        with pytest.raises(duckdb.Error):
            there._db.execute(sql)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    """A question about one segment opens no other, and its conditions go down into the reading."""
    root, place = tmp_path / "ledger", RemoteAddress(f"file://{tmp_path}/remote")
    samples.build(root, sealed=(12, 300))
    list(remote.push(root, place))
    with query.connect(place) as there:
        storage.write(place, f"{LOG}/entries/000000000013-000000000313.parquet", b"not to be opened")
        assert there.execute("SELECT count(*) FROM entries WHERE seq < 10").fetchall() == [(10,)]
        plan = there._db.execute(
            "EXPLAIN SELECT id FROM entries WHERE verdict = 'deny' AND seq < 5"
        ).fetchall()
    assert "PYTHON_ARROW_SCAN" in plan[0][1]
    assert '"seq" < 5' in plan[0][1]
    with pytest.raises(LedgerUnreadable, match=r"000000000013-000000000313\.parquet"):
        query.connect(place)


def test_a_push_under_way_is_read_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed files that no tail follows yet do not count: before they came, the tail had their entries."""
    root, place = tmp_path / "ledger", RemoteAddress(f"file://{tmp_path}/remote")
    samples.build(root, signers=[samples.KEY])
    list(remote.push(root, place))
    before = verify(place)
    ledger = samples.open_log(root, signers=[samples.KEY])
    ledger.seal_blocking()
    ledger.close()
    with monkeypatch.context() as patched:
        patched.setattr(Push, "_send_tail", lambda *_: (_ for _ in ()).throw(OSError("cut")))
        with pytest.raises(LedgerUnavailable):
            list(remote.push(root, place))
    assert len(list((Path(place.base) / LOG / "entries").iterdir())) == 2
    assert verify(place) == before
    with query.connect(place) as there:
        assert there.execute("SELECT max(seq) + 1 FROM entries").fetchall() == [(before.logs[0].size,)]


def test_a_storage_that_changes_its_story_is_caught(tmp_path: Path) -> None:
    """A file that is fetched again and has other bytes than the first time is not read."""
    root, place = tmp_path / "ledger", RemoteAddress(f"file://{tmp_path}/remote")
    samples.build(root)
    list(remote.push(root, place))
    with fetched(place, proofs=False) as here:
        (file,) = here.layout("r-0").entries_files()
        path = file.at_hand()
        assert path.is_file()
        assert file.fetch is not None
        path.unlink()  # as if others had taken its place
        storage.write(place, f"{LOG}/{file.name}", b"another story")
        with pytest.raises(LedgerUnreadable, match=r"holds SHA-256 [0-9a-f]{64}, not .* as before"):
            file.at_hand()


@pytest.mark.parametrize(
    ("lost", "code", "what"),
    [
        ("hot/000000000014-000000000000.sqlite", 1, "the checkpoint published says there were"),
        ("entries/000000000000-000000000013.parquet", 3, "the sealed file is missing"),
        ("facts/0000000000000000/000000000000-000000000013.parquet", 3, "the facts file is missing"),
        ("pub/checkpoint", 3, "no checkpoint is published"),
    ],
)
def test_what_is_missing_there_is_told(tmp_path: Path, lost: str, code: int, what: str) -> None:
    """Whatever is taken away there, verification says so."""
    root, place = tmp_path / "ledger", RemoteAddress(f"file://{tmp_path}/remote")
    samples.build(root, signers=[samples.KEY])
    list(remote.push(root, place))
    (Path(place.base) / LOG / lost.replace("-000000000000.sqlite", "-000000.sqlite")).unlink()
    account = verify(place)
    assert account.exit_code == code
    assert any(what in each.what for each in account.all_findings())


def test_names_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    """Whatever the storage calls its files, they are written below the temporary folder or not at all."""
    root, place = tmp_path / "ledger", RemoteAddress(f"file://{tmp_path}/remote")
    samples.build(root)
    list(remote.push(root, place))
    refused = ("logs/r-0/pub/.profile", "logs/r-0/pub/a b", "logs/Other/pub/checkpoint")
    for name in refused:
        storage.write(place, name, b"x")
    with fetched(place, proofs=True) as here:
        assert not any((here.root / name).exists() for name in refused)
        names = ["/etc/x", "../x", "a/../../x", "a//x", refused[0]]
        assert _fetch_all(Remote(place), here.root, names, "", None)
        assert {path.name for path in here.root.iterdir()} == {"logs", "objects"}


def test_nobody_there(tmp_path: Path) -> None:
    """A server that does not answer is told, once; an empty place holds no log."""
    nowhere = storage.address_at(9, tmp_path)
    for read in (verify, query.connect):
        with pytest.raises(LedgerUnreadable, match="cannot list logs"):
            read(nowhere)
    empty = RemoteAddress(f"file://{tmp_path}/empty")
    assert [each.what for each in verify(empty).all_findings()] == [f"{empty}: no log here"]
    with pytest.raises(LedgerUnreadable, match="no log here"):
        query.connect(empty)
    root, place = tmp_path / "ledger", RemoteAddress(f"file://{tmp_path}/remote")
    samples.build(root)
    list(remote.push(root, place))
    for where in (root, place):
        with pytest.raises(LedgerUnreadable, match=f"^{where}: no log r-1$"):
            query.connect(where, log="r-1")


def test_nothing_is_left_behind(
    copied: tuple[Path, RemoteAddress], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is fetched goes when reading ends."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert verify(copied[1]).exit_code == 0
    with query.connect(copied[1]) as there:
        there.execute("SELECT count(*) FROM entries").fetchall()
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_no_sealed_files_are_left_out(tmp_path: Path) -> None:
    """Only names of the format are fetched."""
    refused = (
        "entries/x.parquet",
        "facts/short/000000000000-000000000001.parquet",
        "entries/../../x",
        "pub/x",
    )
    for name in refused:
        assert sealed_file(tmp_path, name, Path) is None
    assert Remote(RemoteAddress(f"file://{tmp_path}")).below("logs") == {}
    shutil.rmtree(tmp_path)
