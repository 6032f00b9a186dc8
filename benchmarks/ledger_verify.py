# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A million entries verified, against hashing the same bytes once with hashlib, in one thread.

`ratio` is that of `verify` as it comes: from 100,000 sealed entries on, one process per core, their start
included. `one_process_ratio` is that of a single process. `sql_root_ratio` is the time of DuckDB's Merkle
root in SQL, which is a part of what is verified, to that of `verify` as it comes.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from benchmarks.ledger_append import _append
from benchmarks.ledger_sample import open_log
from ombud_ledger import verify
from ombud_ledger.auditing import root_sql

SEGMENTS = 16
ENTRIES = 65_536  # per segment
ROUNDS = 3


def _hash_alone(rows: list[tuple[bytes, bytes, bytes]], files: list[bytes]) -> float:
    """Time what any verifier must hash: each leaf, chain value and commitment, and every sealed file."""
    start = time.perf_counter()
    chain = bytes(32)
    for file in files:
        sha256(file).digest()
    for record, salt, facts in rows:
        chain = sha256(b"\x02" + chain + sha256(b"\x00" + record).digest()).digest()
        if facts:
            sha256(b"\x03" + salt + facts).digest()
    return time.perf_counter() - start


def _sql_root(log: Path) -> float:
    """Time the statements that `verify --sql` prints for the root, in a DuckDB as it comes."""
    statements = root_sql().replace("entries/*.parquet", f"{log}/entries/*.parquet")
    start = time.perf_counter()
    with closing(duckdb.connect()) as db:
        assert db.execute(statements).fetchall()
    return time.perf_counter() - start


def _rows(log: Path) -> list[tuple[bytes, bytes, bytes]]:
    facts: dict[int, tuple[bytes, bytes]] = {}
    for path in log.glob("facts/*/*.parquet"):
        table = pq.read_table(path, columns=["seq", "salt", "facts"], partitioning=None)
        facts |= {row["seq"]: (row["salt"], row["facts"].encode()) for row in table.to_pylist()}
    rows = []
    for path in sorted(log.glob("entries/*.parquet")):
        table = pq.read_table(path, columns=["seq", "record"], partitioning=None)
        rows += [(row["record"].encode(), *facts.get(row["seq"], (b"", b""))) for row in table.to_pylist()]
    return rows


def run() -> dict[str, Any]:
    """Measure verification in one process and in one per core, and hashing alone, in turn."""
    with tempfile.TemporaryDirectory(prefix="ombud-bench-", dir=Path.cwd()) as folder:
        root = Path(folder)
        ledger, facts = open_log(root)
        for _ in range(SEGMENTS):
            asyncio.run(_append(ledger, facts, 256, ENTRIES))
            ledger.seal_blocking()
        ledger.close()
        log = root / "logs" / "bench-0"
        rows = _rows(log)
        files = [path.read_bytes() for path in root.rglob("*.parquet")]
        cores = len(os.sched_getaffinity(0))
        rounds = []
        for _ in range(ROUNDS):
            alone = _hash_alone(rows, files)
            start, cpu = time.perf_counter(), time.process_time()
            assert verify(root, processes=1).exit_code == 0
            one, cpu = time.perf_counter() - start, time.process_time() - cpu
            start = time.perf_counter()
            assert verify(root).exit_code == 0
            many = time.perf_counter() - start
            rounds.append((alone / one, alone / many, alone, one, many, cpu, _sql_root(log)))
    rounds.sort()
    ratio_one, ratio_many, alone, one, many, cpu, sql = rounds[ROUNDS // 2]
    count = len(rows)
    return {
        "entries": count,
        "hash_alone_per_second": round(count / alone),
        "one_process_per_second": round(count / one),
        "one_process_cpu_us_per_entry": round(cpu / count * 1e6, 1),
        "one_process_ratio": round(ratio_one, 3),
        "processes": cores,
        "processes_per_second": round(count / many),
        "ratio": round(ratio_many, 3),
        "target": 0.2,
        "sql_root_seconds": round(sql, 2),
        "sql_root_ratio": round(sql / many, 3),
    }


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
    sys.stdout.write("\n")
