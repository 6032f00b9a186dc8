# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Latency that the gateway adds, one call at a time, against asking the model server directly.

The model server is real Triton with the loan model, where this platform can run it; else the embedded one.
"""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.parties import gateway, load
from ombud_cli.demo.upstream import prepare, start

_CALLS = 1_000
_ROUNDS = 3


def run(calls: int = _CALLS, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Measure direct and governed calls in turn; latencies in microseconds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(start(prepare(Path("var/bench/triton")), folder / "model-server.log"))
        governed, workspace = stack.enter_context(gateway(folder / "gateway", server.grpc_address))
        token = workspace.tokens["loan-intake"]
        direct: list[float] = []
        through: list[float] = []
        for _ in range(rounds):
            direct += load(server.grpc_address, calls, 1, token)["each"]
            through += load(governed.address, calls, 1, token)["each"]
    figures: dict[str, Any] = {"model_server": server.kind}
    for name, rank in (("p50", 50), ("p99", 99)):
        without, with_gateway = _percentile(direct, rank), _percentile(through, rank)
        figures[name] = {
            "direct_us": round(without),
            "governed_us": round(with_gateway),
            "added_us": round(with_gateway - without),
            "ratio": round(with_gateway / without, 2),
        }
    return figures


def _percentile(seconds: list[float], rank: int) -> float:
    return statistics.quantiles(seconds, n=100)[rank - 1] * 1e6
