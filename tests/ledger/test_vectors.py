# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The vectors: made again they are the same; both verifiers agree on every one of them."""

import json
import re
import runpy
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ledger import samples, second_verifier
from ombud_ledger import LedgerError, canonical
from ombud_ledger.follow import Follower, check_facts
from ombud_ledger.shapes import Shapes

ROOM = Path(__file__).parents[2] / "ledger"
VECTORS = ROOM / "vectors"
RECORDS = sorted(VECTORS.glob("records/*/*.json"))
LOGS = sorted(VECTORS.glob("logs/*/*.jsonl"))


def ours(path: Path) -> None:
    """Check a vector with the package."""
    if path.suffix == ".json":
        canonical.parse(path.read_bytes(), limit=canonical.MAX_RECORD)
        return
    follower = Follower()
    shapes = Shapes(canonical.MAX_FACTS)
    for line in read_lines(path):
        record, chain = line["record"].encode(), bytes.fromhex(line["chain"])
        fields = follower.follow(line["seq"], record, chain)
        salt = bytes.fromhex(line["salt"]) if "salt" in line else None
        facts = line["facts"].encode() if "facts" in line else None
        check_facts(shapes, line["seq"], fields.get("facts_commit"), salt, facts)


def theirs(path: Path) -> None:
    """Check a vector with the second verifier."""
    if path.suffix == ".json":
        second_verifier.read(path.read_bytes(), 16_384)
    else:
        second_verifier.check_log(read_lines(path))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log vector."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_made_again_they_are_the_same(tmp_path: Path) -> None:
    """The script gives exactly the committed files."""
    make: Callable[[Path], None] = runpy.run_path(str(VECTORS / "make_vectors.py"))["make"]
    make(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.json*")}
    assert made == {path.relative_to(VECTORS): path.read_bytes() for path in [*RECORDS, *LOGS]}
    assert len(made) > 80


@pytest.mark.parametrize("path", [*RECORDS, *LOGS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_both_verifiers_agree(path: Path) -> None:
    """Valid vectors pass both verifiers; invalid ones fail both."""
    if path.parent.name == "valid":
        ours(path)
        theirs(path)
        return
    with pytest.raises(LedgerError):
        ours(path)
    with pytest.raises(second_verifier.Rejected):
        theirs(path)


def test_second_verifier_reads_a_real_ledger(tmp_path: Path) -> None:
    """What the package writes, sealed and read through stock DuckDB, passes the second verifier."""
    ledger = samples.open_log(tmp_path)
    samples.fill(ledger, 40)
    head = ledger.head.chain
    ledger.seal_blocking()
    ledger.close()
    log = tmp_path / "logs/r-0"
    with closing(duckdb.connect()) as db:
        rows = db.execute(
            "SELECT seq, record, hex(e.chain), hex(salt), facts FROM read_parquet(?) e"
            " LEFT JOIN read_parquet(?, union_by_name = true) f USING (seq) ORDER BY seq",
            [f"{log}/entries/*.parquet", f"{log}/facts/*/*.parquet"],
        ).fetchall()
    lines = []
    for seq, record, chain, salt, facts in rows:
        held = {} if facts is None else {"salt": salt.lower(), "facts": facts}
        lines.append({"seq": seq, "record": record, "chain": chain.lower(), **held})
    assert head == second_verifier.check_log(lines)
    assert len(lines) == 41


def test_the_worked_example() -> None:
    """Every hash and record in FORMAT.md's example is the one of the vector it names."""
    text = (ROOM / "FORMAT.md").read_text(encoding="utf-8")
    lines = read_lines(VECTORS / "logs/valid/five-entries.jsonl")
    example = text[text.index("## A worked example") : text.index("## Record")]
    for line in lines[:2]:
        assert line["record"] in example
        assert line["chain"] in example
    assert lines[1]["salt"] in example
    assert lines[1]["facts"] in example
    assert set(re.findall(r"\b[0-9a-f]{64}\b", example)) >= {line["chain"] for line in lines[:2]}


def test_format_names_every_kind_and_column() -> None:
    """FORMAT.md lists each kind and each projected column."""
    from ombud_ledger.columns import COLUMNS
    from ombud_ledger.kinds import KINDS

    text = (ROOM / "FORMAT.md").read_text(encoding="utf-8")
    assert {name for name in KINDS | {column.name for column in COLUMNS} if f"`{name}`" not in text} == set()
