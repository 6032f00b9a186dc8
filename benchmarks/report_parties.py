# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The processes that the benchmarks of reports set against each other, each a whole one, from start to files.

`ours KIND LEDGER OUT BEGIN OPTIONS` in this environment; `evidently FACTS OUT COLUMNS` in one of its
own, for it needs an older pandas; `fairlearn FACTS REPLICATES`. Nothing at the top imports what a party does
without. All run from bytecode, as what is installed does, whatever the environment says of writing it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parents[1] / "var" / "bench-evidently"
EVIDENTLY = ("evidently==0.7.23", "pandas<3", "pyarrow")


def measure(python: Path, *arguments: str) -> dict[str, Any]:
    """Run one party; return what it printed, its seconds by the clock and of processor, and peak MiB."""
    command = [str(python), "-m", "benchmarks.report_parties", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    here = Path(__file__).parents[1]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=here, env=environment) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]} ended with {process.returncode}")
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_mib": round(used.ru_maxrss / 1024),
        **json.loads(printed or b"{}"),
    }


def peers() -> Path:
    """Return the interpreter of an environment that has Evidently, made if it is not there."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, PEERS], check=True)
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *EVIDENTLY],
            check=True,
        )
    return python


class _NoPandas:
    """Leaves out pandas, which no installation of ours brings: only this environment has it, by fairlearn."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"{name} is left out", name=name)


def _ours(kind: str, ledger: str, out: str, begin: str, options: str) -> None:
    sys.meta_path.insert(0, _NoPandas)
    from datetime import UTC, datetime

    from benchmarks.report_sample import BEGIN, END, MIDDLE
    from ombud_ledger import query
    from ombud_reports.as_html import to_html
    from ombud_reports.as_json import to_json
    from ombud_reports.making import make

    start = {"begin": BEGIN, "middle": MIDDLE}[begin]
    window = [datetime.fromtimestamp(each / 1e6, UTC) for each in (start, END)]
    with query.connect(Path(ledger)) as opened:
        made = make(
            kind, opened, system="credit", begin=window[0], end=window[1], options=json.loads(options)
        )
    Path(f"{out}.json").write_bytes(to_json(made))
    Path(f"{out}.html").write_bytes(to_html(made))
    print(json.dumps({"figures": sum(1 for _ in made.figures())}))


def _evidently(facts: str, out: str, columns: str) -> None:
    import pyarrow.parquet as pq
    from evidently import Report  # type: ignore[import-not-found]
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]

    frame: Any = pq.read_table(facts, columns=json.loads(columns), partitioning=None).to_pandas()
    half = len(frame) // 2
    made = Report([DataDriftPreset()]).run(frame.iloc[half:], frame.iloc[:half])
    made.save_html(f"{out}.html")
    made.save_json(f"{out}.json")


def _fairlearn(facts: str, replicates: str) -> None:
    import pyarrow.parquet as pq
    from fairlearn.metrics import MetricFrame, selection_rate

    frame: Any = pq.read_table(facts, columns=["group", "approve"], partitioning=None).to_pandas()
    more: dict[str, Any] = {}
    if int(replicates):
        more = {"n_boot": int(replicates), "ci_quantiles": [0.025, 0.975]}
    made = MetricFrame(
        metrics={"selection_rate": selection_rate},
        y_true=frame["approve"],
        y_pred=frame["approve"],
        sensitive_features=frame["group"],
        **more,
    )
    found = {name: float(value) for name, value in made.by_group["selection_rate"].items()}
    print(json.dumps({"difference": float(made.difference()["selection_rate"]), "by_group": found}))


if __name__ == "__main__":
    parties: dict[str, Callable[..., None]] = {
        "ours": _ours,
        "evidently": _evidently,
        "fairlearn": _fairlearn,
    }
    parties[sys.argv[1]](*sys.argv[2:])
