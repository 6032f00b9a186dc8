# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The report on bias over a million decisions in 4 groups, against fairlearn's MetricFrame on the same files.

Whole processes, with time by the clock and of processor, and peak memory. Ours draws 10,000 replicates and
writes HTML and JSON; fairlearn gives selection rates by group, without and with a few replicates, and what
100 would take follows from these: one takes as long as another. Ratios are of one run.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report_parties import measure
from benchmarks.report_sample import write_ledger

_OPTIONS = {"legal_basis": "benchmark", "access": "nobody: the data is drawn", "replicates": 10_000}
_THEIR_REPLICATES = 2


def run() -> dict[str, Any]:
    """Write both ledgers, then measure each party."""
    with tempfile.TemporaryDirectory(prefix="ombud-bench-", dir=Path.cwd()) as folder:
        root, here = Path(folder), Path(sys.executable)
        write_ledger(root / "1m", 1_000_000)
        (facts,) = (root / "1m").glob("logs/*/facts/*")
        out, options = str(root / "report"), json.dumps(_OPTIONS)
        found: dict[str, Any] = {"load_average": round(os.getloadavg()[0], 1)}
        write_ledger(root / "warm", 1_000)
        measure(here, "ours", "bias", str(root / "warm"), out, "begin", options)
        found["ours_1m"] = measure(here, "ours", "bias", str(root / "1m"), out, "begin", options)
        plain = measure(here, "fairlearn", str(facts), "0")
        drawn = measure(here, "fairlearn", str(facts), str(_THEIR_REPLICATES))
        write_ledger(root / "10m", 10_000_000)
        found["ours_10m"] = measure(here, "ours", "bias", str(root / "10m"), out, "begin", options)
    each = (drawn["seconds"] - plain["seconds"]) / _THEIR_REPLICATES
    found["fairlearn_1m"] = plain
    found[f"fairlearn_1m_{_THEIR_REPLICATES}_replicates"] = drawn
    found["fairlearn_1m_100_replicates_extrapolated_seconds"] = round(plain["seconds"] + 100 * each, 1)
    found["times_as_fast"] = round((plain["seconds"] + 100 * each) / found["ours_1m"]["seconds"], 1)
    found["targets"] = {"times_as_fast": 100}
    return found


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
    sys.stdout.write("\n")
