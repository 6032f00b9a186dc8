# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One consistent state of a log for readers: its sealed files, and the rows of the hot tail after them."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ombud_ledger import hot
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.hot import PayloadRow, Row
from ombud_ledger.layout import LogLayout, SealedFile

_FIRST = -(2**63)
_TRIES = 5  # a segment may be sealed and its hot file retired while we look


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a reader sees; `rows` goes through the unsealed entries, in order, from number `begins` on.

    Each call of `rows` goes through the same ones; given a number, through those from it on. `payload_rows`
    likewise goes through their payloads.
    """

    entries: list[SealedFile]
    facts: list[SealedFile]
    payloads: list[SealedFile]
    begins: int | None
    rows: Callable[..., Iterator[Row]]
    payload_rows: Callable[..., Iterator[PayloadRow]]


@contextmanager
def snapshot(layout: LogLayout) -> Iterator[Snapshot]:
    """Hold the hot files open, in one state each, while the caller reads. Raises LedgerUnreadable."""
    with ExitStack() as stack:
        # 1. Hot files first, sealed files second: a segment sealed in between is then seen twice, never
        #    missed, and the sealed one counts.
        connections = _open_all(layout, stack)
        entries, facts, payloads = layout.entries_files(), layout.facts_files(), layout.payload_files()
        end = entries[-1].last if entries else -1

        # 2. The caller reads; the connections hold their state until it is done.
        def rows(start: int = _FIRST) -> Iterator[Row]:
            # A file named for an entry past the sealed ones is read whole, so that no row in it can hide.
            for first, db in connections:
                yield from hot.rows(db, start if first > end else max(start, end + 1))

        def payload_rows(start: int = _FIRST) -> Iterator[PayloadRow]:
            for first, db in connections:
                yield from hot.payloads(db, start if first > end else max(start, end + 1))

        filled = (first for first, db in connections if db.execute("SELECT 1 FROM entries").fetchone())
        begins = next((first for first in filled if first > end), None)
        yield Snapshot(entries, facts, payloads, begins, rows, payload_rows)


def _open_all(layout: LogLayout, stack: ExitStack) -> list[tuple[int, sqlite3.Connection]]:
    for left in reversed(range(_TRIES)):
        with ExitStack() as attempt:
            try:
                files = layout.hot_files()
                connections = [(file.first, attempt.enter_context(hot.reading(file.path))) for file in files]
            except LedgerUnreadable:
                if not left:
                    raise
                continue
            stack.push(attempt.pop_all())
            return connections
    return []
