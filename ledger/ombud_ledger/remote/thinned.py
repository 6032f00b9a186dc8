# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger in a folder, some of whose sealed files lie on other storage alone: read as one."""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from ombud_ledger.away import SUFFIX, read_stub
from ombud_ledger.errors import LedgerUnavailable, LedgerUnreadable
from ombud_ledger.layout import LogLayout, SealedFile, log_layout
from ombud_ledger.place import Fetcher, Place, first_line
from ombud_ledger.remote import in_place
from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.copies import Copies, reach
from ombud_ledger.remote.store import Remote

_MOST_HELD: Final = 256 * 1024 * 1024  # bytes of copies kept, of each log
SEALED: Final = ("entries", "facts", "payloads")  # folders of sealed files


@dataclass(slots=True, weakref_slot=True)
class _Work:
    """What is made when first needed: the way there, and a folder for copies, which goes with this."""

    address: RemoteAddress
    folder: Path | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: Remote | None = None
    copies: dict[str, Copies] = field(default_factory=dict)

    def remote(self) -> Remote:
        if self.made is None:
            self.made = reach(self.address)
        return self.made

    def of(self, log: str) -> Copies:
        with self.lock:
            if self.folder is None:
                self.folder = Path(tempfile.mkdtemp(prefix="ombud-fetched-"))
                weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            if log not in self.copies:
                self.copies[log] = Copies(self.remote(), f"logs/{log}", self.folder / log, _MOST_HELD)
            return self.copies[log]


@dataclass(frozen=True, slots=True)
class Thinned(Place):
    """The folder `root`, with the files that are at `address` alone: give it where a folder is taken.

    What is fetched must have the digest that its stub names. Asks nothing of the storage before it must.
    """

    address: RemoteAddress
    _work: _Work | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self._work is None:
            object.__setattr__(self, "_work", _Work(self.address, None))

    def keeping_copies_in(self, folder: Path) -> "Thinned":
        """Return the same with copies in a folder of the caller's, who sees to what a crash leaves there."""
        return replace(self, _work=_Work(self.address, folder))

    @property
    def elsewhere(self) -> RemoteAddress | None:
        return self.address

    @property
    def is_here(self) -> bool:
        return False

    def layout(self, log: str) -> LogLayout:
        return replace(log_layout(self.root, log), fetch=partial(self._fetch, log))

    def layout_found(self, log: str) -> LogLayout:
        there = {each for folder in SEALED for each in self._below(f"logs/{log}/{folder}")}

        def is_there(name: str) -> bool:
            # What was put there since the listing is asked for by itself.
            return f"logs/{log}/{name}" in there or self._has(f"logs/{log}/{name}")

        return _FoundLayout(log_layout(self.root, log).folder, partial(self._fetch, log), is_there)

    def fetcher(self, log: str, first: int, last: int) -> Fetcher | None:
        layout = self.layout(log)
        every = (*layout.entries_files(), *layout.facts_files(), *layout.payload_files())
        files = [file for file in every if (file.first, file.last) == (first, last)]
        if all(file.path.exists() for file in files):
            return None
        names = tuple(file.name for file in files)
        return in_place.SegmentFetcher(self.address, layout.folder, None, log, names)

    def demand_reached(self, files: Sequence[SealedFile]) -> None:
        del files  # the address says it

    def read_in_place(self, files: Sequence[SealedFile]) -> list[SealedFile]:
        return [file for file in files if not file.path.exists()]

    def dataset(self, log: str, files: Sequence[SealedFile]) -> Any:
        return in_place.dataset(self._there.remote(), log, files)

    def told(self, error: Exception) -> str:
        return in_place.told(self._there.remote(), error) if self._there.made else first_line(error)

    @property
    def _there(self) -> _Work:
        assert self._work is not None  # noqa: S101 - made with the object
        return self._work

    def _below(self, folder: str) -> list[str]:
        try:
            return list(self._there.remote().below(folder))
        except LedgerUnavailable as error:
            raise LedgerUnreadable(str(error)) from error

    def _has(self, name: str) -> bool:
        try:
            return self._there.remote().find(name) is not None
        except LedgerUnavailable as error:
            raise LedgerUnreadable(str(error)) from error

    def _fetch(self, log: str, name: str) -> Path:
        path = log_layout(self.root, log).folder / name
        if path.exists():
            return path
        said = read_stub(path)
        if said is None:
            raise FileNotFoundError(path)
        return self._there.of(log).get(name, said.size, said.sha256)


def is_thinned(root: Path) -> bool:
    """Say whether sealed files of a ledger's folder lie elsewhere alone."""
    stubs = (root / "logs").glob(f"*/*/**/*{SUFFIX}")
    return next(stubs, None) is not None


@dataclass(frozen=True, slots=True)
class _FoundLayout(LogLayout):
    """A log of whose files elsewhere only those are shown that are there."""

    is_there: Callable[[str], bool] = bool

    def sealed_in(self, folder: str) -> list[SealedFile]:
        """Return those in one folder of the log."""
        every = LogLayout.sealed_in(self, folder)
        return [file for file in every if file.path.exists() or self.is_there(file.name)]
