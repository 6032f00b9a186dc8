# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Durable appends per second, against a raw SQLite loop (WAL, synchronous=FULL) of the same batches.

Event loop, set-up of the interpreter and salts are the gateway's; the raw loop shares the interpreter.
Also: the time to durability by waiting clients, the same with 2 and 10 ms added to every commit's fsync on
both sides, as slower disks would, and the worst append while a segment is sealed.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.ledger_sample import RECORD, open_log
from ombud_gateway.interpreter import set_up_to_serve
from ombud_ledger import Facts, Ledger, hot
from ombud_ledger.durable import act_now

ROUNDS = 3
SIZES = {1: 1_500, 16: 8_192, 64: 16_384, 256: 32_768}  # entries per round, by waiting clients
SLOWER = {2: 8, 10: 32}  # milliseconds added to each commit, and the part of SIZES that is then enough
SEAL_AFTER = 32_768


async def _append(ledger: Ledger, facts: Facts, clients: int, entries: int) -> list[float]:
    took: list[float] = []

    async def client() -> None:
        for _ in range(entries // clients):
            start = time.perf_counter()
            await ledger.append("decision", RECORD, facts)
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(client() for _ in range(clients)))
    return took


def _ours(root: Path, clients: int, entries: int, slower: float) -> dict[str, float]:
    ledger, facts = open_log(root)
    commits = 0

    def count(step: str, act: Callable[[], object]) -> None:
        nonlocal commits
        commits += step == "hot.commit"
        act_now(step, act)
        if slower:
            time.sleep(slower)

    ledger._writer.tail.durable = count  # noqa: SLF001 - counts commits, and makes them slower if told so
    cpu, start = time.process_time(), time.perf_counter()
    took = sorted(uvloop.run(_append(ledger, facts, clients, entries)))
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    made = commits
    ledger.close()
    return {
        "per_second": entries / spent,
        "cpu_us_per_entry": cpu / entries * 1e6,
        "batch": entries / made,
        "p50_ms": took[len(took) // 2] * 1e3,
        "p99_ms": took[len(took) * 99 // 100] * 1e3,
        "worst_ms": took[-1] * 1e3,
    }


def _rows(root: Path) -> list[tuple[Any, ...]]:
    ledger, facts = open_log(root)
    for _ in range(64):
        ledger.append_blocking("decision", RECORD, facts)
    with hot.reading(ledger._writer.tail.path) as db:  # noqa: SLF001 - the stored bytes, to store them raw
        rows = [tuple(row[1:]) for row in hot.rows(db)][1:]
    ledger.close()
    return rows


def _raw(path: Path, rows: list[tuple[Any, ...]], batch: int, entries: int, slower: float) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(
            "CREATE TABLE entries (seq INTEGER PRIMARY KEY, record BLOB, chain BLOB, salt BLOB, facts BLOB)"
        )
        start, seq = time.perf_counter(), 0
        while seq < entries:
            part = [(seq + at, *rows[(seq + at) % len(rows)]) for at in range(batch)]
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO entries VALUES (?,?,?,?,?)", part)
            db.execute("COMMIT")
            if slower:
                time.sleep(slower)
            seq += batch
        return seq / (time.perf_counter() - start)


def _while_sealing(root: Path) -> dict[str, float]:
    ledger, facts = open_log(root)
    uvloop.run(_append(ledger, facts, 64, SEAL_AFTER))

    async def run() -> tuple[list[float], list[float], float]:
        calm = await _append(ledger, facts, 16, 4_096)
        start = time.perf_counter()
        sealing = asyncio.create_task(ledger.seal())
        busy: list[float] = []
        while not sealing.done():
            busy += await _append(ledger, facts, 16, 256)
        await sealing
        return calm, busy, time.perf_counter() - start

    calm, busy, spent = uvloop.run(run())
    ledger.close()
    return {
        "entries_sealed": SEAL_AFTER + 4_096,
        "seal_seconds": spent,
        "appends_meanwhile_per_second": len(busy) / spent,
        "worst_ms": max(busy) * 1e3,
        "p99_ms": sorted(busy)[len(busy) * 99 // 100] * 1e3,
        "worst_ms_before": max(calm) * 1e3,
        "p99_ms_before": sorted(calm)[len(calm) * 99 // 100] * 1e3,
    }


def _against_raw(root: Path, rows: list[tuple[Any, ...]], clients: int, entries: int, slower: float) -> Any:
    """Measure ours and raw in turn; return the figures of the median round by ratio."""
    entries, rounds = max(1, entries // clients) * clients, []
    for round_ in range(ROUNDS):
        name = f"{clients}-{slower}-{round_}"
        ours = _ours(root / f"ours-{name}", clients, entries, slower)
        batch = max(1, round(ours["batch"]))
        raw = _raw(root / f"raw-{name}.sqlite", rows, batch, entries, slower)
        rounds.append({**ours, "raw_per_second": raw, "ratio": ours["per_second"] / raw})
    rounds.sort(key=lambda each: each["ratio"])
    return {key: round(value, 3) for key, value in rounds[ROUNDS // 2].items()}


def run() -> dict[str, Any]:
    """Measure by clients and added delay, and while sealing."""
    set_up_to_serve()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ombud-bench-", dir=Path.cwd()) as folder:
        root = Path(folder)
        rows = _rows(root / "rows")
        for clients, entries in SIZES.items():
            figures[f"clients_{clients}"] = _against_raw(root, rows, clients, entries, 0)
        for milliseconds, part in SLOWER.items():
            for clients, entries in SIZES.items():
                name = f"fsync_{milliseconds}_ms_more.clients_{clients}"
                figures[name] = _against_raw(root, rows, clients, entries // part, milliseconds / 1e3)
        figures["while_sealing"] = {
            key: round(value, 3) for key, value in _while_sealing(root / "seal").items()
        }
    figures["ratio"] = min(figures[f"clients_{clients}"]["ratio"] for clients in SIZES)
    figures["target"] = 0.5
    return figures


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
    sys.stdout.write("\n")
