# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Run every benchmark, or those named: `python -m benchmarks.run [NAME ...]`.

A benchmark is a module beside this one with `run() -> dict`: figures by name, nested where that reads better.
It measures its own baseline in the same run, so that ratios hold on a noisy machine. Each runs alone, in a
process of its own; its figures are printed and kept in `results/NAME.json` with what is needed to judge them.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

FOLDER: Final = Path(__file__).parent
RESULTS: Final = FOLDER / "results"
PARTS: Final = ("ombud", "grpcio", "cedarpy", "pyarrow", "duckdb", "cryptography", "tritonclient", "uvloop")


def benchmarks() -> list[str]:
    """Name every module of this folder that defines `run`."""
    return sorted(
        path.stem
        for path in FOLDER.glob("*.py")
        if path.stem not in ("__init__", "run") and "\ndef run(" in path.read_text()
    )


def measure(name: str) -> tuple[str, dict[str, Any]]:
    """Run one benchmark; return the first line of its docstring and its figures."""
    module = importlib.import_module(f"benchmarks.{name}")
    return (module.__doc__ or name).strip().splitlines()[0], module.run()


def machine() -> dict[str, Any]:
    """Describe what was measured on, without naming it."""
    cpus = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in _lines(cpus) if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "file_system": _file_system(FOLDER),
        "python": platform.python_version(),
        "packages": {part: version(part) for part in PARTS},
    }


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _file_system(path: Path) -> str:
    """Type of the file system a path is on: what fsync costs hangs on it."""
    mounts = [line.split()[1:3] for line in _lines(Path("/proc/mounts"))]
    holding = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(holding)[1] if holding else "unknown"


def flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield figures one by one, nested names joined by dots, floats to four significant digits."""
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, float):
            yield f"{prefix}{key}", f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
        else:
            yield f"{prefix}{key}", f"{value:,}" if type(value) is int else str(value)


def main() -> int:
    """Measure, print, keep; 1 if a benchmark failed, 2 if one is not known."""
    console = Console()
    known = benchmarks()
    names = sys.argv[1:] or known
    if unknown := sorted(set(names) - set(known)):
        console.print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known) or 'none yet'}")
        return 2
    RESULTS.mkdir(exist_ok=True)
    failed = False
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as alone:
        for name in names:
            try:
                with console.status(f"measuring {name}"):
                    what, figures = alone.submit(measure, name).result()
            except Exception:  # one benchmark that fails must not hide the others' figures
                console.print_exception()
                failed = True
                continue
            table = Table("figure", "value", title=f"{name}: {what}", title_justify="left")
            for row in flat(figures):
                table.add_row(*row)
            console.print(table)
            kept = {
                "benchmark": name,
                "what": what,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "machine": machine(),
                "figures": figures,
            }
            (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
