# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A file of the hot tail: SQLite, WAL, synchronous=FULL, two tables; readers do not alter it."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from ombud_ledger.durable import Durable, create_private, publish, sync_file
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.kinds import FORMAT

APPLICATION_ID: Final = 0x4F4D4255  # "OMBU"
# 4 MiB, as SQLite comes: the sooner it begins again at the start of the WAL, the fewer commits lengthen that
# file, which costs an fsync nearly half as much again.
CHECKPOINT_PAGES: Final = 500
_ENTRIES: Final = (
    "CREATE TABLE entries"
    " (seq INTEGER PRIMARY KEY, record BLOB NOT NULL, chain BLOB NOT NULL, salt BLOB, facts BLOB)"
)
_PAYLOADS: Final = (
    "CREATE TABLE payloads"
    " (seq INTEGER PRIMARY KEY, subject TEXT, salt BLOB NOT NULL, ciphertext BLOB NOT NULL)"
)
_SELECT: Final = "SELECT seq, record, chain, salt, facts FROM entries WHERE seq >= ? ORDER BY seq"


class Row(NamedTuple):
    """One stored entry. A named tuple because every append makes one."""

    seq: int
    record: bytes
    chain: bytes
    salt: bytes | None
    facts: bytes | None


class PayloadRow(NamedTuple):
    """One stored payload, encrypted; `subject` is a pseudonym."""

    seq: int
    subject: str | None
    salt: bytes
    ciphertext: bytes


def create(path: Path, rows: Iterable[Row], durable: Durable, payloads: Iterable[PayloadRow] = ()) -> None:
    """Make a hot file holding `rows`, then `payloads`, complete and durable before it bears its name."""
    temporary = path.with_suffix(".tmp")

    # 1. Build it under another name without a journal: a crash here leaves a .tmp that recovery deletes.
    def build() -> None:
        os.close(create_private(temporary))
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as db:
            db.execute("PRAGMA page_size=8192")
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=OFF")
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={FORMAT}")
            db.execute(_ENTRIES)
            db.execute(_PAYLOADS)
            db.execute("BEGIN")
            db.executemany("INSERT INTO entries VALUES (?,?,?,?,?)", rows)
            db.executemany("INSERT INTO payloads VALUES (?,?,?,?)", payloads)
            db.execute("COMMIT")
        # 2. All of it is durable now, still under the other name.
        sync_file(temporary)

    durable("hot.build", build)
    # 3. It bears its name, durably: from here on readers and recovery count it.
    publish(temporary, path, durable, "hot")


def open_writer(path: Path) -> sqlite3.Connection:
    """Open a hot file for the log's one writer."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    return db


def remove(path: Path) -> None:
    """Delete a hot file with its side files."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a hot file to read one consistent state of it, and change nothing. Raises LedgerUnreadable."""
    with contextlib.ExitStack() as stack:
        db = stack.enter_context(contextlib.closing(_connect(path, stack)))
        try:
            db.execute("BEGIN")
            if db.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
                raise LedgerUnreadable(f"{path.name}: not a hot tail (application_id)")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != FORMAT:
                raise LedgerUnreadable(f"{path.name}: format {version} is not known here, only {FORMAT}")
            yield db
        except sqlite3.Error as error:
            raise LedgerUnreadable(f"{path.name}: {error}") from error


def rows(db: sqlite3.Connection, first: int = -(2**63)) -> Iterator[Row]:
    """Yield the rows from `first` on, in order. Raises LedgerUnreadable for a value of another SQL type."""
    cursor = db.execute(_SELECT, (first,))
    for seq, record, chain, salt, facts in cursor:
        if not isinstance(record, bytes) or not isinstance(chain, bytes):
            raise LedgerUnreadable(f"entry {seq}: record and chain must be blobs")
        if not isinstance(salt, bytes | None) or not isinstance(facts, bytes | None):
            raise LedgerUnreadable(f"entry {seq}: salt and facts must be blobs or null")
        yield Row(seq, record, chain, salt, facts)


def payloads(db: sqlite3.Connection, first: int = -(2**63)) -> Iterator[PayloadRow]:
    """Yield the payloads from entry `first` on, in order. Raises LedgerUnreadable like `rows`."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'payloads'").fetchone():
        return  # a file of before there were payloads
    cursor = db.execute(
        "SELECT seq, subject, salt, ciphertext FROM payloads WHERE seq >= ? ORDER BY seq", (first,)
    )
    for seq, subject, salt, ciphertext in cursor:
        if not isinstance(subject, str | None) or not isinstance(salt, bytes):
            raise LedgerUnreadable(f"payload of entry {seq}: subject must be text or null, salt a blob")
        if not isinstance(ciphertext, bytes):
            raise LedgerUnreadable(f"payload of entry {seq}: ciphertext must be a blob")
        yield PayloadRow(seq, subject, salt, ciphertext)


def _connect(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection:
    # A reader of a WAL file needs its -shm. Where the folder may not be written (an auditor's medium), copy.
    if not path.is_file():
        raise LedgerUnreadable(f"{path.name}: no such file")
    if not os.access(path.parent, os.W_OK):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ombud-")))
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            if source.is_file():
                shutil.copyfile(source, folder / source.name)
        path = folder / path.name
    try:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise LedgerUnreadable(f"{path.name}: {error}") from error
