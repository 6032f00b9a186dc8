# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Seal a frozen hot file into a segment, off the hot path; after a crash, doing it again finishes it."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, Protocol

from ombud_ledger import hot
from ombud_ledger.durable import Durable, make_folder, publish, retire
from ombud_ledger.errors import LedgerUnavailable
from ombud_ledger.layout import LogLayout
from ombud_ledger.segment import Progress, StagedFile

FILES_PER_ENTRY: Final = 32  # a seal entry stays well under 16 KiB; more files take more seal entries


@dataclass(frozen=True, slots=True)
class Frozen:
    """A hot file that takes no more entries."""

    path: Path
    first: int
    size: int  # entries in the log up to its end


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed segment."""

    log: str
    first: int
    last: int
    files: tuple[str, ...]


class Stage(Protocol):
    """Writes the Parquet files of a frozen hot file, durable, into a folder."""

    def stage(
        self, source: Path, span: tuple[int, int], folder: Path, objects: Path, progress: Progress | None
    ) -> list[StagedFile]:
        """Return the staged files, entries first. Raises LedgerError, OSError."""
        ...

    def stop(self) -> None:
        """End what is running and refuse further work."""
        ...


class Sealer:
    """Carries out the steps of sealing; one segment at a time."""

    def __init__(
        self,
        layout: LogLayout,
        *,
        log: str,
        objects: Path,
        append: Callable[[str, Mapping[str, Any]], object],
        durable: Durable,
        stage: Stage,
        cover: Callable[[], None],
    ) -> None:
        self._layout = layout
        self._log = log
        self._objects = objects
        self._append = append
        self._durable = durable
        self._stage = stage
        self._cover = cover

    def seal(self, frozen: Frozen, progress: Progress | None = None) -> Sealed:
        """Seal the frozen file. Raises LedgerUnavailable; doing it again goes on where it stopped."""
        first, last = frozen.first, frozen.size - 1
        try:
            # 1. Stage the Parquet files in a process of its own; each is fsynced, then read again and
            #    hashed. A crash here leaves files in staging/ that count for nothing.
            staging = self._fresh_staging()
            files: list[StagedFile] = []
            folders = (staging, self._objects)
            self._durable(
                "seal.stage",
                lambda: files.extend(self._stage.stage(frozen.path, (first, last), *folders, progress)),
            )
            # 2. Say so in the log: path, digest and range of every file, and the chain's head. Once this is
            #    durable the digests bind; a crash after it makes recovery stage again and log the digests
            #    again if they differ.
            logged = self._logged(frozen)
            todo = [file for file in files if logged.get(file.name) != file.sha256]
            for start in range(0, len(todo), FILES_PER_ENTRY):
                self._append("seal", self._body(frozen, todo[start : start + FILES_PER_ENTRY]))
            # 3. Move them into place, the entries file last: its presence says that the segment is
            #    complete. A crash between renames leaves facts files that the next attempt writes over with
            #    the same bytes.
            for file in reversed(files):
                target = self._layout.folder / file.name
                make_folder(target.parent)
                publish(staging / file.name, target, self._durable, "seal")
            # 4. Let a signed checkpoint cover the seal, if the log is signed.
            self._cover()
            # 5. Retire the hot file. A crash before this leaves both; readers and recovery prefer the
            #    sealed one.
            for suffix in ("-wal", "-shm", ""):
                retire(frozen.path.with_name(frozen.path.name + suffix), self._durable, "seal")
        except OSError as error:
            raise LedgerUnavailable(f"log {self._log}: sealing {first} to {last}: {error}") from error
        return Sealed(self._log, first, last, tuple(file.name for file in files))

    def _body(self, frozen: Frozen, files: list[StagedFile]) -> dict[str, Any]:
        with hot.reading(frozen.path) as db:
            (chain,) = db.execute("SELECT chain FROM entries WHERE seq = ?", (frozen.size - 1,)).fetchone()
        return {
            "first": frozen.first,
            "last": frozen.size - 1,
            "chain": chain.hex(),
            "files": [
                {
                    "path": file.name,
                    "sha256": file.sha256,
                    "bytes": file.size,
                    "rows": file.rows,
                    "first": file.first,
                    "last": file.last,
                }
                for file in files
            ],
        }

    def _logged(self, frozen: Frozen) -> dict[str, str]:
        # Only entries after the frozen file can seal it, and they are all in the live one.
        found: dict[str, str] = {}
        for file in self._layout.hot_files():
            if file.first >= frozen.size:
                with hot.reading(file.path) as db:
                    for row in hot.rows(db):
                        if b'"kind":"seal"' in row.record:
                            record = json.loads(row.record)
                            if record["kind"] == "seal":
                                found |= {each["path"]: each["sha256"] for each in record["files"]}
        return found

    def _fresh_staging(self) -> Path:
        # A folder of its own for each attempt: the stager of a killed process may live on and still write.
        for old in self._layout.staging.iterdir():
            shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._layout.staging))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
