# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Stage one segment: write a frozen hot file as Parquet.

Run as `python -m ombud_ledger.stage`: reads one JSON job from standard input, writes progress lines and,
last, the
staged files as JSON to standard output.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from ombud_ledger import hot, segment
from ombud_ledger.durable import act_now
from ombud_ledger.facts import Column, contract_columns
from ombud_ledger.lean import leave_out
from ombud_ledger.objects import Objects


def stage(
    source: Path, span: tuple[int, int], folder: Path, objects: Path, progress: segment.Progress | None = None
) -> list[segment.StagedFile]:
    """Write a frozen hot file's Parquet files into `folder`; return them. Raises LedgerError, OSError."""
    store = Objects(objects, act_now)

    def columns_of(contract: str) -> tuple[Column, ...]:
        return contract_columns(store.get(contract))

    with hot.reading(source) as db:
        return segment.write(
            hot.rows(db),
            hot.payloads(db),
            span=span,
            folder=folder,
            columns_of=columns_of,
            progress=progress,
        )


class StageHere:
    """Stages in this process: for offline tools and tests."""

    def stage(
        self,
        source: Path,
        span: tuple[int, int],
        folder: Path,
        objects: Path,
        progress: segment.Progress | None,
    ) -> list[segment.StagedFile]:
        """Stage one frozen hot file. Raises LedgerError, OSError."""
        return stage(source, span, folder, objects, progress)

    def stop(self) -> None:
        """Do nothing: there is nothing apart to end."""


def main() -> int:
    """Do one job."""
    os.nice(10)  # Calls come first.
    leave_out()
    job = json.load(sys.stdin)

    def tell(what: str, done: int, of: int) -> None:
        print(json.dumps({"progress": [what, done, of]}), flush=True)

    files = stage(
        Path(job["source"]), (job["first"], job["last"]), Path(job["folder"]), Path(job["objects"]), tell
    )
    print(json.dumps({"files": [asdict(file) for file in files]}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
