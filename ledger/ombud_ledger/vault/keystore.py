# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The key store's file: rows of wrapped keys in SQLite. It knows no cryptography, and holds nothing in clear
but pseudonyms, states and times.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from ombud_ledger.durable import Durable, create_private, publish, sync_file
from ombud_ledger.errors import VaultUnusable

APPLICATION_ID: Final = 0x4F4D4B53  # "OMKS"
VERSION: Final = 1
LIVE: Final = "live"
ERASING: Final = "erasing"
ERASED: Final = "erased"
_CHUNK: Final = 1_000
_PATIENCE: Final = 10.0  # seconds to wait for another process's transaction
_TABLES: Final = (
    "CREATE TABLE store (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, mark BLOB NOT NULL)",
    """CREATE TABLE subjects (pseudonym BLOB PRIMARY KEY, state TEXT NOT NULL, time INTEGER, lookup BLOB,
    identifier BLOB, key BLOB, erasure TEXT, log TEXT) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX living ON subjects (lookup) WHERE state = 'live'",
    "CREATE INDEX dying ON subjects (lookup) WHERE state = 'erasing'",
    "CREATE INDEX unlogged ON subjects (erasure) WHERE erasure IS NOT NULL",
    "CREATE TABLE holds (id BLOB PRIMARY KEY, lookup BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX held ON holds (lookup)",
)
_TYPES: Final = (bytes, str, int | None, bytes | None, bytes | None, bytes | None, str | None, str | None)
_SUBJECT: Final = "SELECT pseudonym, state, time, lookup, identifier, key, erasure, log FROM subjects"


class SubjectRow(NamedTuple):
    """One pseudonym; `lookup`, `identifier` and `key` are None once it is erased."""

    pseudonym: bytes
    state: str
    time: int | None  # microseconds UTC: when its erasure began, or ended
    lookup: bytes | None
    identifier: bytes | None
    key: bytes | None
    erasure: str | None  # until the log that carried it out has said so
    log: str | None


class HoldRow(NamedTuple):
    """One legal hold."""

    id: bytes
    lookup: bytes
    sealed: bytes


def create(path: Path, number: int, mark: bytes, durable: Durable) -> None:
    """Make an empty key store of this epoch, complete and durable before it bears its name."""
    temporary = path.with_suffix(".tmp")

    def build() -> None:
        os.close(create_private(temporary))
        db = sqlite3.connect(temporary, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=OFF")
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={VERSION}")
            for table in _TABLES:
                db.execute(table)
            db.execute("INSERT INTO store VALUES (1, ?, ?)", (number, mark))
        finally:
            db.close()
        sync_file(temporary)

    try:
        durable("vault.store.build", build)
        publish(temporary, path, durable, "vault.store")
    finally:
        temporary.unlink(missing_ok=True)


class KeyStore:
    """One connection to the key store. Its caller sees to it that one thread at a time uses it."""

    def __init__(self, path: Path, durable: Durable) -> None:
        if not path.is_file():
            raise VaultUnusable(f"{path}: no key store here; `Vault.create` makes one")
        self._durable = durable
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE)
        try:
            (found,) = self._db.execute("PRAGMA application_id").fetchone()
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if (found, version) != (APPLICATION_ID, VERSION):
                raise VaultUnusable(f"{path}: not a key store of version {VERSION}")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")
        except BaseException:
            self._db.close()
            raise

    @contextmanager
    def transaction(self, step: str | None = None) -> Iterator[None]:
        """Run what is inside as one transaction; a `step` names one that writes, durable when it ends."""
        self._db.execute("BEGIN IMMEDIATE" if step else "BEGIN")
        try:
            yield
            if step:
                self._durable(step, lambda: self._db.execute("COMMIT"))
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def truncate(self) -> None:
        """Fold the write-ahead log into the file and empty it: what was overwritten is in neither."""

        def act() -> None:
            (busy, *_) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:  # somebody has been reading for as long as we have patience
                raise VaultUnusable(
                    "the key store's write-ahead log is in use and cannot be emptied: try again"
                )

        self._durable("vault.truncate", act)

    def changed(self) -> int:
        """Return a number that is another once another connection has committed."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        return int(version)

    def epoch(self) -> tuple[int, bytes]:
        """Return the number of the epoch, and the mark of its key."""
        number, mark = self._db.execute("SELECT epoch, mark FROM store").fetchone()
        return number, mark

    def set_epoch(self, number: int, mark: bytes) -> None:
        """Name the next epoch."""
        self._db.execute("UPDATE store SET epoch = ?, mark = ?", (number, mark))

    def add(self, row: SubjectRow) -> None:
        """Add a subject."""
        self._db.execute("INSERT INTO subjects VALUES (?,?,?,?,?,?,?,?)", row)

    def subject(self, pseudonym: bytes) -> SubjectRow | None:
        """Return the row of a pseudonym."""
        return next(iter(self._subjects("WHERE pseudonym = ?", pseudonym)), None)

    def found(self, lookup: bytes, state: str) -> list[SubjectRow]:
        """Return a subject's rows in this state."""
        return self._subjects("WHERE lookup = ? AND state = ?", lookup, state)

    def mark_erasing(self, lookup: bytes, erasure: str, time: int) -> None:
        """Turn a subject's living row into one that is being erased."""
        self._db.execute(
            "UPDATE subjects SET state = 'erasing', erasure = ?, time = ?"
            " WHERE lookup = ? AND state = 'live'",
            (erasure, time, lookup),
        )

    def pending(self) -> list[SubjectRow]:
        """Return the rows whose erasure began and is not over, without those under a hold."""
        return self._subjects(
            "WHERE erasure IS NOT NULL AND (state = 'erased' OR lookup NOT IN (SELECT lookup FROM holds))"
        )

    def destroy(self, erasure: str, time: int, log: str) -> None:
        """Forget key, identifier and mapping of what is being erased under this id."""
        self._db.execute(
            "UPDATE subjects SET state = 'erased', time = ?, lookup = NULL, identifier = NULL, key = NULL,"
            " log = ? WHERE erasure = ? AND state = 'erasing'",
            (time, log, erasure),
        )

    def settle(self, erasure: str) -> None:
        """Note that the log has said what was destroyed: nothing ties the rows to that entry any more."""
        self._db.execute(
            "UPDATE subjects SET erasure = NULL, log = NULL WHERE erasure = ? AND state = 'erased'",
            (erasure,),
        )

    def survivors(self) -> Iterator[list[SubjectRow]]:
        """Yield the rows that have a key, some at a time; they may be written to meanwhile."""
        return self._all("AND key IS NOT NULL")

    def everybody(self) -> Iterator[list[SubjectRow]]:
        """Yield all rows likewise."""
        return self._all("")

    def demand_whole(self) -> None:
        """Demand that tables and indices agree. Raises VaultUnusable, sqlite3.Error."""
        (told,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if told != "ok":
            raise VaultUnusable(f"the key store was changed: {told}")

    def rewrap(self, rows: list[SubjectRow]) -> None:
        """Write lookup, identifier and key anew."""
        self._db.executemany(
            "UPDATE subjects SET lookup = ?, identifier = ?, key = ? WHERE pseudonym = ?",
            [(row.lookup, row.identifier, row.key, row.pseudonym) for row in rows],
        )

    def counts(self) -> dict[str, int]:
        """Return how many pseudonyms there are in each state; that of nobody is not counted."""
        rows = self._db.execute(
            "SELECT state, count(*) FROM subjects WHERE lookup IS NOT NULL OR state != 'live' GROUP BY state"
        )
        return dict(rows.fetchall())

    def holds(self, lookup: bytes | None = None) -> list[HoldRow]:
        """Return all holds, or those on one subject."""
        where, values = ("", ()) if lookup is None else ("WHERE lookup = ?", (lookup,))
        found = self._db.execute(f"SELECT id, lookup, sealed FROM holds {where} ORDER BY id", values)  # noqa: S608
        return [HoldRow(*row) for row in found]

    def holds_against(self, erasure: str) -> list[HoldRow]:
        """Return the holds on what is being erased under this id, and is not erased yet."""
        found = self._db.execute(
            "SELECT id, lookup, sealed FROM holds WHERE lookup IN"
            " (SELECT lookup FROM subjects WHERE erasure = ? AND state = 'erasing') ORDER BY id",
            (erasure,),
        )
        return [HoldRow(*row) for row in found]

    def put_hold(self, row: HoldRow) -> None:
        """Add a hold, or write it anew."""
        self._db.execute("INSERT OR REPLACE INTO holds VALUES (?,?,?)", row)

    def drop_hold(self, hold: bytes) -> bool:
        """Remove a hold; say whether it was there."""
        return self._db.execute("DELETE FROM holds WHERE id = ?", (hold,)).rowcount == 1

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def _all(self, condition: str) -> Iterator[list[SubjectRow]]:
        after = b""
        while rows := self._subjects(
            f"WHERE pseudonym > ? {condition} ORDER BY pseudonym LIMIT ?", after, _CHUNK
        ):
            yield rows
            after = rows[-1].pseudonym

    def _subjects(self, where: str, *values: Any) -> list[SubjectRow]:
        rows = [SubjectRow(*row) for row in self._db.execute(f"{_SUBJECT} {where}", values)]
        for row in rows:
            if not all(isinstance(value, kind) for value, kind in zip(row, _TYPES, strict=True)):
                raise VaultUnusable("the key store was changed: a subject's row holds what it cannot")
        return rows
