# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud query` as of a checkpoint, and over several logs."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from cli.recorded import LOG, ORIGIN, record
from ombud_cli.main import app
from ombud_ledger import Ledger, Options, query
from ombud_ledger.hashing import LEAF
from ombud_ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ombud_ledger.tlog.keyfile import SigningKey
from ombud_ledger.tlog.merkle import root_of


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of two logs: a loan application's calls, and one label of another replica."""
    record(tmp_path / "ledger")
    other = Ledger.open(
        tmp_path / "ledger", log="r1-0", origin="acme/test/r1", options=Options(seal_automatically=False)
    )
    other.append_blocking("label", {"id": "l1", "decision": "d1"})
    other.close()
    return tmp_path / "ledger"


def keep_checkpoint(ledger: Path, file: Path, size: int) -> Path:
    """Write a checkpoint of the first entries of the first log."""
    with query.connect(ledger, log=LOG) as sql:
        records = sql.execute("SELECT record FROM entries WHERE seq < ? ORDER BY seq", [size]).fetchall()
    root = root_of([sha256(LEAF + each.encode()).digest() for (each,) in records])
    file.write_bytes(
        sign_checkpoint(Checkpoint(ORIGIN, size, root), [SigningKey.from_seed(ORIGIN, bytes(32))])
    )
    return file


def test_query_as_of_a_checkpoint_says_what_it_reads(ledger: Path, tmp_path: Path) -> None:
    """The rows are those covered; the log without a checkpoint is left out; stderr says both."""
    kept = keep_checkpoint(ledger, tmp_path / "kept", 3)
    sql = "SELECT log, max(seq) AS last FROM entries GROUP BY log"
    done = ombud("query", ledger, sql, "--as-of", kept, "-o", "csv")
    assert done.stdout == f"log,last\n{LOG},2\n"
    first, second = done.stderr.splitlines()
    assert first.startswith(f"log {LOG}: as of its checkpoint of 3 entries, root ")
    assert second == "log r1-0: left out, no --as-of is of it"


def test_query_as_of_what_the_log_does_not_extend_is_refused(ledger: Path, tmp_path: Path) -> None:
    """A checkpoint that the log does not extend ends with 1, a file that is none with 2."""
    kept = tmp_path / "kept"
    key = SigningKey.from_seed(ORIGIN, bytes(32))
    kept.write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), [key]))
    done = ombud("query", ledger, "SELECT 1", "--as-of", kept)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ombud: --as-of: log {LOG}: its first 3 entries have root ")
    kept.write_bytes(b"nothing")
    assert ombud("query", ledger, "SELECT 1", "--as-of", kept).exit_code == 2
    assert "cannot be read" in ombud("query", ledger, "SELECT 1", "--as-of", tmp_path / "absent").stderr


def test_logs_are_joined_by_log_and_seq(ledger: Path) -> None:
    """Every view says which log a row is of: without it, rows of two logs with one seq would meet."""
    described = json.loads(ombud("query", ledger, "--schema", "-o", "json").stdout)
    views = {each["view"] for each in described}
    assert {each["view"] for each in described if each["column"] == "log"} == views
    sql = "SELECT count(*) AS n, count(DISTINCT a.log) AS logs FROM entries a JOIN entries b USING (log, seq)"
    (joined,) = json.loads(ombud("query", ledger, sql, "-o", "json").stdout)
    (counted,) = json.loads(ombud("query", ledger, "SELECT count(*) AS n FROM entries", "-o", "json").stdout)
    assert joined == {"n": counted["n"], "logs": 2}


def test_a_sample_is_drawn_again(ledger: Path, tmp_path: Path) -> None:
    """The same seed draws the same entries, and JSON tells all that another needs to draw them."""
    command = ("ledger", "sample", ledger, "-n", 3, "--seed", "s", "--system", "credit", "-o", "json")
    drawn = json.loads(ombud(*command).stdout)
    assert drawn == json.loads(ombud(*command).stdout)
    assert (drawn["population"], drawn["n"], drawn["seed"], len(drawn["drawn"])) == (5, 3, "s", 3)
    assert sorted(drawn["drawn"][0]) == ["id", "leaf", "log", "seq", "ts", "verdict"]
    assert [each["log"] for each in drawn["heads"]] == [LOG, "r1-0"]
    assert "SHA-256" in drawn["method"]
    assert "sha256($seed" in drawn["sql"]
    page = ombud(*command[:-2]).stdout
    assert "5 entries of kind decision; 3 drawn" in page
    assert drawn["drawn"][0]["leaf"] in page
    kept = keep_checkpoint(ledger, tmp_path / "kept", 3)
    covered = json.loads(ombud(*command, "--as-of", kept).stdout)
    assert [each["size"] for each in covered["heads"]] == [3]
    assert covered["population"] == 2


def test_a_sample_wants_a_time_and_a_kind(ledger: Path) -> None:
    """A window counts in UTC; what is no time or no kind ends with 2."""
    command = ("ledger", "sample", ledger, "--seed", "s", "-o", "json")
    window = ("--from", "2025-10-09T10:53:21+02:00", "--to", "2025-10-09T08:53:23")
    drawn = json.loads(ombud(*command, *window).stdout)["drawn"]
    assert {each["id"] for each in drawn} == {"d1", "d2"}
    assert "--from: is 'soon', must be a time" in ombud(*command, "--from", "soon").stderr
    assert ombud(*command, "--kind", "key").exit_code == 0
    assert "--kind: is 'x', must be one of beat, boot, " in ombud(*command, "--kind", "x").stderr


def test_an_answer_is_written_as_parquet(ledger: Path, tmp_path: Path) -> None:
    """`-o parquet --out FILE` writes typed columns, and leaves nothing beside the file."""
    out = tmp_path / "out" / "d.parquet"
    out.parent.mkdir()
    sql = "SELECT id, ts, policies, chain FROM decisions WHERE system = $system ORDER BY seq"
    done = ombud("query", ledger, sql, "-p", "system=credit", "-o", "parquet", "--out", out)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"{out}: 5 rows\n")
    table = pq.read_table(out)
    assert table.column("id").to_pylist() == ["d1", "d2", "d3", "d4", "d6"]
    assert [str(each) for each in table.schema.types] == [
        "string",
        "timestamp[us]",
        "list<element: string>",
        "binary",
    ]
    assert list(out.parent.iterdir()) == [out]


def test_a_parquet_file_is_new_and_whole(ledger: Path, tmp_path: Path) -> None:
    """A file that is there stays, one that fails half-way leaves none, and --out goes with parquet."""
    out = tmp_path / "d.parquet"
    out.write_bytes(b"mine")
    done = ombud("query", ledger, "SELECT 1", "-o", "parquet", "--out", out)
    assert (2, f"ombud: --out: {out} exists, must be a new file\n") == (done.exit_code, done.stderr)
    assert out.read_bytes() == b"mine"
    out.unlink()
    before = sorted(tmp_path.iterdir())
    half = "SELECT 1 / CASE WHEN range = 90000 THEN error('half-way') ELSE 1 END AS a FROM range(100000)"
    assert "half-way" in ombud("query", ledger, half, "-o", "parquet", "--out", out).stderr
    endless = ("SELECT * FROM range(100000000000000)", "--timeout", "0.3")
    assert "--timeout" in ombud("query", ledger, *endless, "-o", "parquet", "--out", out).stderr
    assert sorted(tmp_path.iterdir()) == before
    absent = tmp_path / "absent" / "d.parquet"
    assert "cannot be written" in ombud("query", ledger, "SELECT 1", "-o", "parquet", "--out", absent).stderr
    for options in (("-o", "parquet"), ("--out", out), ("--schema", "-o", "parquet", "--out", out)):
        assert ombud("query", ledger, "SELECT 1", *options).exit_code == 2
