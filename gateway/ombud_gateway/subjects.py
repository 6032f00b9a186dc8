# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whom calls are about: facts hold a pseudonym, which the vault ties to a person for as long as it may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ombud_ledger import Vault

MOST_REMEMBERED = 4_096
"""People whose pseudonyms are at hand without asking the vault."""
FRESH_SECONDS = 0.5
"""How long one is at hand: well below what an erasure by another process waits for this one to look again."""


class Pseudonyms:
    """Pseudonyms of the people that calls name. Without a vault nobody has one, and no fact tells who it was.

    One that is remembered here may have been erased a moment ago; the ledger takes nothing under it, and says
    so (`SubjectErased`).
    """

    def __init__(self, vault: Vault | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._vault = vault
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}

    async def of(self, subject: str, *, afresh: bool = False) -> str:
        """Return a person's pseudonym, made where there is none; "" without a vault. Raises LedgerError."""
        if self._vault is None:
            return ""
        known = self._known.get(subject)
        if known is not None and not afresh and self._clock() - known[1] < FRESH_SECONDS:
            return known[0]
        # A new one is made durable, which takes as long as the disk does: not on the event loop.
        asked = self._clock()
        found = await asyncio.to_thread(self._vault.pseudonym, subject)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[subject] = found, asked
        return found

    def forget(self, subject: str) -> None:
        """Forget a person who has been erased."""
        self._known.pop(subject, None)
