# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A sample that anybody can draw again."""

import json
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from ledger import samples
from ombud_ledger import query, sample

ROOM = Path(__file__).parents[2] / "ledger"


def rank(seed: str, record: str) -> str:
    """The rank of a record, as FORMAT.md says it."""
    leaf = sha256(b"\x00" + record.encode()).hexdigest()
    return sha256(f"{seed}\n{leaf}".encode()).hexdigest()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two logs, sealed and hot."""
    root = tmp_path_factory.mktemp("ledger")
    for log in ("a-0", "b-1"):
        ledger = samples.open_log(root, log=log)
        samples.fill(ledger, 40)
        if log == "a-0":
            ledger.seal_blocking()
        samples.fill(ledger, 10, start=1_000)
        ledger.close()
    return root


def test_a_sample_is_what_the_method_says(root: Path) -> None:
    """Ranked apart, in Python, the same entries come in the same order, over logs, segments and the tail."""
    with query.connect(root) as ledger:
        one = sample.draw(ledger, 25, seed="seven")
        rows = ledger.execute("SELECT log, seq, record FROM decisions").fetchall()
    expected = sorted((rank("seven", record), log, seq) for log, seq, record in rows)[:25]
    assert [(log, seq) for _, log, seq in expected] == [(each.log, each.seq) for each in one.drawn]
    assert one.population == 100
    assert {each.log for each in one.drawn} == {"a-0", "b-1"}


def test_the_seed_and_nothing_else_chooses(root: Path) -> None:
    """The same seed draws the same, another another; more entries begin with the fewer."""
    with query.connect(root) as ledger, query.connect(root, threads=1, memory="100MB") as other:
        drawn = sample.draw(ledger, 25, seed="seven").drawn
        assert drawn == sample.draw(other, 25, seed="seven").drawn
        assert drawn == sample.draw(ledger, 30, seed="seven").drawn[:25]
        assert drawn != sample.draw(ledger, 25, seed="eight").drawn


def test_a_window_bounds_the_population(root: Path) -> None:
    """From a time on, before another; of a kind and a system. One smaller than asked for is drawn whole."""
    with query.connect(root) as ledger:
        times = ledger.execute("SELECT ts, log, seq FROM decisions ORDER BY ts").fetchall()
        begin, end = times[10][0], times[20][0]
        one = sample.draw(ledger, 25, seed="s", system="credit", begin=begin, end=end)
        inside = {(log, seq) for ts, log, seq in times if begin <= ts < end}
        assert {(each.log, each.seq) for each in one.drawn} == inside
        assert one.population == len(inside)
        assert sample.draw(ledger, 5, seed="s", system="other").population == 0
        assert sample.draw(ledger, 5, seed="s", end=datetime(2000, 1, 1)).drawn == []  # noqa: DTZ001
        assert {each.id for each in sample.draw(ledger, 9, seed="s", kind="genesis").drawn} == {None}


def test_the_format_shows_ranks_and_sql() -> None:
    """FORMAT.md's ranks are those of the example's records, and its SQL draws by them."""
    text = (ROOM / "FORMAT.md").read_text(encoding="utf-8").split("## Sample\n")[1].split("\n## ")[0]
    lines = (ROOM / "vectors/logs/valid/five-entries.jsonl").read_text(encoding="utf-8").splitlines()
    records = [each["record"] for each in map(json.loads, lines) if "record" in each]
    assert len(records) == 5
    for number, record in enumerate(records):
        assert f"entry {number}   {rank('the seed', record)}\n" in text
    order = text.split("ORDER BY ")[1].split(", seq LIMIT")[0]
    with closing(duckdb.connect()) as db:
        for record in records:
            found = db.execute(f"SELECT {order} FROM (SELECT ? AS record)", [record]).fetchone()  # noqa: S608
            assert found == (rank("the seed", record),)
