# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is over goes, unless it is held, for control calls: prune, hold, release; failures are refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from ombud_gateway.errors import Conflict, Invalid, NotFound
from ombud_gateway.upstreams.alone import Alone, ended, refusal
from ombud_ledger import Ledger, LedgerError, Position, query_apart

if TYPE_CHECKING:
    from ombud_ledger import pruning

MOST_REASON: Final = 16_384
"""Characters of a reason."""
_EVERY: Final = 1.0
"""Seconds between two words on how far a prune is: each is an entry."""


class Progress(NamedTuple):
    """How far a prune is."""

    step: str
    done: int
    total: int


class RetentionHold(NamedTuple):
    """One log's word that a system is held; `since` is naive, UTC, `reason` None where it was erased."""

    log: str
    system: str
    since: datetime
    by: str
    reason: str | None


@dataclass(slots=True)
class _Told:
    """The newest word of a thread on how far it is."""

    newest: Progress | None = None

    def __call__(self, step: str, done: int, total: int) -> None:
        self.newest = Progress(step, done, total)


class Retention:
    """Prunes this gateway's log, and puts systems under a legal hold. Raises Refusal."""

    def __init__(self, ledger: Ledger, alone: Alone, limits: query_apart.Limits) -> None:
        self._ledger = ledger
        self._alone = alone
        self._limits = limits
        self._holding = Alone("a hold is being recorded or released, after what is under way")
        self._listing = asyncio.Lock()

    async def prune(
        self, *, by: str, before: int | None, dry_run: bool
    ) -> AsyncGenerator[Progress | pruning.Pruned, None]:
        """Prune, or say what would go; yield how far it is, and in the end what was done.

        What has begun is finished although its caller leaves, and by the next start if the gateway ends.
        """
        ledger, told = self._ledger, _Told()

        def work() -> pruning.Pruned:
            from ombud_ledger import (
                pruning,
            )  # here, in a thread: it needs Arrow, which takes its time to load

            if dry_run:
                return pruning.Pruned(ledger.log, ledger.would_prune(before=before, progress=told), ())
            return ledger.prune_blocking(by=by, before=before, progress=told)

        task = self._alone.begin(work)
        said = None
        while not (await asyncio.wait({task}, timeout=_EVERY))[0]:
            if told.newest is not None and told.newest != said:
                said = told.newest
                yield said
        done: pruning.Pruned = await ended(task)
        yield done

    async def hold(self, system: str, reason: str, *, by: str) -> Position:
        """Put a system under a legal hold."""
        _check_reason(reason)

        def work() -> Position:
            if self._ledger.log in self._held(system):
                raise Conflict("HELD_ALREADY", "the system is held already: ListRetentionHolds says why")
            if self._ledger.latest("system", {"event": "declared", "system": system}) is None:
                raise Invalid("SYSTEM", f"system is {system[:80]!r}, must be one that this log declares")
            return self._ledger.hold_blocking(system, "held", by=by, reason=reason)

        # A prune under way ends first. A caller who leaves meanwhile leaves a hold behind, not a doubt.
        return await self._holding.do(work)

    async def release(self, system: str, reason: str, *, by: str) -> tuple[Position, list[str]]:
        """End the hold that this log says; return where, and the other logs that still hold the system."""
        _check_reason(reason)

        def work() -> tuple[Position, list[str]]:
            holding = self._held(system)
            others = [log for log in holding if log != self._ledger.log]
            if not holding:
                raise NotFound("NOT_HELD", "no log holds the system")
            if others == holding:
                raise Conflict("HELD_ELSEWHERE", f"held by log {', '.join(others)}: ask its gateway")
            return self._ledger.hold_blocking(system, "released", by=by, reason=reason), others

        return await self._holding.do(work)

    async def holds(self) -> list[RetentionHold]:
        """Return what is held, of all logs of the ledger."""
        async with self._listing:
            question = await asyncio.to_thread(_holds)
            answer = query_apart.answer(self._ledger.place, question, self._limits)
            try:
                found = b"".join([piece async for piece in answer])
            except LedgerError as error:
                raise refusal(error) from error
        rows = await asyncio.to_thread(query_apart.rows, found)
        return [RetentionHold(*row) for row in rows]

    def _held(self, system: str) -> list[str]:
        """Return the logs that hold a system; from a thread."""
        from ombud_ledger import pruning

        return pruning.held_systems(self._ledger.place).get(system, [])


def _holds() -> query_apart.Question:
    from ombud_ledger import pruning

    return query_apart.Question(pruning.HOLDS)


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > MOST_REASON:
        raise Invalid(
            "HOLD_REASON", f"reason has {len(reason)} characters, expected why, in 1 to {MOST_REASON}"
        )
