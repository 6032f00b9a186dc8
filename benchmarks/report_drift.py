# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The report on drift over a million decisions, against Evidently's DataDriftPreset on the same Parquet.

Fifteen columns, half of the rows the reference. Whole processes, from start to one HTML and one JSON file,
with the time each takes by the clock and of processor, and its peak memory. Ours compares values one by one
at a million rows (`exact`) and in 4,096 bins (`binned`); at ten million in bins. Ratios are of one run.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report_parties import measure, peers
from benchmarks.report_sample import FEATURES, OUTPUTS, write_ledger

_OPTIONS = {"reference_from": "2026-06-01", "reference_to": "2026-07-01"}
_BINNED = {**_OPTIONS, "exact_rows": 0}


def run() -> dict[str, Any]:
    """Write both ledgers, then measure each party."""
    with tempfile.TemporaryDirectory(prefix="ombud-bench-", dir=Path.cwd()) as folder:
        root, here = Path(folder), Path(sys.executable)
        write_ledger(root / "1m", 1_000_000)
        (facts,) = (root / "1m").glob("logs/*/facts/*")
        out = str(root / "report")
        found: dict[str, Any] = {"load_average": round(os.getloadavg()[0], 1)}
        write_ledger(root / "warm", 1_000)
        measure(here, "ours", "drift", str(root / "warm"), out, "middle", json.dumps(_OPTIONS))
        for name, options in (("exact", _OPTIONS), ("binned", _BINNED)):
            arguments = ("drift", str(root / "1m"), out, "middle", json.dumps(options))
            found[f"ours_1m_{name}"] = measure(here, "ours", *arguments)
        columns = json.dumps([*FEATURES, *OUTPUTS])
        found["evidently_1m"] = measure(peers(), "evidently", str(facts), out, columns)
        write_ledger(root / "10m", 10_000_000)
        arguments = ("drift", str(root / "10m"), out, "middle", json.dumps(_OPTIONS))
        found["ours_10m_binned"] = measure(here, "ours", *arguments)
    theirs = found["evidently_1m"]
    for name in ("exact", "binned"):
        ours = found[f"ours_1m_{name}"]
        found[f"times_as_fast_{name}"] = round(theirs["seconds"] / ours["seconds"], 1)
        found[f"share_of_memory_{name}"] = round(ours["peak_mib"] / theirs["peak_mib"], 2)
    found["targets"] = {"times_as_fast": 20, "share_of_memory": 0.25}
    return found


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
    sys.stdout.write("\n")
