# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""SQL of callers who may read the ledger: each statement in a process apart, every failure a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ombud_gateway.errors import Invalid, NotFound, TooLarge, Unavailable
from ombud_ledger import (
    Ledger,
    LedgerError,
    LedgerUnreadable,
    NotProven,
    QueryRefused,
    QueryStopped,
    query_apart,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SQL: Final = 65_536
MOST_PARAMETERS: Final = 64
MOST_CHECKPOINTS: Final = 64
_MOST_ENTRIES: Final = 1_000
_MOST_LOOKS: Final = 8
"""Looks for entries at once: each is a thread, for milliseconds as a rule, and takes no query's place."""
T = TypeVar("T")


class Entry(NamedTuple):
    """One entry as it is stored."""

    seq: int
    record: bytes
    chain: bytes


class Queries:
    """Runs statements, at most `most` at once. Raises Refusal."""

    def __init__(self, ledger: Ledger, limits: query_apart.Limits, most: int) -> None:
        self._ledger = ledger
        self._limits = limits
        self._places = asyncio.Semaphore(most)
        self._looks: set[asyncio.Future[Any]] = set()

    async def rows(
        self, sql: str, parameters: Mapping[str, str], as_of: Sequence[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the rows of a SELECT over all logs, as pieces of an Arrow IPC stream."""
        if len(sql) > MOST_SQL or not sql.strip():
            raise Invalid("SQL", f"sql has {len(sql)} characters, must have 1 to {MOST_SQL}")
        if len(parameters) > MOST_PARAMETERS:
            raise Invalid("SQL", f"there are {len(parameters)} parameters, must be at most {MOST_PARAMETERS}")
        check_checkpoints(as_of)
        if self._places.locked():
            raise Unavailable("QUERIES_BUSY", "as many queries run as may: try again later")
        async with self._places:
            question = query_apart.Question(sql, parameters, as_of)
            with refusals(self._limits):
                async with aclosing(query_apart.answer(self._ledger.place, question, self._limits)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def entry(self, seq: int) -> list[Entry]:
        """Return an entry of this gateway's log by its number."""
        if not 0 <= seq < self._ledger.size:
            raise NotFound(
                "NO_ENTRY", f"log {self._ledger.log} has {self._ledger.size} entries, no entry {seq}"
            )
        return [Entry(*await self._look(lambda: self._ledger.entry(seq)))]

    async def entries(self, decision: str) -> list[Entry]:
        """Return the entries of this gateway's log about a decision."""
        try:
            rows = await self._look(lambda: self._ledger.entries_of(decision, _MOST_ENTRIES + 1))
        except ValueError as error:
            raise Invalid("DECISION", f"decision is {decision[:80]!r}, {error}") from error
        if not rows:
            raise NotFound("NO_ENTRY", f"log {self._ledger.log} has no decision {decision[:80]!r}")
        if len(rows) > _MOST_ENTRIES:
            raise TooLarge("TOO_LARGE", f"there are more than {_MOST_ENTRIES} entries: ask QueryLedger")
        return [Entry(*row) for row in rows]

    async def _look(self, work: Callable[[], T]) -> T:
        if len(self._looks) >= _MOST_LOOKS:
            raise Unavailable("LOOKS_BUSY", "as many look for entries as may: try again later")
        task = asyncio.ensure_future(asyncio.to_thread(work))
        self._looks.add(task)  # until it ends: a caller who leaves does not end it
        task.add_done_callback(self._looks.discard)
        with refusals(self._limits):
            return await asyncio.shield(task)


def check_checkpoints(notes: Sequence[bytes]) -> None:
    """Demand that each is a checkpoint, and that they are not too many. Raises Invalid."""
    from ombud_ledger import transparency  # here: most gateways are never asked

    if len(notes) > MOST_CHECKPOINTS:
        raise Invalid("AS_OF", f"as_of has {len(notes)} checkpoints, must be at most {MOST_CHECKPOINTS}")
    for number, note in enumerate(notes):
        try:
            transparency.parse_checkpoint(note)
        except LedgerUnreadable as error:
            raise Invalid("AS_OF", f"as_of[{number}] is no checkpoint: {error}") from error


@contextmanager
def refusals(limits: query_apart.Limits) -> Iterator[None]:
    """Turn what a query can fail with into a Refusal."""
    try:
        yield
    except QueryRefused as error:
        raise Invalid("SQL", f"sql: {error}") from error
    except QueryStopped as error:
        bounds = f"{limits.seconds:g} seconds, {limits.memory_mb} MB and {limits.rows} rows"
        what = f"the query took more than it may of: {error}; this gateway allows {bounds}"
        raise TooLarge("QUERY_STOPPED", what) from error
    except NotProven as error:
        raise Invalid("AS_OF", f"as_of: {error}") from error
    except LedgerError as error:
        raise Unavailable("LEDGER_UNREADABLE", "the ledger cannot be queried now") from error
