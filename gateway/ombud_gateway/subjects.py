# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whom calls are about: facts hold a pseudonym, which the vault ties to a person for as long as it may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ombud_ledger import RecordInvalid

if TYPE_CHECKING:
    from ombud_ledger import Vault

MOST_REMEMBERED = 4_096
"""People whose pseudonyms are at hand without asking the vault."""
FRESH_SECONDS = 0.5
"""How long one is at hand: well below what an erasure by another process waits for this one to look again."""


class Pseudonyms:
    """Pseudonyms of the people that calls name. Without a vault nobody has one, and no fact tells who it was.

    One that is remembered here may have been erased a moment ago; the ledger takes nothing under it, and says
    so (`SubjectErased`). What several calls ask for meanwhile the vault is asked in one round, so that people
    it meets for the first time share a commit.
    """

    def __init__(self, vault: Vault | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._vault = vault
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}
        self._asked: dict[str, asyncio.Future[str]] = {}
        self._under_way: dict[str, asyncio.Future[str]] = {}
        self._rounds: asyncio.Task[None] | None = None

    def expect(self, subject: str) -> None:
        """Begin to find a person's pseudonym, or to make one, so that `of` has it sooner."""
        if self._vault is not None and self._at_hand(subject) is None:
            self._ask(self._vault, subject, afresh=False)

    async def of(self, subject: str, *, afresh: bool = False) -> str:
        """Return a person's pseudonym, made where there is none; "" without a vault. Raises LedgerError."""
        if self._vault is None:
            return ""
        known = None if afresh else self._at_hand(subject)
        if known is not None:
            return known
        # Whoever leaves does not take along what others wait for.
        return await asyncio.shield(self._ask(self._vault, subject, afresh=afresh))

    def forget(self, subject: str) -> None:
        """Forget a person who has been erased."""
        self._known.pop(subject, None)

    def _at_hand(self, subject: str) -> str | None:
        known = self._known.get(subject)
        return known[0] if known is not None and self._clock() - known[1] < FRESH_SECONDS else None

    def _ask(self, vault: Vault, subject: str, *, afresh: bool) -> asyncio.Future[str]:
        # A round that has begun may have looked before the person was erased.
        future = None if afresh else self._under_way.get(subject)
        future = future or self._asked.get(subject)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._asked[subject] = loop.create_future()
            future.add_done_callback(_told)
            if self._rounds is None:
                self._rounds = loop.create_task(self._work(vault))
        return future

    async def _work(self, vault: Vault) -> None:
        try:
            while self._asked:
                self._under_way, self._asked = self._asked, {}
                await self._round(vault, self._under_way)
        finally:
            self._under_way, self._rounds = {}, None

    async def _round(self, vault: Vault, waiting: Mapping[str, asyncio.Future[str]]) -> None:
        # A new one is made durable, which takes as long as the disk does: not on the event loop.
        asked = self._clock()
        try:
            found = await asyncio.to_thread(vault.pseudonyms, list(waiting))
        except Exception as error:
            if isinstance(error, RecordInvalid) and len(waiting) > 1:
                # One that cannot be an identifier fails by itself, and nobody else with it.
                for subject, future in waiting.items():
                    await self._round(vault, {subject: future})
                return
            for future in waiting.values():
                future.set_exception(error)
            return
        if len(self._known) + len(found) > MOST_REMEMBERED:
            self._known.clear()
        for subject, pseudonym in found.items():
            self._known[subject] = pseudonym, asked
            waiting[subject].set_result(pseudonym)


def _told(future: asyncio.Future[str]) -> None:
    """Take note of a failure: a call that expected the pseudonym may end without asking for it."""
    if not future.cancelled():
        future.exception()
