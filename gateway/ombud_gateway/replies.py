# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Holds a reply back until the ledger has reached what its caller asks for: signed or witnessed.

The call is recorded by then, and holds no place in flight. A reply that the ledger does not reach in time is
refused, not sent with less: many clients never look at trailing metadata (ADR 0016).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from ombud_gateway.call import DURABLE, SIGNED, WITNESSED, Call, Reply, ReplyWhen, Withheld
from ombud_gateway.errors import NotOffered, NotReached, Overloaded
from ombud_ledger import Ledger, LedgerUnavailable

MOST_WAITING = 4_096
"""Replies held back at once; past them, calls that ask for more than `durable` are shed."""
_AHEAD = 64
"""Answers of one request of a stream that are recorded while those before them wait."""
_PARTING = 0.05
"""Seconds before a call's deadline at which its refusal leaves, so that it arrives."""


class Replies:
    """`seconds` is the longest that a reply waits, however far its call's deadline."""

    def __init__(self, ledger: Ledger, seconds: float) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._waiting = 0

    def demand(self, when: ReplyWhen) -> None:
        """Raise a refusal if replies cannot wait for this: before anything has happened."""
        if when == DURABLE:
            return
        if not self._ledger.signed:
            what = "this gateway's ledger is not signed: metadata ombud-ledger must be durable"
            raise NotOffered("UNSIGNED", what)
        if when == WITNESSED and not self._ledger.witnessed:
            what = "this gateway's ledger has no witnesses: metadata ombud-ledger must be durable or signed"
            raise NotOffered("UNWITNESSED", what)
        if self._waiting >= MOST_WAITING:
            raise Overloaded("OVERLOADED", "the gateway is at its limit of replies that wait")

    async def reached(self, call: Call, reply: Reply, since: float | None = None) -> Reply:
        """Return the reply once it may leave. Raises NotReached: it may not, and will not.

        The wait counts from `since`, seconds on the monotonic clock, or from now.
        """
        now = time.monotonic()
        until = (now if since is None else since) + self._seconds
        if call.deadline is not None:
            until = min(until, call.deadline - _PARTING)
        self._waiting += 1
        try:
            async with asyncio.timeout(max(until - now, 0.0)):
                size = await self._ledger.covered(reply.seq, witnessed=call.reply_when == WITNESSED)
        except (TimeoutError, LedgerUnavailable) as error:
            raise NotReached(self._as_far_as_it_came(reply), call.reply_when) from error
        finally:
            self._waiting -= 1
        return replace(reply, reached=call.reply_when, checkpoint=size)

    async def in_order(
        self, call: Call, answers: AsyncGenerator[Reply | Withheld, None]
    ) -> AsyncGenerator[Reply | Withheld, None]:
        """Yield a stream's answers, each once it may leave; meanwhile those behind it are recorded."""
        room = asyncio.Semaphore(_AHEAD)
        ready: asyncio.Queue[tuple[Reply | Withheld, float] | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async with aclosing(answers) as each:
                    async for item in each:
                        await room.acquire()
                        ready.put_nowait((item, time.monotonic()))
            finally:
                ready.put_nowait(None)

        reading = asyncio.ensure_future(read())
        try:
            while (next_one := await ready.get()) is not None:
                item, since = next_one
                yield await self._may_leave(call, item, since)
                room.release()
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _may_leave(self, call: Call, item: Reply | Withheld, since: float) -> Reply | Withheld:
        if isinstance(item, Withheld):
            return item
        try:
            return await self.reached(call, item, since)
        except NotReached as refusal:
            return Withheld(item.id, refusal)

    def _as_far_as_it_came(self, reply: Reply) -> Reply:
        size = self._ledger.signed_size
        return replace(reply, reached=SIGNED, checkpoint=size) if size > reply.seq else reply
