# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The files of one report: each is written whole beside its place, and gets its name once it is recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ombud_cli.failure import unusable


class Files:
    """Where a report's files go: `stem` and their endings, in a folder."""

    def __init__(self, folder: Path, stem: str, *, force: bool) -> None:
        """Raise `Failure` where a file of the name is there and may not be overwritten."""
        self._folder = folder
        self._stem = stem
        for ending in ("json", "html", "pdf"):
            path = self.path(ending)
            if path.exists() and not force:
                raise unusable(f"--out: {path} is there already; --force overwrites it")

    def path(self, ending: str) -> Path:
        """Return where a file goes."""
        return self._folder / f"{self._stem}.{ending}"

    @contextmanager
    def staged(self, contents: Mapping[str, bytes]) -> Iterator[None]:
        """Write all files beside their places; those get their names when the with block ends well.

        A crash before leaves files of other names, and nothing that could pass for the report.
        """
        staging = {
            ending: self._folder / f".{self._stem}.{ending}.{os.getpid()}.partial" for ending in contents
        }
        try:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                for ending, content in contents.items():
                    _write(staging[ending], content)
            except OSError as error:
                raise unusable(f"--out: {self._folder}: {error.strerror or error}") from error
            yield
            for ending, path in staging.items():
                path.replace(self.path(ending))
            self._sync()
        finally:
            for path in staging.values():
                path.unlink(missing_ok=True)

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
