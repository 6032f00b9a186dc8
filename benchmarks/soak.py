# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Memory of the gateway over many calls: it must not grow with them.

`python -m benchmarks.soak [CALLS]` prints the same figures as JSON. The gateway is `ombud serve` with the
demonstration's system and policies, in front of a stub model server; segments are sealed on the way. What
counts is the second half: in the first one caches fill, and the ledger's first segments are sealed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.parties import OTHERS, gateway, load, party, wait_until_listening
from ombud_cli.demo.upstream.server_process import free_ports

_CALLS = 200_000
_LEGS = 20
_IN_FLIGHT = 32


def run(calls: int = _CALLS, legs: int = _LEGS) -> dict[str, Any]:
    """Send so many calls in legs, and look at the gateway's resident memory after each; sizes in KiB."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ombud-soak-")))
        stub = f"127.0.0.1:{free_ports(1)[0]}"
        stack.enter_context(party("stub", stub.rpartition(":")[2], cores=OTHERS))
        wait_until_listening(stub)
        governed, workspace = stack.enter_context(gateway(folder, stub))
        token, seconds = workspace.tokens["loan-intake"], 0.0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar = stack.enter_context(Progress(*columns, console=Console(stderr=True)))
        task = bar.add_task("calls", total=calls // legs * legs)
        resident = [_kib(governed.pid, "VmRSS")]
        for _ in range(legs):
            seconds += load(governed.address, calls // legs, _IN_FLIGHT, token)["seconds"]
            resident.append(_kib(governed.pid, "VmRSS"))
            bar.update(task, advance=calls // legs, description=f"{resident[-1] // 1024} MiB, calls")
        done, middle = calls // legs * legs, len(resident) // 2
        return {
            "calls": done,
            "in_flight": _IN_FLIGHT,
            "calls_per_s": round(done / seconds),
            "rss_start_kib": resident[0],
            "rss_first_leg_kib": resident[1],
            "rss_middle_kib": resident[middle],
            "rss_end_kib": resident[-1],
            "rss_peak_kib": _kib(governed.pid, "VmHWM"),
            "second_half_bytes_per_call": round((resident[-1] - resident[middle]) * 1024 / (done / 2), 1),
            "rss_by_leg_kib": " ".join(map(str, resident)),
        }


def _kib(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    json.dump(run(*(int(argument) for argument in sys.argv[1:2])), sys.stdout, indent=2)
    sys.stdout.write("\n")
