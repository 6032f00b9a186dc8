# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The newest head that was signed, in a file of its own: what must never be contradicted.

It moves by compare-and-swap before anything is published (as Sunlight does): a smaller size, or the same size
with another root, is refused, so that no two checkpoints of a log can disagree.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple

from ombud_ledger.durable import Durable, make_folder, sync_folder
from ombud_ledger.errors import LedgerBroken, LedgerUnreadable
from ombud_ledger.small_file import prepare

_APPLICATION_ID: Final = 0x4F4D5348  # "OMSH"
_VERSION: Final = 1
_TABLE: Final = (
    "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL,"
    " root BLOB NOT NULL, chain BLOB NOT NULL, note BLOB NOT NULL)"
)


class SignedHead(NamedTuple):
    """A signed size and root, the chain value of the last entry they cover, and the note itself."""

    size: int
    root: bytes
    chain: bytes
    note: bytes


class SignedHeads:
    """Holds the signed head of one log; the log's lock makes one writer."""

    def __init__(self, path: Path, durable: Durable) -> None:
        self._durable = durable
        make_folder(path.parent)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA synchronous=EXTRA")  # a journal that comes back would undo the swap
            prepare(
                self._db,
                path,
                "a signed head",
                application_id=_APPLICATION_ID,
                version=_VERSION,
                made_by=[_TABLE],
            )
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise LedgerUnreadable(f"{path.name}: {error}") from error
        except BaseException:
            self._db.close()
            raise
        sync_folder(path.parent)

    def load(self) -> SignedHead | None:
        """Return the signed head, None if nothing was signed yet. Raises LedgerUnreadable, sqlite3.Error."""
        row: tuple[Any, ...] | None = self._db.execute("SELECT size, root, chain, note FROM head").fetchone()
        if row is None:
            return None
        if [type(value) for value in row] != [int, bytes, bytes, bytes]:
            raise LedgerUnreadable("the signed head holds a value of another type")
        return SignedHead(*row)

    def advance(self, old: SignedHead | None, new: SignedHead) -> None:
        """Make `new` the signed head if `old` still is. Raises LedgerBroken, sqlite3.Error, OSError.

        Durable when this returns. If it raises, only `load` tells whether it is.
        """
        if old is not None and (new.size < old.size or (new.size == old.size and new.root != old.root)):
            raise LedgerBroken(
                f"a checkpoint of size {old.size} is signed: none of size {new.size} with root"
                f" {new.root.hex()} may follow"
            )
        values = (new.size, new.root, new.chain, new.note)

        def swap() -> None:
            if old is None:
                done = self._db.execute("INSERT OR IGNORE INTO head VALUES (1, ?, ?, ?, ?)", values)
            else:
                done = self._db.execute(
                    "UPDATE head SET size = ?, root = ?, chain = ?, note = ? WHERE size = ? AND root = ?",
                    (*values, old.size, old.root),
                )
            if done.rowcount != 1:
                raise LedgerBroken("another process signed for this log")

        self._durable("publish.sign", swap)

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
