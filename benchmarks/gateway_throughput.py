# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Governed throughput against a bare byte-forwarding proxy on the same core.

A governed call is identified, typed by the `credit` contract (18 inputs), judged by Cedar twice, forwarded,
and durably recorded (fsync) before its answer leaves. The proxy forwards bytes. Both are `grpc.aio` on one
core; client and stub model server share the other. Where that other core is the bottleneck, calls per second
flatter the slower side, so the ratio of processor time per call is given beside them.
"""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.parties import OTHERS, TESTED, gateway, load, party, processor_seconds, wait_until_listening
from ombud_cli.demo.upstream.server_process import free_ports

_CALLS = 4_000
_ROUNDS = 5


def run(calls: int = _CALLS, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Measure both in turn, round by round, at 16 and 64 calls in flight."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stub_port, proxy_port = free_ports(2)
        stub, proxy = f"127.0.0.1:{stub_port}", f"127.0.0.1:{proxy_port}"
        stack.enter_context(party("stub", str(stub_port), cores=OTHERS))
        bare = stack.enter_context(party("proxy", str(proxy_port), stub, cores=TESTED))
        governed, workspace = stack.enter_context(gateway(folder, stub))
        wait_until_listening(stub)
        wait_until_listening(proxy)
        token = workspace.tokens["loan-intake"]
        sides = {"proxy": (proxy, bare.pid), "gateway": (governed.address, governed.pid)}
        found: dict[str, Any] = {}
        for in_flight in (16, 64):
            rates: dict[str, list[float]] = {side: [] for side in sides}
            costs: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(rounds):
                for side, (address, pid) in sides.items():
                    before = processor_seconds(pid)
                    seconds = load(address, calls, in_flight, token)["seconds"]
                    rates[side].append(calls / seconds)
                    costs[side].append((processor_seconds(pid) - before) / calls * 1e6)
            found[f"in_flight_{in_flight}"] = {
                "throughput_ratio": _ratio(rates["gateway"], rates["proxy"]),
                "processor_time_ratio": _ratio(costs["proxy"], costs["gateway"]),
                **{f"{side}_calls_per_s": round(statistics.median(rates[side])) for side in sides},
                **{f"{side}_processor_us": round(statistics.median(costs[side])) for side in sides},
            }
        return found


def _ratio(left: list[float], right: list[float]) -> float:
    """Median of the ratios round by round: neighbours in time share the machine's mood."""
    return round(statistics.median(a / b for a, b in zip(left, right, strict=True)), 3)
