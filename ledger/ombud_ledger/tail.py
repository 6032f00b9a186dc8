# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The tail in the writer's hands: the open hot file, the chain's head, one way to commit a batch."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ombud_ledger import hot
from ombud_ledger.durable import Durable
from ombud_ledger.entry import Head, Pending
from ombud_ledger.hashing import chain_links
from ombud_ledger.layout import LogLayout

_COLUMNS = 5
# rows per INSERT: one statement, one release of the interpreter lock; within SQLite's variable limit
_STEP = 256


@dataclass(slots=True)
class Tail:
    """State of the log's end. Only the writer thread changes it; others may read the integers."""

    layout: LogLayout
    durable: Durable
    db: sqlite3.Connection
    path: Path
    first: int
    size: int  # entries in the whole log
    head: bytes  # chain value of the last entry, or the chain's start
    last_ts: int
    substantive: int  # entries in this file that are not housekeeping
    stored: int  # bytes of records, facts and payloads in this file
    born: float  # monotonic time of the file's first substantive entry
    clean: bool  # the last entry is `close`
    end: Head = field(init=False)  # size and head as one value, for readers in other threads

    def __post_init__(self) -> None:
        self.end = Head(self.size, self.head)

    def commit(self, batch: Sequence[Pending]) -> tuple[list[bytes], list[bytes]]:
        """Make entries durable, in order; return their leaves and chain values.

        Raises sqlite3.Error or OSError: then the tail is poisoned and must go through recovery.
        """
        # 1. Chain the batch onto the head. Nothing is stored yet; a crash here loses only unacknowledged
        #    entries.
        leaves, chains = chain_links(self.head, [each.record for each in batch])
        values: list[object] = []
        for seq, (each, chain) in enumerate(zip(batch, chains, strict=True), self.size):
            values += (seq, each.record, chain, each.salt, each.facts)
        # 2. One transaction, and where the batch is small one statement: each would let go of the interpreter
        #    and wait to have it back. It returns after the WAL frame is fsynced: the batch is durable, with
        #    its facts and payloads. A crash before leaves all of the batch or none of it, unacknowledged.
        payloads = [(seq, *each.payload[:3]) for seq, each in enumerate(batch, self.size) if each.payload]
        if len(batch) <= _STEP and not payloads:
            self.durable("hot.commit", lambda: self._insert(values))
        else:
            self.db.execute("BEGIN IMMEDIATE")
            for start in range(0, len(values), _STEP * _COLUMNS):
                self._insert(values[start : start + _STEP * _COLUMNS])
            self.db.executemany("INSERT INTO payloads VALUES (?,?,?,?)", payloads)
            self.durable("hot.commit", lambda: self.db.execute("COMMIT"))
        # 3. Only now does the head move.
        self.size, self.head = self.size + len(batch), chains[-1]
        self.stored += sum(each.size for each in batch)
        self.end = Head(self.size, self.head)
        return leaves, chains

    def _insert(self, values: list[object]) -> None:
        marks = ",".join(["(?,?,?,?,?)"] * (len(values) // _COLUMNS))
        self.db.execute(f"INSERT INTO entries VALUES {marks}", values)  # noqa: S608 - only question marks

    def count(self, substantive: int) -> None:
        """Note that the last batch held so many entries other than housekeeping."""
        if substantive and not self.substantive:
            self.born = time.monotonic()
        self.substantive += substantive

    def roll(self) -> Path:
        """Start the next hot file and return the one now frozen. The tail is unchanged if this raises."""
        # 1. An empty file for what comes next, durable under its name. A crash after this leaves two hot
        #    files, the older one complete: recovery seals it.
        path = self.layout.hot_path(self.size, 0)
        hot.create(path, (), self.durable)
        db = hot.open_writer(path)
        # 2. Switch. Closing the old connection folds its WAL into the file.
        old_db, old_path = self.db, self.path
        self.db, self.path, self.first = db, path, self.size
        self.substantive, self.stored, self.born = 0, 0, time.monotonic()
        old_db.close()
        return old_path

    def close(self) -> None:
        """Let the file go."""
        self.db.close()
