# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The five queries of `ledger/queries/` over 10,000,000 entries in sealed segments, against counting rows.

One segment is recorded and sealed as a gateway would; the others are it again, months later: seq, time and
ids are moved on, so that no two entries are alike in what queries read. Chain values are not made anew (nor
are records), which no query looks at. The baseline is `count(*)` with a condition on one column. Every
query runs as `ombud query` runs it, in an open ledger; `open_s` is the time to open it.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.ledger_sample import RECORD, open_log
from ombud_ledger import Ledger, query

ENTRIES = 10_000_000
SEGMENT = 65_536
ROUNDS = 5
QUERIES = Path(__file__).parents[1] / "ledger" / "queries"
_BASELINE = "SELECT count(*) FROM entries WHERE verdict = 'allow'"
_SPACING = 7_200_000_000  # microseconds from segment to segment: 153 of them are two weeks


async def _record(ledger: Ledger) -> None:
    """Append a segment of calls of several systems, callers and verdicts, effects and reviews among them."""
    chance, waiting = random.Random(1), []
    for number in range(SEGMENT - 2):
        kind, body = _entry(chance, number)
        waiting.append(asyncio.ensure_future(ledger.append(kind, body)))
        if len(waiting) == 256:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)


def _entry(chance: random.Random, number: int) -> tuple[str, dict[str, Any]]:
    call = f"{number:012d}"
    if number % 50 == 48:  # an effect, and what became of it
        return "intent", {**RECORD, "id": call, "action": "invoke", "outcome": "none"}
    if number % 50 == 49:
        return "outcome", {"id": f"{number - 1:012d}", "system": RECORD["system"], "outcome": "executed"}
    if number % 100 == 10:
        return "review", {"id": call, "event": "opened", "system": RECORD["system"]}
    if number % 100 == 90:
        event = "approved" if chance.random() < 0.8 else "rejected"
        return "review", {"id": f"{number - 80:012d}", "event": event, "group": "adjusters"}
    verdict, policies = chance.choices(
        (
            ("allow", ["permit-agents", "permit-release"]),
            ("deny", ["forbid-large"]),
            ("review", ["unsure", "large-loans"]),
        ),
        (90, 6, 4),
    )[0]
    return "decision", {
        **RECORD,
        "id": call,
        "system": chance.choice(("credit", "claims", "hiring")),
        "principal": f'Agent::"bot-{chance.randrange(40)}"',
        "verdict": verdict,
        "policies": policies,
        "model_version": str(chance.randrange(3)),
        "bundle": chance.choice(("a", "b")) * 64,
    }


def _repeat(log: Path, times: int) -> int:
    """Write the segment again so many times; return the bytes of all entries files."""
    (first,) = log.glob("entries/*.parquet")
    table = pq.read_table(first, partitioning=None)
    for number in range(1, times):
        start = number * len(table)
        moved = _moved(table, start, number)
        path = first.with_name(f"{start:012d}-{start + len(table) - 1:012d}.parquet")
        pq.write_table(moved, path, compression="zstd", row_group_size=16_384, write_page_checksum=True)
    return sum(path.stat().st_size for path in log.glob("entries/*.parquet"))


def _moved(table: pa.Table, start: int, number: int) -> pa.Table:
    changed = {
        "seq": pc.add(table["seq"], start),
        "ts": pc.add(table["ts"], pa.scalar(number * _SPACING, pa.duration("us"))),
        "id": pc.binary_join_element_wise(table["id"], f"-{number:04d}", ""),
    }
    for name, values in changed.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), values.cast(table.schema.field(at).type))
    return table


def run() -> dict[str, Any]:
    """Build the ledger, then ask each query, round by round."""
    with tempfile.TemporaryDirectory(prefix="ombud-bench-", dir=Path.cwd()) as folder:
        root = Path(folder)
        ledger, _ = open_log(root)
        asyncio.run(_record(ledger))
        ledger.seal_blocking()
        log = root / "logs" / ledger.log
        (sealed,) = log.glob("entries/*.parquet")
        rows = pq.read_metadata(sealed).num_rows
        # What follows the segment would overlap with the copies: they take its place.
        ledger.close()
        for path in log.glob("hot/*"):
            path.unlink()
        segments = -(-ENTRIES // rows)
        stored = _repeat(log, segments)
        statements = {path.stem: path.read_text(encoding="utf-8") for path in sorted(QUERIES.glob("*.sql"))}
        statements["baseline_count"] = _BASELINE
        start = time.perf_counter()
        with query.connect(root) as sql:
            found: dict[str, Any] = {
                "entries": segments * rows,
                "segments": segments,
                "bytes_per_entry": round(stored / segments / rows, 1),
                "open_s": round(time.perf_counter() - start, 3),
            }
            took: dict[str, list[float]] = {name: [] for name in statements}
            answers: dict[str, int] = {}
            for _ in range(ROUNDS):
                for name, statement in statements.items():
                    start = time.perf_counter()
                    answers[name] = len(sql.execute(statement).fetchall())
                    took[name].append(time.perf_counter() - start)
        for name, times in took.items():
            found[name] = {"median_s": round(statistics.median(times), 3), "rows": answers[name]}
            found[name]["ratio_to_count"] = round(
                statistics.median(a / b for a, b in zip(times, took["baseline_count"], strict=True)), 2
            )
        found["slowest_s"] = max(found[path.stem]["median_s"] for path in QUERIES.glob("*.sql"))
        found["target_s"] = 1.0
        return found


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
    sys.stdout.write("\n")
