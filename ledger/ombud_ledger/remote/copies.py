# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Copies of sealed files that lie elsewhere: fetched whole when asked for, some kept, none that changes."""

import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from ombud_ledger.durable import make_folder
from ombud_ledger.errors import KeyUnusable, LedgerUnavailable, LedgerUnreadable
from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.store import Remote


class Copies:
    """Of one log, in a folder, which others may empty at any time. Any thread may ask."""

    def __init__(self, remote: Remote, base: str, folder: Path, most: int) -> None:
        """Fetch what is under `base` there; keep at most so many bytes, but for the last copy."""
        self._remote = remote
        self._base = base
        self._folder = folder
        self._most = most
        self._held: OrderedDict[str, tuple[str, int]] = OrderedDict()  # SHA-256, size
        self._digests: dict[str, str] = {}
        self._lock = threading.Lock()

    def get(self, name: str, size: int, digest: str | None = None) -> Path:
        """Return a copy of a file, of that SHA-256 or, without one, the same bytes as each time before.

        Raises LedgerUnreadable.
        """
        path = self._folder / name
        with self._lock:
            wanted = digest or self._digests.get(name)
            if name in self._held and wanted == self._held[name][0] and path.exists():
                self._held.move_to_end(name)
                return path
            while self._held and sum(held for _, held in self._held.values()) + size > self._most:
                (self._folder / self._held.popitem(last=False)[0]).unlink(missing_ok=True)
            found = self._fetch(name, path, wanted)
            self._digests[name] = found
            self._held[name] = (found, size)
        return path

    def _fetch(self, name: str, path: Path, wanted: str | None) -> str:
        coming = path.with_name(f"{path.name}.coming")  # whole, or not under its name
        try:
            found = fetch(self._remote, f"{self._base}/{name}", coming)
            where = f"{self._remote.address}: {self._base}/{name}"
            if found is None:
                raise LedgerUnreadable(f"{where} was there and is gone")
            if wanted not in (None, found):
                raise LedgerUnreadable(f"{where} holds SHA-256 {found}, not {wanted} as before")
            coming.replace(path)
        except OSError as error:
            raise LedgerUnreadable(f"{name}: cannot be kept here: {error}") from error
        finally:
            with suppress(OSError):
                coming.unlink(missing_ok=True)
        return found


def reach(address: RemoteAddress) -> Remote:
    """Return a place ready to be read. Raises LedgerUnreadable."""
    try:
        return Remote(address)
    except (KeyUnusable, LedgerUnavailable) as error:
        raise LedgerUnreadable(str(error)) from error


def fetch(remote: Remote, name: str, target: Path) -> str | None:
    """Fetch a file; return its SHA-256, None if there is none. Raises LedgerUnreadable, OSError."""
    make_folder(target.parent)
    try:
        return remote.fetch(name, target)
    except LedgerUnavailable as error:
        raise LedgerUnreadable(str(error)) from error
