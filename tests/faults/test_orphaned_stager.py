# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A killed gateway leaves behind the process that was writing a segment; what that one writes is harmless."""

from __future__ import annotations

from pathlib import Path

import pytest

from ombud_ledger import Ledger, LedgerUnavailable, Options, verify
from ombud_ledger.segment import Progress, StagedFile
from ombud_ledger.stage import StageHere

ORIGIN = "acme.example/test/r0"
QUIET = Options(seal_automatically=False)


class Late(StageHere):
    """Its first attempt is cut short; what is left of it writes again during the second, after its files."""

    def __init__(self) -> None:
        self._left: Path | None = None

    def stage(
        self,
        source: Path,
        span: tuple[int, int],
        folder: Path,
        objects: Path,
        progress: Progress | None,
    ) -> list[StagedFile]:
        """Stage; the second time, let the first attempt write over its own files."""
        files = super().stage(source, span, folder, objects, progress)
        if self._left is None:
            self._left = folder
            raise OSError("killed")
        for file in files:
            late = self._left / file.name
            late.parent.mkdir(parents=True, exist_ok=True)
            late.write_bytes(b"half a file")
        return files


def test_a_late_stager_changes_nothing(tmp_path: Path) -> None:
    """The segment that is sealed is the one that was hashed, whatever an older attempt still writes."""
    stage = Late()
    ledger = Ledger.open(tmp_path, log="r0-0", origin=ORIGIN, options=QUIET, stage=stage)
    ledger.append_blocking("label", {"id": "one"})
    with pytest.raises(LedgerUnavailable, match="killed"):
        ledger.seal_blocking()
    ledger.close()
    ledger = Ledger.open(tmp_path, log="r0-0", origin=ORIGIN, options=QUIET, stage=stage)
    ledger.close(seal=True)
    account = verify(tmp_path)
    assert [str(finding) for finding in account.all_findings()] == []
    assert account.logs[0].sealed_files > 0
