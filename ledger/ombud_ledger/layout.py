# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where everything lies: pure functions from names to paths and back (FORMAT.md, "Files")."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from ombud_ledger.away import SUFFIX, Away, away, read_stub, stub_of
from ombud_ledger.errors import LedgerUnreadable

NO_CONTRACT: Final = "0" * 16
_LOG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PARQUET: Final = ".parquet"
_RANGE: Final = re.compile(r"(\d{12})-(\d{12})\.parquet")
_HOT: Final = re.compile(r"(\d{12})-(\d{6})\.sqlite")
_CONTRACT: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, order=True)
class HotFile:
    """One SQLite file of the hot tail: the entries from `first` on, in its `generation`-th copy."""

    first: int
    generation: int
    path: Path


@dataclass(frozen=True, slots=True, order=True)
class SealedFile:
    """One sealed Parquet file, by the range of its segment; `name` is its path inside the log."""

    first: int
    last: int
    name: str
    path: Path
    fetch: Callable[[str], Path] | None = field(default=None, compare=False, repr=False)

    def at_hand(self) -> Path:
        """Return a file with its bytes: itself, or, where it lies elsewhere, a copy fetched now.

        A copy may be gone once the next one is fetched. Raises LedgerUnreadable, OSError.
        """
        return self.path if self.fetch is None else self.fetch(self.name)

    def away(self) -> Away | None:
        """Return what is said of a file that lies elsewhere alone, None of one that is here.

        Raises LedgerUnreadable.
        """
        return away(self.path)


@dataclass(frozen=True, slots=True)
class LogLayout:
    """The paths of one log. `fetch` brings sealed files here that lie elsewhere, by their path inside it."""

    folder: Path
    fetch: Callable[[str], Path] | None = None

    @property
    def hot(self) -> Path:
        """Folder of the unsealed tail."""
        return self.folder / "hot"

    @property
    def staging(self) -> Path:
        """Folder of segments being sealed; nothing in it counts before its seal entry."""
        return self.folder / "staging"

    @property
    def fetched(self) -> Path:
        """Folder of copies, made by the log's writer, of sealed files that lie elsewhere."""
        return self.folder / "fetched"

    @property
    def pub(self) -> Path:
        """Folder of what anyone may read: tiles, checkpoint, older checkpoints (C2SP tlog-tiles)."""
        return self.folder / "pub"

    @property
    def signed(self) -> Path:
        """File with the newest head that was signed."""
        return self.folder / "state" / "signed.sqlite"

    @property
    def changing(self) -> Path:
        """File whose flock is held while a sealed file gets other bytes, or goes."""
        return self.folder / "state" / "changing"

    @property
    def lock(self) -> Path:
        """File whose flock makes one writer."""
        return self.folder / "LOCK"

    def hot_path(self, first: int, generation: int) -> Path:
        """Return the path of a hot file."""
        return self.hot / hot_name(first, generation)

    def hot_files(self) -> list[HotFile]:
        """Return the newest generation of every hot file, by first entry."""
        newest: dict[int, HotFile] = {}
        for file in sorted(self.all_hot_files()):
            newest[file.first] = file
        return list(newest.values())

    def all_hot_files(self) -> list[HotFile]:
        """Return every hot file of every generation."""
        found = []
        for path in self.hot.glob("*.sqlite"):
            match = _HOT.fullmatch(path.name)
            if match:
                found.append(HotFile(int(match[1]), int(match[2]), path))
        return found

    def entries_files(self) -> list[SealedFile]:
        """Return the sealed entries files, in order."""
        return self.sealed_in("entries")

    def facts_files(self) -> list[SealedFile]:
        """Return the sealed facts files of all contracts, in order of range."""
        found: list[SealedFile] = []
        for folder in sorted((self.folder / "facts").glob("*")):
            if _CONTRACT.fullmatch(folder.name):
                found.extend(self.sealed_in(f"facts/{folder.name}"))
        return sorted(found)

    def payload_files(self) -> list[SealedFile]:
        """Return the sealed payload files, in order."""
        return self.sealed_in("payloads")

    def sealed_in(self, folder: str) -> list[SealedFile]:
        """Return the sealed files in one folder of the log, here or elsewhere, in order."""
        found: dict[tuple[int, int], SealedFile] = {}
        # Files first, stubs second: one that is put elsewhere in between is seen twice, never missed.
        for suffix, fetch in ((_PARQUET, self.fetch), (SUFFIX, self.fetch or self._refuse)):
            for path in (self.folder / folder).glob(f"*{suffix}"):
                match = _RANGE.fullmatch(path.with_suffix(_PARQUET).name)
                if match:
                    first, last = int(match[1]), int(match[2])
                    sealed = path.with_suffix(_PARQUET)
                    file = SealedFile(first, last, f"{folder}/{sealed.name}", sealed, fetch)
                    found.setdefault((first, last), file)
        return sorted(found.values())

    def _refuse(self, name: str) -> Path:
        """Say where a file lies that nobody here was told how to reach. Raises LedgerUnreadable."""
        said = read_stub(self.folder / name)
        if said is None:
            raise FileNotFoundError(self.folder / name)
        raise LedgerUnreadable(
            f"{self.folder.name}: {name} lies at {said.url} alone: say how that is reached, by"
            f" --remote {said.url}, or by [ledger.remote] in the configuration"
        )


def sealed_file(log: Path, name: str, fetch: Callable[[str], Path]) -> SealedFile | None:
    """Return the sealed file of that path inside the log, None if it is the path of none."""
    parts = PurePosixPath(name).parts
    match = _RANGE.fullmatch(parts[-1])
    known = parts[:-1] in (("entries",), ("payloads",)) or (
        len(parts) == 3 and parts[0] == "facts" and _CONTRACT.fullmatch(parts[1])
    )
    return SealedFile(int(match[1]), int(match[2]), name, log / name, fetch) if match and known else None


def hot_name(first: int, generation: int) -> str:
    """Return the name of a hot file."""
    return f"{first:012d}-{generation:06d}.sqlite"


def entries_name(first: int, last: int) -> str:
    """Return the path, inside the log, of the entries file of a segment."""
    return f"entries/{first:012d}-{last:012d}.parquet"


def facts_name(contract: str | None, first: int, last: int) -> str:
    """Return the path, inside the log, of a segment's facts file for a contract digest."""
    return f"facts/{(contract or NO_CONTRACT)[:16]}/{first:012d}-{last:012d}.parquet"


def payloads_name(first: int, last: int) -> str:
    """Return the path, inside the log, of the payloads file of a segment."""
    return f"payloads/{first:012d}-{last:012d}.parquet"


def log_layout(root: Path, log: str) -> LogLayout:
    """Return the layout of a log under the ledger's root. Raises ValueError for a name unfit for a folder."""
    if not _LOG.fullmatch(log):
        raise ValueError(f"log name {log[:80]!r}: must match {_LOG.pattern}")
    return LogLayout(root / "logs" / log)


def is_kept(file: Path) -> bool:
    """Say whether a sealed file counts as there: it, or a stub that stands for it."""
    return file.exists() or stub_of(file).exists()


def log_names(root: Path) -> list[str]:
    """Return the names of the logs under the root, sorted."""
    logs = root / "logs"
    if not logs.is_dir():
        return []
    return sorted(path.name for path in logs.iterdir() if path.is_dir() and is_log_name(path.name))


def is_log_name(name: str) -> bool:
    """Say whether a log may be called that."""
    return _LOG.fullmatch(name) is not None


def holds_lock(root: Path) -> Path:
    """Return the file whose flock keeps legal holds and the deleting of pruned files apart, of all logs."""
    return root / "HOLDS.lock"


def objects_folder(root: Path) -> Path:
    """Return the folder of content-addressed objects, beside the logs."""
    return root / "objects"
