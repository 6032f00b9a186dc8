# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An entry on its way to the log: made and checked in the caller's thread, committed in the writer's."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from ombud_ledger import canonical
from ombud_ledger.canonical import JSON
from ombud_ledger.errors import RecordInvalid
from ombud_ledger.facts import Facts
from ombud_ledger.hashing import facts_commit
from ombud_ledger.kinds import HOUSEKEEPING, KINDS

OWN_KEYS: Final = frozenset({"kind", "ts", "facts_commit", "facts_contract"})


class Position(NamedTuple):
    """Where an entry lies and what it hashes to. A named tuple because every append makes one."""

    log: str
    seq: int
    ts: int  # microseconds UTC
    leaf: bytes
    chain: bytes


class Head(NamedTuple):
    """The end of a log: how many entries are durable, and the chain value of the last."""

    size: int
    chain: bytes


class Pending:
    """One entry waiting for its commit, and who waits: an asyncio future of `loop`, or a thread's future."""

    __slots__ = ("facts", "future", "loop", "record", "salt", "substantive", "ts")

    def __init__(
        self,
        record: bytes,
        *,
        salt: bytes | None,
        facts: bytes | None,
        ts: int,
        substantive: bool,
        loop: asyncio.AbstractEventLoop | None,
        future: "asyncio.Future[Position] | Future[Position]",
    ) -> None:
        self.record = record
        self.salt = salt
        self.facts = facts
        self.ts = ts
        self.substantive = substantive
        self.loop = loop
        self.future = future

    @property
    def size(self) -> int:
        """Bytes it will store."""
        return len(self.record) + len(self.facts or b"")


def check_body(kind: str, body: Mapping[str, JSON]) -> None:
    """Raise RecordInvalid for a kind or key that a caller may not write."""
    if kind not in KINDS:
        raise RecordInvalid(f"kind {str(kind)[:80]!r} is not one of format 1's")
    taken = OWN_KEYS & body.keys()
    if taken:
        raise RecordInvalid(f"{', '.join(sorted(taken))}: written by the ledger, not by callers")


def encode_entry(
    kind: str, body: Mapping[str, JSON], facts: tuple[str | None, bytes, bytes] | None, ts: int, longest: int
) -> bytes:
    """Return an entry's record bytes; `facts` are (contract, salt, encoded facts). Raises RecordInvalid."""
    record: dict[str, Any] = {**body, "kind": kind, "ts": ts}
    if facts is not None:
        contract, salt, data = facts
        record["facts_commit"] = facts_commit(salt, data).hex()
        if contract is not None:
            record["facts_contract"] = contract
    return canonical.encode(record, limit=canonical.MAX_RECORD, longest=longest)


def encode_facts(facts: Facts) -> bytes:
    """Return the facts' canonical bytes. Raises RecordInvalid."""
    return facts.encode()


def is_substantive(kind: str) -> bool:
    """Say whether an entry of this kind is worth a segment."""
    return kind not in HOUSEKEEPING


def settle(pending: list[Pending], results: list[Position] | Exception) -> None:
    """Wake all waiters: each event loop once for all of its own, each thread by its future."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Any, Position | Exception]]] = {}
    for at, each in enumerate(pending):
        result = results if isinstance(results, Exception) else results[at]
        if each.loop is not None:
            by_loop.setdefault(each.loop, []).append((each.future, result))
        elif isinstance(result, Exception):
            each.future.set_exception(result)
        else:
            each.future.set_result(result)
    for loop, wakes in by_loop.items():
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(_wake, wakes)
            except RuntimeError:  # The loop closed in between: nobody waits there any more.
                continue


def _wake(wakes: list[tuple["asyncio.Future[Position]", Position | Exception]]) -> None:
    for future, result in wakes:
        if future.done():  # The waiter was cancelled; its entry is stored all the same.
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
