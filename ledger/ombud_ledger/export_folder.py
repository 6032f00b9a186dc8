# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An evidence folder on its way: read in bounded pieces where the ledger is, written where it is wanted.

The manifest goes first, so whoever writes knows each file that may come, and what it must hash to.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import BufferedReader
from pathlib import Path
from typing import IO, Final, NamedTuple

from ombud_ledger.durable import create_private, make_folder, sync_folder
from ombud_ledger.errors import LedgerBroken, LedgerUnavailable
from ombud_ledger.layout import SealedFile
from ombud_ledger.opened import open_sealed

MANIFEST: Final = "MANIFEST"
MOST_PIECE: Final = 1 << 20
"""Bytes of a file that are in memory at a time."""
_MOST_MANIFEST: Final = 256 << 20  # bytes: some two million files
_MOST_PATH: Final = 255
_LINE: Final = re.compile(r"([0-9a-f]{64})  (.+)")
_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the folder: its path in it, what it hashes to (hex), its bytes or where they lie."""

    name: str
    sha256: str
    size: int
    source: bytes | Path | SealedFile


class Piece(NamedTuple):
    """The next bytes of a file, at most `MOST_PIECE`; `last` says that it ends with them."""

    name: str
    data: bytes
    last: bool


def item(name: str, source: bytes | Path | SealedFile) -> Item:
    """Take a file into the folder as it is now. Raises OSError, LedgerUnreadable."""
    if isinstance(source, bytes):
        return Item(name, sha256(source).hexdigest(), len(source), source)
    with _open(source) as file:
        digest = file_digest(file, "sha256").hexdigest()
        return Item(name, digest, os.fstat(file.fileno()).st_size, source)


def manifest(items: Iterable[Item]) -> bytes:
    """Return the bytes of MANIFEST, as `sha256sum -c` reads it."""
    return "".join(f"{each.sha256}  {each.name}\n" for each in sorted(items, key=lambda it: it.name)).encode()


def pieces(items: Iterable[Item]) -> Iterator[Piece]:
    """Yield the bytes of files, one after the other. The last piece of one comes once its digest was checked.

    Raises LedgerUnavailable for a file that was pruned or rewritten since: take all of them afresh; and
    LedgerUnreadable for one that cannot be fetched from where it lies.
    """
    for each in items:
        yield from _pieces(each)


class Folder:
    """A folder that is being written: files for their owner alone, each of them one that the manifest names.

    Raises LedgerBroken for anything else, OSError.
    """

    def __init__(self, root: Path) -> None:
        self.digest = ""
        """SHA-256 of the manifest, in hex, once that was written."""
        self._root = root
        self._wanted: Mapping[str, str] = {}
        self._done = 0
        self._name = ""
        self._file: IO[bytes] | None = None
        self._hash = sha256()

    @property
    def files(self) -> int:
        """Files that the manifest names."""
        return len(self._wanted)

    def write(self, piece: Piece) -> bool:
        """Write the next piece; say whether a file is whole with it."""
        if self._file is None:
            self._begin(piece.name)
        elif piece.name != self._name:
            raise LedgerBroken(f"{self._name!r:.99} is not whole, and {piece.name!r:.99} begins")
        assert self._file is not None  # noqa: S101 - just begun
        self._hash.update(piece.data)
        self._file.write(piece.data)
        if self._file.tell() > _MOST_MANIFEST and self._name == MANIFEST:
            raise LedgerBroken(f"{MANIFEST}: more than {_MOST_MANIFEST} bytes")
        if piece.last:
            self._end()
        return piece.last

    def demand_whole(self) -> None:
        """Demand that every file that the manifest names is there."""
        if self._file is not None or not self.digest or self._done != len(self._wanted):
            raise LedgerBroken(f"{self._done} of {len(self._wanted)} files came: the folder is not whole")

    def close(self) -> None:
        """Let go of a file that was not finished."""
        if self._file is not None:
            self._file.close()

    def _begin(self, name: str) -> None:
        if name != MANIFEST if not self.digest else name not in self._wanted:
            raise LedgerBroken(f"{name!r:.99} is not a file that {MANIFEST} names, which comes first")
        path = self._root / name
        if path.exists():
            raise LedgerBroken(f"{name} came twice")
        make_folder(path.parent)
        self._name, self._hash = name, sha256()
        self._file = os.fdopen(create_private(path), "wb")

    def _end(self) -> None:
        assert self._file is not None  # noqa: S101 - a piece of it was just written
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        self._file = None
        path = self._root / self._name
        sync_folder(path.parent)
        digest = self._hash.hexdigest()
        if not self.digest:
            self._wanted, self.digest = _parse(path.read_bytes()), digest
            return
        if digest != self._wanted[self._name]:
            raise LedgerBroken(f"{self._name}: its bytes are not those that {MANIFEST} names")
        self._done += 1


@contextmanager
def new_folder(out: Path) -> Iterator[Folder]:
    """Yield a folder to write; it is called `out` once the with block ended well. Else nothing is left of it.

    Everything is written beside the place it will have: a crash leaves a folder of another name. Raises
    FileExistsError, LedgerBroken where not all files came, LedgerUnavailable where it cannot be written.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already, and nothing is overwritten")
    staging = out.with_name(f".{out.name}.{os.getpid()}.partial")
    folder = Folder(staging)
    try:
        make_folder(staging.absolute().parent)
        staging.mkdir(mode=0o700)
        yield folder
        folder.demand_whole()
        staging.rename(out)
        sync_folder(out.absolute().parent)
    except OSError as error:
        raise LedgerUnavailable(f"{out}: could not be written: {error}") from error
    finally:
        folder.close()
        shutil.rmtree(staging, ignore_errors=True)


def _open(source: Path | SealedFile) -> BufferedReader:
    return open_sealed(source) if isinstance(source, SealedFile) else source.open("rb")


def _pieces(each: Item) -> Iterator[Piece]:
    if isinstance(each.source, bytes):
        for at in range(0, max(each.size, 1), MOST_PIECE):
            yield Piece(each.name, each.source[at : at + MOST_PIECE], at + MOST_PIECE >= each.size)
        return
    found, left = sha256(), each.size
    try:
        with _open(each.source) as file:
            while True:
                data = file.read(min(MOST_PIECE, left + 1))
                found.update(data)
                left -= len(data)
                if left <= 0 or not data:
                    break
                yield Piece(each.name, data, last=False)
    except OSError as error:
        raise LedgerUnavailable(_changed(each)) from error
    if left or found.hexdigest() != each.sha256:
        raise LedgerUnavailable(_changed(each))
    yield Piece(each.name, data, last=True)


def _changed(each: Item) -> str:
    return f"{each.name} was pruned, or rewritten by an erasure, while it was handed out: ask again"


def _parse(data: bytes) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for line in data.decode(errors="replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None or len(match[2]) > _MOST_PATH or not _PATH.fullmatch(match[2]):
            raise LedgerBroken(f"{MANIFEST}: {line[:99]!r} is no SHA-256 and path inside the folder")
        wanted[match[2]] = match[1]
    if not wanted or MANIFEST in wanted:
        raise LedgerBroken(f"{MANIFEST}: names {'itself' if wanted else 'no file'}")
    return wanted
