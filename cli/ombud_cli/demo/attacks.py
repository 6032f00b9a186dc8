# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Attacks on copies of the ledger, written from FORMAT.md alone, as somebody with root would write them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_CUT = 2


@dataclass(frozen=True, slots=True)
class Attack:
    """What an attacker does to a copy of a ledger; `carry_out` returns what was done, in words."""

    name: str
    carry_out: Callable[[Path], str]


def copy_of(ledger: Path, target: Path) -> Path:
    """Copy a ledger that nobody writes to."""
    shutil.copytree(ledger, target)
    return target


def _flip_one_byte(root: Path) -> str:
    path = _entries_file(root)
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    content[place] ^= 1
    path.write_bytes(content)
    return f"byte {place} of {path.name} has one bit flipped"


def _change_verdict_column(root: Path) -> str:
    path = _entries_file(root)
    table = pq.read_table(path)
    row = _first_denied(table)
    pq.write_table(_with(table, "verdict", {row: "allow"}), path, compression="zstd")
    return f"entry {table['seq'][row]}: the column says allow, the record still says deny"


def _cut_last_entries(root: Path) -> str:
    with closing(sqlite3.connect(_hot_file(root))) as database, database:
        (last,) = database.execute("SELECT max(seq) FROM entries").fetchone()
        database.execute("DELETE FROM entries WHERE seq > ?", (last - _CUT,))
    _unpublish(root)
    return f"entries {last - _CUT + 1} to {last} are gone, and all that was published"


def _rebuild_chain(root: Path) -> str:
    """Turn a denial into an allow, then make all that depends on it agree: chain, file digest, seal."""
    path = _entries_file(root)
    table = pq.read_table(path)
    row = _first_denied(table)
    records: list[str] = table["record"].to_pylist()
    forged = json.loads(records[row])
    forged["verdict"] = "allow"
    records[row] = _canonical(forged)
    chain = hashlib.sha256(json.loads(records[0])["origin"].encode()).digest()
    chains = []
    for record in records:
        chain = _next(chain, record.encode())
        chains.append(chain)
    table = _with(table, "verdict", {row: "allow"})
    table = _with(table, "record", {row: records[row]})
    table = table.set_column(
        table.schema.get_field_index("chain"), table.schema.field("chain"), pa.array(chains, pa.binary(32))
    )
    pq.write_table(table, path, compression="zstd")
    _reseal(root, path, chain)
    _unpublish(root)
    return (
        f"entry {table['seq'][row]}: deny became allow, all later hashes are new, what was published is gone"
    )


def _unpublish(root: Path) -> None:
    """Remove tiles, checkpoints and signed head, which would contradict what is left."""
    for name in ("pub", "state"):
        for folder in root.glob(f"logs/*/{name}"):
            shutil.rmtree(folder)


def _reseal(root: Path, entries: Path, chain: bytes) -> None:
    """Let the seal entry vouch for the forged file, and chain the hot tail on to it."""
    sealed_chain, digest = chain.hex(), hashlib.sha256(entries.read_bytes()).hexdigest()
    with closing(sqlite3.connect(_hot_file(root))) as database, database:
        rows = database.execute("SELECT seq, record FROM entries ORDER BY seq").fetchall()
        for seq, stored in rows:
            record = json.loads(stored)
            if record["kind"] == "seal":
                record["chain"] = sealed_chain
                for file in record["files"]:
                    if file["path"].endswith(f"entries/{entries.name}"):
                        file["sha256"], file["bytes"] = digest, entries.stat().st_size
            data = _canonical(record).encode()
            chain = _next(chain, data)
            database.execute("UPDATE entries SET record = ?, chain = ? WHERE seq = ?", (data, chain, seq))


ATTACKS = (
    Attack("one byte of a sealed file flipped", _flip_one_byte),
    Attack("only the verdict column changed", _change_verdict_column),
    Attack("the last entries cut off", _cut_last_entries),
    Attack("one decision altered, whole chain rebuilt", _rebuild_chain),
)


def _first_denied(table: pa.Table) -> int:
    verdicts: list[str | None] = table["verdict"].to_pylist()
    return verdicts.index("deny")


def _with(table: pa.Table, column: str, values: dict[int, Any]) -> pa.Table:
    content = table[column].to_pylist()
    for row, value in values.items():
        content[row] = value
    place = table.schema.get_field_index(column)
    return table.set_column(
        place, table.schema.field(column), pa.array(content, table.schema.field(column).type)
    )


def _canonical(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _next(chain: bytes, record: bytes) -> bytes:
    leaf = hashlib.sha256(b"\x00" + record).digest()
    return hashlib.sha256(b"\x02" + chain + leaf).digest()


def _entries_file(root: Path) -> Path:
    return next(_sorted(root, "entries/*.parquet"))


def _hot_file(root: Path) -> Path:
    *_, last = _sorted(root, "hot/*.sqlite")
    return last


def _sorted(root: Path, pattern: str) -> Iterator[Path]:
    return iter(sorted(root.glob(f"logs/*/{pattern}")))
