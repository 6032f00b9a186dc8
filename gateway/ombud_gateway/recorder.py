# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Writes judged calls to the ledger, and counts what was refused before it could be judged."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from ombud_gateway import judgement
from ombud_gateway.errors import Refusal, TooLarge, Unavailable
from ombud_gateway.judgement import Judgement
from ombud_gateway.subjects import Pseudonyms
from ombud_ledger import (
    Facts,
    Ledger,
    LedgerError,
    Payload,
    Position,
    RecordInvalid,
    SubjectErased,
    SubjectKeyMissing,
    VaultUnusable,
)

_LOG = logging.getLogger(__name__)
_EVERY = 1.0
"""Seconds between two `refused` entries: a flood must not fill the disk."""
_LINGER = 0.008
"""Seconds that a record may wait for the commit of others."""
LARGE = 64 * 1024
"""Bytes from which on handing them to a thread holds other calls up less than hashing them does."""
_Kept = tuple[Facts | None, Payload | None]
_UNKEEPABLE = (RecordInvalid, SubjectKeyMissing, VaultUnusable)
"""What facts or a payload may fail with, of which nothing was stored: a record without them can be made."""


def _nothing() -> _Kept:
    return None, None


class Recorder:
    """The only place where the pipeline touches the ledger. A record that cannot be made refuses the call."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], int],
        in_flight: Callable[[], int] = lambda: 1,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._in_flight = in_flight
        self._pause = pause
        self._pseudonyms = pseudonyms or Pseudonyms(None)
        self._refused: Counter[str] = Counter()
        self._since = 0
        self._background: set[asyncio.Task[Any]] = set()

    async def intent(self, judged: Judgement) -> Position:
        """Make an intent durable; after this an effect may happen."""
        if judged.about is not None and not judgement.keeps_nothing(judged):
            await self.name(judged)
        hashed = await _digests(judged, answered=False)
        body = judgement.intent(judged)
        # A caller that leaves while this is written must find an outcome recorded, not a second decision.
        judged.intended = True
        try:
            return await self._append(
                "intent",
                body,
                lambda: (
                    judgement.facts(judged, hashed, answered=False),
                    judgement.payload(judged, answered=False),
                ),
                judged,
            )
        except Refusal:
            judged.intended = not judged.unkeepable  # else nothing was stored: the refusal is the decision
            raise

    async def end(
        self, judged: Judgement, outcome: str, status: str, reason: str = "", **more: Any
    ) -> Position:
        """Make the end of a call durable; after this its reply may leave."""
        try:
            return await self._end(judged, outcome, status, reason, **more)
        except Refusal:
            leaves = judged.response is not None and outcome in ("answered", "failed")
            if not judged.unkeepable or leaves:
                raise
        # No answer leaves with this, so the record alone will do.
        return await self._end(judged, outcome, status, reason, **more)

    async def _end(self, judged: Judgement, outcome: str, status: str, reason: str, **more: Any) -> Position:
        offending = more.pop("offending", None)
        extra = {"offending": offending} if offending else {}
        if judged.about is not None and not judged.subject and not judgement.keeps_nothing(judged):
            await self.name(judged)
        hashed = await _digests(judged)
        intended = judged.intended
        body_of = judgement.outcome if intended else judgement.decision
        body = body_of(judged, outcome=outcome, status=status, reason=reason, **more)
        judged.telemetry.count(
            body["action"], body.get("verdict", "none"), outcome, body["steps"], body["added_us"]
        )
        return await self._append(
            "outcome" if intended else "decision",
            body,
            lambda: (judgement.facts(judged, hashed, **extra), judgement.payload(judged, asked=not intended)),
            judged,
        )

    def expect(self, judged: Judgement) -> None:
        """Begin to find the pseudonym that the end of a call will need, while others work on the call."""
        if judged.about is not None and not judged.subject and not judgement.keeps_nothing(judged):
            self._pseudonyms.expect(judged.about)

    async def name(self, judged: Judgement, *, afresh: bool = False) -> None:
        """Find the pseudonym of the person that a call is about, if it names one."""
        if judged.about is None:
            return
        try:
            judged.subject = await self._pseudonyms.of(judged.about, afresh=afresh)
        except LedgerError as error:
            raise _unkept(judged, error) from error

    def count(self, reason: str) -> None:
        """Count a call that was refused before it had a principal or a place."""
        if not self._refused:
            self._since = self._clock()
        self._refused[reason.lower()] += 1

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let a record be made although its caller has gone; `drain` waits for it."""
        self.follow(asyncio.get_running_loop().create_task(work))

    def follow(self, task: asyncio.Task[Any]) -> None:
        """Keep a task alive until it is done."""
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits, and to the log; nobody may be waiting any more

    async def flush_refused(self) -> None:
        """Write the counts since the last `refused` entry, if any."""
        if not self._refused:
            return
        counts, self._refused, since = self._refused, Counter(), self._since
        body = {"counts": dict(counts), "from_ts": since, "to_ts": self._clock()}
        try:
            await self._append("refused", body, _nothing)
        except Unavailable:
            self._refused.update(counts)  # they are told once the ledger works again
            self._since = since

    async def run(self) -> None:
        """Flush refusal counts for as long as the gateway serves."""
        while True:
            await self._pause(_EVERY)
            await self.flush_refused()

    async def drain(self) -> None:
        """Finish what is under way."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)
        await self.flush_refused()

    async def _append(
        self,
        kind: str,
        body: dict[str, Any],
        kept: Callable[[], _Kept],
        judged: Judgement | None = None,
        *,
        again: bool = False,
    ) -> Position:
        # A busy gateway pays for each commit with calls it could have judged: as long as there are others to
        # work on, their records share one. A gateway that waits for its upstream gains nothing by it.
        calls = self._in_flight()
        linger = _LINGER if judged is not None and calls > 1 and judged.busy() else 0.0
        try:
            facts, payload = kept()
            return await self._ledger.append(kind, body, facts, payload=payload, linger=linger, company=calls)
        except SubjectErased as error:
            if judged is None or again:
                raise _unrecordable(body.get("id", "-"), error) from error
        except _UNKEEPABLE as error:
            if judged is None or judgement.keeps_nothing(judged):
                raise _unrecordable(body.get("id", "-"), error) from error
            raise _unkept(judged, error) from error
        except LedgerError as error:
            raise _unrecordable(body.get("id", "-"), error) from error
        # The person was erased while the call was under way, and nothing was stored. A call that names the
        # person is kept as that of somebody new; what was said of the old review of one is not kept at all.
        await self.name(judged, afresh=True)
        return await self._append(kind, body, _nothing if judged.about is None else kept, judged, again=True)


async def _digests(judged: Judgement, *, answered: bool = True) -> dict[str, str]:
    if judgement.keeps_nothing(judged):
        return {}
    hashed = partial(judgement.digests, judged, answered=answered)
    size = len(judged.call.body) + len((answered and judged.response) or b"")
    # Of much, in a thread: meanwhile other calls go on.
    return hashed() if size <= LARGE else await asyncio.to_thread(hashed)


def _unkept(judged: Judgement, error: LedgerError) -> Refusal:
    """What policy wants kept of the call cannot be: it is refused, and recorded without."""
    _LOG.error("what is to be kept of call %s cannot be: %s", judged.call.id, error)
    judged.unkeepable = True
    if isinstance(error, RecordInvalid):
        return TooLarge("UNKEEPABLE", "what policy wants kept of the call is more than can be kept")
    return Unavailable("VAULT_UNAVAILABLE", "what policy wants kept of the call cannot be kept now")


def _unrecordable(call: str, error: LedgerError) -> Unavailable:
    _LOG.error("record of call %s failed: %s", call, error)
    return Unavailable("LEDGER_UNAVAILABLE", "the call could not be recorded, so it is refused")
