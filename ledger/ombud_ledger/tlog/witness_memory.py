# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a witness remembers: of each log the size and root it cosigned last. Losing it is losing the witness.

It moves by compare-and-swap, durable before anything is signed, so that no two cosignatures of a log
disagree, whichever process or thread asked.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Any, Final, NamedTuple

from ombud_ledger.durable import make_folder, sync_folder
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.small_file import prepare
from ombud_ledger.tlog.merkle import EMPTY_ROOT

FILE: Final = "witness.sqlite"
_APPLICATION_ID: Final = 0x4F4D5757  # "OMWW"
_VERSION: Final = 1
_TABLE: Final = (
    "CREATE TABLE log (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB)"
)


class Seen(NamedTuple):
    """The newest size and root of a log that the witness knows. Of one it never saw: the empty tree."""

    size: int = 0
    root: bytes = EMPTY_ROOT


class WitnessMemory:
    """Holds it in one SQLite file in the folder `state`; any thread may ask."""

    def __init__(self, state: Path) -> None:
        make_folder(state)
        path = state / FILE
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            # More than FULL: a rollback journal that comes back after a power cut would undo a commit.
            self._db.execute("PRAGMA synchronous=EXTRA")
            prepare(
                self._db,
                path,
                "a witness's memory",
                application_id=_APPLICATION_ID,
                version=_VERSION,
                made_by=[_TABLE],
            )
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise LedgerUnreadable(f"{path}: {error}") from error
        except BaseException:
            self._db.close()
            raise
        sync_folder(state)

    def seen(self, origin: str) -> Seen:
        """Return what is remembered of a log. Raises LedgerUnreadable, sqlite3.Error."""
        row = self._row(origin)
        if row is None:
            return Seen()
        if [type(value) for value in row[:2]] != [int, bytes]:
            raise LedgerUnreadable(f"{FILE}: of {origin!r} a value of another type is remembered")
        return Seen(row[0], row[1])

    def advance(self, origin: str, old: Seen, new: Seen) -> bool:
        """Remember `new` if `old` still is what is remembered; say whether. Durable when this returns.

        Raises sqlite3.Error. Then nothing may be signed: only `seen` tells what is remembered.
        """
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO log VALUES (?, 0, ?, NULL)", (origin, EMPTY_ROOT))
            done = self._db.execute(
                "UPDATE log SET size = ?, root = ?, note = CASE WHEN size = ? THEN note END"
                " WHERE origin = ? AND size = ? AND root = ?",
                (*new, new.size, origin, *old),
            )
            return done.rowcount == 1

    def keep(self, origin: str, seen: Seen, note: bytes) -> None:
        """Keep the cosigned checkpoint to show it, unless the log has gone on. Raises sqlite3.Error."""
        with self._lock:
            self._db.execute(
                "UPDATE log SET note = ? WHERE origin = ? AND size = ? AND root = ?", (note, origin, *seen)
            )

    def note(self, origin: str) -> bytes | None:
        """Return the newest cosigned checkpoint of a log, None if there is none. Raises sqlite3.Error."""
        row = self._row(origin)
        return None if row is None or row[2] is None else bytes(row[2])

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def _row(self, origin: str) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._db.execute(
                "SELECT size, root, note FROM log WHERE origin = ?", (origin,)
            ).fetchone()
            return row
