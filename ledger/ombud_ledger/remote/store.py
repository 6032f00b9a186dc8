# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Files at a remote place, by name: list, read, fetch; put, each one read back and hashed; remove."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import fs

from ombud_ledger.durable import create_private, make_folder, sync_folder
from ombud_ledger.errors import LedgerUnavailable
from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.s3 import open_s3, read_credentials

_CHUNK: Final = 1024 * 1024
_MOST_TEXT: Final = 400


@dataclass(frozen=True, slots=True)
class Held:
    """A file at the remote place, as a listing tells; `changed` is nanoseconds since the epoch."""

    size: int
    changed: int


class Remote:
    """The files under one address. Every method may be called from any thread; raises LedgerUnavailable."""

    def __init__(self, address: RemoteAddress) -> None:
        """Make ready; asks the server nothing. Raises KeyUnusable."""
        self.address = address
        self._secrets: tuple[str, ...] = ()
        credentials = read_credentials(address.credentials_file) if address.credentials_file else None
        if credentials is not None:
            self._secrets = credentials.secrets
        with self._told("open"):
            self.filesystem: Any = open_s3(address, credentials) if address.on_s3 else fs.LocalFileSystem()

    def path(self, name: str) -> str:
        """Return what the filesystem calls a name."""
        return f"{self.address.base}/{name}"

    def below(self, folder: str) -> dict[str, Held]:
        """Return every file below a folder by its name."""
        selector = fs.FileSelector(self.path(folder), recursive=True, allow_not_found=True)
        with self._told(f"list {folder}"):
            infos = self.filesystem.get_file_info(selector)
        start = len(self.address.base) + 1
        found = {info.path[start:]: _held(info) for info in infos if info.type == fs.FileType.File}
        return {name: held for name, held in found.items() if not name.endswith(".tmp")}

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder, sorted."""
        selector = fs.FileSelector(self.path(folder), allow_not_found=True)
        with self._told(f"list {folder}"):
            infos = self.filesystem.get_file_info(selector)
        return sorted(info.base_name for info in infos if info.type == fs.FileType.Directory)

    def find(self, name: str) -> Held | None:
        """Return what there is of that name, None if nothing."""
        with self._told(f"find {name}"):
            info = self.filesystem.get_file_info(self.path(name))
        return _held(info) if info.type == fs.FileType.File else None

    def read(self, name: str, most: int) -> bytes | None:
        """Return the bytes of a small file, None if it is not there."""
        chunks = self._chunks(name, most + 1)
        if chunks is None:
            return None
        data = b"".join(chunks)
        if len(data) > most:
            raise LedgerUnavailable(f"{self.address}: {name} has more than {most} bytes")
        return data

    def digest(self, name: str) -> str | None:
        """Return the SHA-256, in hex, of what is stored under a name; None if nothing is."""
        chunks = self._chunks(name)
        if chunks is None:
            return None
        hashed = sha256()
        for chunk in chunks:
            hashed.update(chunk)
        return hashed.hexdigest()

    def fetch(self, name: str, target: Path) -> str | None:
        """Write a file's bytes to a new private file; return their SHA-256, None if there is no such name."""
        chunks = self._chunks(name)
        if chunks is None:
            return None
        make_folder(target.parent)
        hashed = sha256()
        with os.fdopen(create_private(target), "wb") as file:
            for chunk in chunks:
                hashed.update(chunk)
                file.write(chunk)
        return hashed.hexdigest()

    def put(self, name: str, source: Path | bytes, digest: str) -> Held:
        """Store bytes of that SHA-256 under a name, in place of any; return once they were read back equal.

        A crash leaves the name as it was, or with all the bytes. Where the server took something else, or
        `source` failed half way, the name may hold that: it is no upload that counts, and is done again.
        """
        with self._told(f"put {name}"), _open(source) as data:
            if self.address.on_s3:
                with self.filesystem.open_output_stream(self.path(name)) as out:
                    shutil.copyfileobj(data, out, _CHUNK)
            else:
                _replace(Path(self.path(name)), data)
        there = self.digest(name)
        held = self.find(name)
        if there != digest or held is None:
            raise LedgerUnavailable(
                f"{self.address}: {name} was put, and reads back as SHA-256 {there}, not {digest}"
            )
        return held

    def remove(self, name: str) -> None:
        """Delete a file; harmless where there is none."""
        try:
            with self._told(f"remove {name}"):
                self.filesystem.delete_file(self.path(name))
        except FileNotFoundError:
            return

    def masked(self, text: str) -> str:
        """Return what an error says, in one line of bounded length, with none of the credentials in it."""
        text = " ".join(text.split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:_MOST_TEXT]

    def _chunks(self, name: str, most: int | None = None) -> Iterator[bytes] | None:
        """Return the bytes of a file in chunks, up to `most`; None if it is not there."""
        try:
            with self._told(f"read {name}"):
                stream = self.filesystem.open_input_stream(self.path(name))
        except FileNotFoundError:
            return None

        def chunks() -> Iterator[bytes]:
            left = most
            with self._told(f"read {name}"), stream:
                while chunk := stream.read(_CHUNK if left is None else min(left, _CHUNK)):
                    left = None if left is None else left - len(chunk)
                    yield chunk

        return chunks()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say which step failed."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise LedgerUnavailable(f"{self.address}: cannot {what}: {self.masked(str(error))}") from None


def demand_usable(address: RemoteAddress) -> None:
    """Demand that an address's credentials can be read; asks no server. Raises KeyUnusable."""
    Remote(address)


def _held(info: Any) -> Held:
    return Held(int(info.size), int(info.mtime_ns or 0))


def _open(source: Path | bytes) -> BinaryIO:
    return BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _replace(path: Path, data: BinaryIO) -> None:
    make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(create_private(temporary), "wb") as file:
            shutil.copyfileobj(data, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
