# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An entry on its way to the log: made and checked in the caller's thread, committed in the writer's."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from itertools import compress
from typing import Any, Final, NamedTuple, Protocol

from ombud_ledger import canonical
from ombud_ledger.canonical import JSON
from ombud_ledger.errors import RecordInvalid
from ombud_ledger.hashing import facts_commit
from ombud_ledger.kinds import HOUSEKEEPING, KINDS

OWN_KEYS: Final = frozenset(
    {"kind", "ts", "facts_commit", "facts_contract", "payload_commit", "payload_key_commit"}
)


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


class Held(NamedTuple):
    """Facts as they are kept: under which contract, with which salt, which bytes."""

    contract: str | None
    salt: bytes
    facts: bytes


class Dark(NamedTuple):
    """A payload as it is kept: whose key it is encrypted under, and what its record commits to, in hex."""

    subject: str | None
    salt: bytes
    ciphertext: bytes | bytearray
    commit: str
    key_commit: str


class Pending(NamedTuple):
    """One entry waiting for its commit, and who waits: an asyncio future of `loop`, or a thread's future."""

    record: bytes
    salt: bytes | None
    facts: bytes | None
    size: int  # bytes of record, facts and payload
    ts: int
    substantive: bool
    loop: asyncio.AbstractEventLoop | None
    future: "asyncio.Future[Position] | Future[Position]"
    payload: Dark | None = None


class Waits(Protocol):
    """Whoever waits: an asyncio future of `loop`, or a thread's future."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop to wake, None for a thread."""

    @property
    def future(self) -> "asyncio.Future[Any] | Future[Any]":
        """What it waits for."""


def check_body(kind: str, body: Mapping[str, JSON]) -> None:
    """Raise RecordInvalid for a kind or key that a caller may not write."""
    if kind not in KINDS:
        raise RecordInvalid(f"kind {str(kind)[:80]!r} is not one of format 1's")
    if not body.keys().isdisjoint(OWN_KEYS):
        taken = ", ".join(sorted(OWN_KEYS & body.keys()))
        raise RecordInvalid(f"{taken}: written by the ledger, not by callers")


def encode_entry(
    kind: str,
    body: Mapping[str, JSON],
    held: Held | None,
    ts: int,
    longest: int,
    *,
    payload: Dark | None = None,
) -> bytes:
    """Return an entry's record bytes. Raises RecordInvalid."""
    record: dict[str, Any] = {**body, "kind": kind, "ts": ts}
    if held is not None:
        record["facts_commit"] = facts_commit(held.salt, held.facts).hex()
        if held.contract is not None:
            record["facts_contract"] = held.contract
    if payload is not None:
        record["payload_commit"], record["payload_key_commit"] = payload.commit, payload.key_commit
    return canonical.encode(record, limit=canonical.MAX_RECORD, longest=longest)


def is_substantive(kind: str) -> bool:
    """Say whether an entry of this kind is worth a segment."""
    return kind not in HOUSEKEEPING


def settle(pending: Sequence[Waits], results: Sequence[Any]) -> None:
    """Wake all waiters: each event loop once for all of its own, each thread by its future."""
    for loop in {each.loop for each in pending}:
        mine = [each.loop is loop for each in pending]
        futures = [each.future for each in compress(pending, mine)]
        if loop is None:
            _wake(futures, list(compress(results, mine)))
        else:
            with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits there any more.
                loop.call_soon_threadsafe(_wake, futures, list(compress(results, mine)))


def _wake(futures: Sequence[Any], results: Sequence[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():  # The waiter was cancelled; its entry is stored all the same.
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
