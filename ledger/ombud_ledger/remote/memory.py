# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is known to be at a remote place: a small durable memory, so that nothing is sent twice.

It can be lost: what is at the remote place is then read and hashed again. An upload is noted before it
begins: only so can one that was cut short be told from a file that somebody else put there.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from ombud_ledger.durable import make_folder
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.remote.logged import ToldFile
from ombud_ledger.small_file import prepare

_APPLICATION_ID: Final = 0x4F4D5252
_VERSION: Final = 1
_TABLES: Final = (
    "CREATE TABLE sent (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER, changed INTEGER) STRICT",
    "CREATE TABLE said (path TEXT, entry INTEGER, sha256 TEXT, PRIMARY KEY (path, entry, sha256)) STRICT",
    "CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), scanned INTEGER, covered INTEGER) STRICT",
    "INSERT INTO progress VALUES (1, 0, 0)",
)


class Sent(NamedTuple):
    """A file that was sent; without size, one that was begun."""

    sha256: str
    size: int | None
    changed: int | None  # when, by the remote place's clock; nanoseconds


class Newest(NamedTuple):
    """The last that the log says of a file: by which entry, and its digest; None, it let the file go."""

    entry: int
    sha256: str | None
    rewritten: bool  # it gave the file another digest before


def memory_path(state: Path, url: str) -> Path:
    """Return the file that remembers what is at an address."""
    return state / f"remote-{sha256(url.encode()).hexdigest()[:16]}.sqlite"


class Memory:
    """Of one log and one address. One thread at a time asks; the log's lock makes one process."""

    def __init__(self, path: Path) -> None:
        """Open or make it. Raises LedgerUnreadable for what is no such memory, or a damaged one, OSError."""
        make_folder(path.parent)
        self._lock = threading.Lock()
        self._hot: list[ToldFile] = []
        fresh = not path.exists()
        if fresh:
            path.touch(mode=0o600)
        with _readable(path):
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._begin(path)
            except BaseException:
                self._db.close()
                raise

    def _begin(self, path: Path) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        prepare(
            self._db,
            path,
            "a memory of what is remote",
            application_id=_APPLICATION_ID,
            version=_VERSION,
            made_by=_TABLES,
        )
        self.sent = {row[0]: Sent(*row[1:]) for row in self._db.execute("SELECT * FROM sent")}
        (self.scanned, self.covered) = self._db.execute("SELECT scanned, covered FROM progress").fetchone()

    def learn(self, said: Iterable[ToldFile], sealed: int) -> None:
        """Take note of what entries from `scanned` on say of files; those from `sealed` on are not sealed.

        What these say is not kept: a tail is short, is read again each time, and may be recovered as another.
        """
        every = list(said)
        self._hot = [each for each in every if each.entry >= sealed]
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR IGNORE INTO said VALUES (?, ?, ?)",
                ((each.path, each.entry, each.sha256 or "") for each in every if each.entry < sealed),
            )
            self._db.execute("UPDATE progress SET scanned = ?", (sealed,))
        self.scanned = sealed

    def newest(self) -> dict[str, Newest]:
        """Return, by path, the newest that the log says of a file."""
        with self._lock:
            # Of one entry that names a file and lets it go, that comes last: its digest is empty.
            rows = self._db.execute(
                "SELECT entry, path, sha256 FROM said ORDER BY entry, sha256 DESC"
            ).fetchall()
        found: dict[str, Newest] = {}
        for entry, path, digest in [*rows, *self._hot]:
            known = found.get(path)
            rewritten = known is not None and (known.rewritten or known.sha256 != digest)
            found[path] = Newest(entry, digest or None, rewritten)
        return found

    def was_said(self, path: str, digest: str) -> bool:
        """Say whether the log ever gave a file this digest."""
        with self._lock:
            found = self._db.execute(
                "SELECT 1 FROM said WHERE path = ? AND sha256 = ?", (path, digest)
            ).fetchone()
        return found is not None or any((each.path, each.sha256) == (path, digest) for each in self._hot)

    def begin(self, digests: Mapping[str, str]) -> None:
        """Note, durably, that files of these digests are about to be sent."""
        self._write({name: Sent(digest, None, None) for name, digest in digests.items()})

    def done(self, files: Mapping[str, Sent]) -> None:
        """Note that files are there, read back equal."""
        self._write(files)

    def forget(self, names: Iterable[str]) -> None:
        """Note that files are not there."""
        names = list(names)
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.executemany("DELETE FROM sent WHERE name = ?", [(name,) for name in names])
        for name in names:
            self.sent.pop(name, None)

    def cover(self, size: int) -> None:
        """Note that a checkpoint of that size is there, with all its tiles."""
        with self._lock:
            self._db.execute("UPDATE progress SET covered = ?", (size,))
        self.covered = size

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def _write(self, files: Mapping[str, Sent]) -> None:
        if not files:
            return
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?)",
                [(name, *each) for name, each in files.items()],
            )
        self.sent.update(files)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, TypeError) as error:  # TypeError: a row is missing
        what = f"{path.name}: is damaged, or cannot be opened: {error}"
        raise LedgerUnreadable(f"{what}; delete it: then what is remote is read and hashed again") from error
