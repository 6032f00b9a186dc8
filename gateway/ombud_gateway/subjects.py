# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whom calls are about: facts hold a pseudonym, which the vault ties to a person for as long as it may."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ombud_ledger import Vault

MOST_REMEMBERED = 4_096
"""People whose pseudonyms are at hand without asking the vault."""


class Pseudonyms:
    """Pseudonyms of the people that calls name. Without a vault nobody has one, and no fact tells who it was.

    One that is remembered here may have been erased by another process; the ledger takes nothing under it,
    and says so (`SubjectErased`).
    """

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault
        self._known: dict[str, str] = {}

    async def of(self, subject: str, *, afresh: bool = False) -> str:
        """Return a person's pseudonym, made where there is none; "" without a vault. Raises LedgerError."""
        if self._vault is None:
            return ""
        known = None if afresh else self._known.get(subject)
        if known is None:
            # A new one is made durable, which takes as long as the disk does: not on the event loop.
            known = await asyncio.to_thread(self._vault.pseudonym, subject)
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[subject] = known
        return known

    def forget(self, subject: str) -> None:
        """Forget a person who has been erased."""
        self._known.pop(subject, None)
