# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Staging in a process of its own, so that the gateway's interpreter is never held up by Parquet."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ombud_ledger.errors import LedgerClosed, LedgerUnavailable
from ombud_ledger.segment import Progress, StagedFile


class StageApart:
    """Runs `python -m ombud_ledger.stage`, bounded in time."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def stage(
        self, source: Path, span: tuple[int, int], folder: Path, objects: Path, progress: Progress | None
    ) -> list[StagedFile]:
        """Stage one frozen hot file. Raises LedgerUnavailable, OSError."""
        job = {"source": str(source), "first": span[0], "last": span[1], "folder": str(folder)}
        with self._lock:
            if self._stopped:
                raise LedgerClosed("the log is closing")
            child = self._child = subprocess.Popen(
                [sys.executable, "-m", "ombud_ledger.stage"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        # The child is bounded in time: the timer ends it, which closes the pipes read below.
        timer = threading.Timer(self._timeout, child.kill)
        timer.daemon = True
        timer.start()
        try:
            with child:
                answer, complaint = _talk(child, {**job, "objects": str(objects)}, progress)
        finally:
            timer.cancel()
            with self._lock:
                self._child = None
        if child.returncode or answer is None:
            raise LedgerUnavailable(f"staging ended with {child.returncode}: {complaint[-500:]}")
        return [StagedFile(**each) for each in answer]

    def stop(self) -> None:
        """End a running child and refuse further work."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                self._child.terminate()


def _talk(
    child: subprocess.Popen[bytes], job: dict[str, Any], progress: Progress | None
) -> tuple[list[dict[str, Any]] | None, str]:
    assert child.stdin  # noqa: S101 - pipes were asked for
    assert child.stdout  # noqa: S101
    assert child.stderr  # noqa: S101
    answer: list[dict[str, Any]] | None = None
    child.stdin.write(json.dumps(job).encode())
    child.stdin.close()
    for line in child.stdout:
        message = json.loads(line)
        if "progress" in message and progress:
            progress(*message["progress"])
        answer = message.get("files", answer)
    return answer, child.stderr.read(65_536).decode(errors="replace").strip()
