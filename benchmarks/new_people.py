# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Calls about people whom the vault meets for the first time, against calls about people it knows.

Somebody new is made durable in the key store before the record that names them is: one more fsync, though
begun while the model server works and shared with others who are new. Throughput and latency of both kinds in
turn, round by round, in front of a stub model server; 1.0 would be that new people cost nothing.
"""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.parties import KNOWN, OTHERS, gateway, load, party, wait_until_listening
from ombud_cli.demo.upstream.server_process import free_ports

_CALLS = {1: 500, 16: 3_000, 64: 3_000}  # per round, by calls in flight
_ROUNDS = 5


def run(calls: dict[int, int] = _CALLS, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Measure both kinds at 1, 16 and 64 calls in flight; latencies in microseconds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ombud-bench-", dir=Path.cwd())))
        stub = f"127.0.0.1:{free_ports(1)[0]}"
        stack.enter_context(party("stub", stub.rpartition(":")[2], cores=OTHERS))
        wait_until_listening(stub)
        governed, workspace = stack.enter_context(gateway(folder, stub, people=True))
        token = workspace.tokens["loan-intake"]
        load(governed.address, KNOWN, 16, token, "known")  # from here on they are known
        return {
            f"in_flight_{in_flight}": _compare(governed.address, count, in_flight, token, rounds)
            for in_flight, count in calls.items()
        }


def _compare(address: str, count: int, in_flight: int, token: str, rounds: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"known": [], "new": []}
    took: dict[str, list[float]] = {"known": [], "new": []}
    for _ in range(rounds):
        for who, rate in rates.items():
            told = load(address, count, in_flight, token, who)
            rate.append(count / told["seconds"])
            took[who] += told["each"]
    ratios = [new / known for new, known in zip(rates["new"], rates["known"], strict=True)]
    return {
        "throughput_ratio": round(statistics.median(ratios), 3),
        **{f"{who}_calls_per_s": round(statistics.median(each)) for who, each in rates.items()},
        **{f"{who}_p50_us": round(statistics.median(each) * 1e6) for who, each in took.items()},
        **{f"{who}_p99_us": round(statistics.quantiles(each, n=100)[98] * 1e6) for who, each in took.items()},
    }
