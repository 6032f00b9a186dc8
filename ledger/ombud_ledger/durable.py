# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Durable steps on files, and the seam at which tests make each of them fail.

Every write that matters goes: temporary file in the same folder, write, fsync, rename, fsync the folder.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ombud_ledger.errors import LedgerLocked


class Durable(Protocol):
    """Carry out one named durable step; a test's version fails before it, after it, or kills the process."""

    def __call__(self, step: str, act: Callable[[], object]) -> None: ...


def act_now(step: str, act: Callable[[], object]) -> None:
    """Carry out the step: what runs outside tests."""
    del step
    act()


def make_folder(path: Path) -> None:
    """Create the folder and its parents, each 0700 and durable in its parent."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the folder's entries (creations, renames, removals) durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the file's bytes durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def create_private(path: Path) -> int:
    """Create `path` for its owner alone, replacing an older one; return the open descriptor."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def publish(source: Path, target: Path, durable: Durable, step: str) -> None:
    """Rename a durable file into place and make the rename durable."""

    def act() -> None:
        source.replace(target)
        sync_folder(target.parent)

    durable(f"{step}.rename", act)


def retire(path: Path, durable: Durable, step: str) -> None:
    """Remove the file, if it is there, and make the removal durable."""

    def act() -> None:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)

    durable(f"{step}.retire", act)


def store(path: Path, data: bytes, durable: Durable, step: str) -> None:
    """Put `data` at `path`, whole or not at all."""
    make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")

    def write() -> None:
        handle = create_private(temporary)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    try:
        durable(f"{step}.write", write)
        publish(temporary, path, durable, step)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a file's flock for the length of a with block, once nobody else does, of any thread or process."""
    make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Lock:
    """Hold a log for this process (flock), so that it has one writer; the file says who holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._handle, 64).decode(errors="replace").strip() or "another process"
            os.close(self._handle)
            raise LedgerLocked(f"{path}: held by {holder}; stop it first, or ask it") from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"pid {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the log go."""
        os.close(self._handle)
