# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check the hot tail: read twice in one state, a chunk at a time, so that its size does not count."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from ombud_ledger import bulk, canonical
from ombud_ledger.check_payloads import check_payloads
from ombud_ledger.errors import EntryBroken, LedgerError
from ombud_ledger.follow import Follower, check_facts, facts_match, values_of
from ombud_ledger.hot import PayloadRow, Row
from ombud_ledger.said import SAYING
from ombud_ledger.shapes import Shapes

_MARKS: Final = tuple(b'"kind":"%s"' % kind.encode() for kind in SAYING)
_ROWS: Final = 256  # at a time, fewer where they are long
_BYTES: Final = 1024 * 1024


def said_in(rows: Iterable[Row]) -> tuple[int, list[tuple[int, dict[str, Any]]]]:
    """Return how many rows there are, and entries that say something of files, as far as they can be read."""
    count, found = 0, list[tuple[int, dict[str, Any]]]()
    try:
        for row in rows:
            count += 1
            if any(mark in row.record for mark in _MARKS):
                found.append((row.seq, canonical.parse(row.record, limit=canonical.MAX_RECORD)))
    except LedgerError:
        return count, found  # met again, and reported with the entry's number, when the tail is checked
    return count, found


def check_tail(
    rows: Iterator[Row], payloads: Iterable[PayloadRow], follower: Follower, tell: Callable[[int], None]
) -> None:
    """Follow the rows, entries, facts, payloads; `tell` is called with the number of entries that held.

    Raises EntryBroken, EntryUnreadable, LedgerError at the first row that does not hold.
    """
    shapes = Shapes(canonical.MAX_FACTS)
    for chunk in _chunks(rows):
        # All at once, if nothing is wrong with any; otherwise one by one, to name the first at fault.
        accepted = follower.accept(
            [row.seq for row in chunk], [row.record for row in chunk], [row.chain for row in chunk]
        )
        if accepted is not None and _facts_hold(chunk, accepted):
            tell(len(chunk))
        else:
            for at, row in enumerate(chunk):
                if accepted is None:
                    fields = follower.follow(row.seq, row.record, row.chain)
                else:
                    fields = accepted.each[at]
                try:
                    check_facts(shapes, row.seq, fields.get("facts_commit"), row.salt, row.facts)
                except EntryBroken:
                    follower.size, follower.head = (
                        row.seq + 1,
                        row.chain,
                    )  # this far the entries were followed
                    raise
                tell(1)
        follower.commits.clear()
    check_payloads(payloads, follower.payloads)


def _facts_hold(chunk: list[Row], accepted: bulk.Objects) -> bool:
    commits: list[str] = []
    salts: list[Any] = []
    facts: list[Any] = []
    for row, fields in zip(chunk, accepted.each, strict=True):
        commit = fields.get("facts_commit")
        if (commit is None) != (row.salt is None) or (commit is None) != (row.facts is None):
            return False
        if commit is not None:
            commits.append(commit)
            salts.append(row.salt)
            facts.append(row.facts)
    return facts_match(commits, salts, facts) and values_of(facts) is not None


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    held = 0
    try:
        for row in rows:
            chunk.append(row)
            held += len(row.record) + len(row.facts or b"")
            if len(chunk) >= _ROWS or held >= _BYTES:
                yield chunk
                chunk, held = [], 0
    except LedgerError:
        yield chunk  # what stands before the row that cannot be read comes first
        raise
    yield chunk
