# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A remote ledger made readable: a temporary folder stands for it, sealed files are fetched when asked for.

What is small is there at once: tail, checkpoints, and where wanted objects and tiles. So every reader of the
package works on it as it is. Only bytes that were fetched are looked at, and a file that is fetched again
must be the same: a storage that tells one thing to one check and another to the next gets nowhere.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ombud_ledger.durable import make_folder
from ombud_ledger.errors import KeyUnusable, LedgerUnavailable, LedgerUnreadable
from ombud_ledger.exported import EXPORT
from ombud_ledger.layout import LogLayout, SealedFile, is_log_name, log_layout, sealed_file
from ombud_ledger.place import Place
from ombud_ledger.remote import in_place
from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.copies import Copies, fetch
from ombud_ledger.remote.in_place import SegmentFetcher
from ombud_ledger.remote.store import Remote
from ombud_ledger.remote.thinned import SEALED

_AT_ONCE: Final = 16
_SAFE: Final = re.compile(r"[a-z0-9_-][A-Za-z0-9._-]*(/[a-z0-9_-][A-Za-z0-9._-]*)*")
_TRIES: Final = 5  # a log may be sent while we look
_MOST_HELD: Final = 1024 * 1024 * 1024  # bytes of sealed files kept here after they were fetched

Progress = Callable[[str, int, int], None]


@contextmanager
def fetched(
    address: RemoteAddress, *, log: str | None = None, proofs: bool, progress: Progress | None = None
) -> Iterator[Place]:
    """Yield a remote ledger as a place to read, all logs or one; with `proofs`, its tiles and objects too.

    Raises LedgerUnreadable.
    """
    try:
        remote = Remote(address)
        with tempfile.TemporaryDirectory(prefix="ombud-remote-") as folder:
            names = [each for each in remote.folders("logs") if log in (None, each) and is_log_name(each)]
            place = _Fetched(Path(folder), remote, {})
            for name in names:
                place.listed[name] = _fetch_log(remote, place.root, name, proofs=proofs, progress=progress)
            remote.fetch(EXPORT, place.root / EXPORT)  # of an evidence folder; a ledger has none
            # Objects of any log are there before what names them: they are listed last.
            if proofs:
                _fetch_all(remote, place.root, remote.below("objects"), "objects", progress)
            yield place
    except (LedgerUnavailable, KeyUnusable) as error:
        raise LedgerUnreadable(str(error)) from error


@dataclass(frozen=True, slots=True)
class FetchedLayout(LogLayout):
    """A log whose sealed files are known by name, and fetched when they are asked for."""

    shown: tuple[SealedFile, ...] = ()

    def entries_files(self) -> list[SealedFile]:
        """Return the sealed entries files, in order."""
        return self._in("entries")

    def facts_files(self) -> list[SealedFile]:
        """Return the sealed facts files of all contracts, in order of range."""
        return self._in("facts")

    def payload_files(self) -> list[SealedFile]:
        """Return the sealed payload files, in order."""
        return self._in("payloads")

    def _in(self, folder: str) -> list[SealedFile]:
        return [file for file in self.shown if file.name.startswith(f"{folder}/")]


def _fetch_log(
    remote: Remote, root: Path, log: str, *, proofs: bool, progress: Progress | None
) -> FetchedLayout:
    base = f"logs/{log}"
    layout = log_layout(root, log)
    make_folder(
        layout.folder
    )  # that it is a log shows even where it has nothing small, as exported without tail
    # 1. Checkpoints first: what they cover is there.
    checkpoints = {f"{base}/pub/{name}": None for name in ("checkpoint", "cosigned")}
    _fetch_all(remote, root, checkpoints, "", None)
    # 2. The tail; a round that is under way may replace it by that after a seal.
    for left in reversed(range(_TRIES)):
        tails = remote.below(f"{base}/hot")
        if _fetch_all(remote, root, tails, "", None) or not left:
            break
    # 3. The sealed files. One that begins where the newest tail does is being sent: the tail has its entries.
    listed = {name: held for folder in SEALED for name, held in remote.below(f"{base}/{folder}").items()}
    before = max((file.first for file in layout.all_hot_files()), default=None)
    sizes = {name.removeprefix(f"{base}/"): held.size for name, held in listed.items()}
    copies = Copies(remote, base, layout.folder, _MOST_HELD)

    def copy(name: str) -> Path:
        return copies.get(name, sizes[name])

    files = [sealed_file(layout.folder, name, copy) for name in sizes]
    shown = sorted(file for file in files if file is not None and (before is None or file.first < before))
    # 4. Tiles, which are never missing; a partial one may become a full one while we look.
    for left in reversed(range(_TRIES)) if proofs else ():
        tiles = remote.below(f"{base}/pub")
        if _fetch_all(remote, root, tiles, f"{log}: tiles", progress) or not left:
            break
    return FetchedLayout(layout.folder, shown=tuple(shown))


def _fetch_all(
    remote: Remote, root: Path, names: Iterable[str], what: str, progress: Progress | None
) -> bool:
    """Fetch files that are not here yet; return whether all are here now."""
    every = sorted(name for name in names if _SAFE.fullmatch(name))  # the storage may call them anything
    todo = [name for name in every if not (root / name).exists()]
    missing = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done, digest in enumerate(pool.map(lambda name: remote.fetch(name, root / name), todo), 1):
            missing += digest is None
            if progress is not None:
                progress(what, done, len(todo))
    return not missing


@dataclass(frozen=True, slots=True)
class _Fetched(Place):
    remote: Remote
    listed: dict[str, FetchedLayout]

    @property
    def is_here(self) -> bool:
        return False

    def layout(self, log: str) -> LogLayout:
        return self.listed.get(log) or log_layout(self.root, log)

    def object(self, digest: str) -> bytes:
        if re.fullmatch(r"[0-9a-f]{64}", digest) and not (self.root / "objects" / digest).exists():
            fetch(self.remote, f"objects/{digest}", self.root / "objects" / digest)
        return Place.object(self, digest)

    def fetcher(self, log: str, first: int, last: int) -> SegmentFetcher:
        files = self.listed[log].shown if log in self.listed else ()
        names = tuple(file.name for file in files if (file.first, file.last) == (first, last))
        here = log_layout(self.root, log).folder
        return SegmentFetcher(self.remote.address, here, self.root, log, names)

    def demand_reached(self, files: Sequence[SealedFile]) -> None:
        del files  # all are elsewhere, and the address says where

    def read_in_place(self, files: Sequence[SealedFile]) -> list[SealedFile]:
        return list(files)

    def dataset(self, log: str, files: Sequence[SealedFile]) -> Any:
        return in_place.dataset(self.remote, log, files)

    def told(self, error: Exception) -> str:
        return in_place.told(self.remote, error)
