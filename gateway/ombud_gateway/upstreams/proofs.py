# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger published, for control calls: read in a thread, every failure a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ombud_gateway.errors import Broken, NotFound, Unavailable
from ombud_ledger import Ledger, LedgerUnreadable, NotProven, transparency

T = TypeVar("T")


class Consistency(NamedTuple):
    """A consistency proof up to `new_size`, and the newest checkpoint."""

    new_size: int
    hashes: list[bytes]
    checkpoint: bytes


class Proofs:
    """Checkpoint, receipts and consistency proofs of this gateway's log. Raises Refusal."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint."""
        return await self._ask(lambda published: published.checkpoint().note.to_bytes())

    async def receipt(self, entry: int) -> bytes:
        """Return the receipt of an entry."""
        return await self._ask(lambda published: published.receipt(entry).to_bytes())

    async def consistency(self, old: int, new: int) -> Consistency:
        """Prove the tree of size `new`, or the newest for 0, to begin with that of `old`."""

        def prove(published: transparency.Published) -> Consistency:
            signed = published.checkpoint()
            size = new or signed.checkpoint.size
            return Consistency(size, published.consistency(old, size), signed.note.to_bytes())

        return await self._ask(prove)

    async def _ask(self, question: Callable[[transparency.Published], T]) -> T:
        ledger = self._ledger
        if not ledger.signed:
            raise NotFound("UNSIGNED", "this gateway's ledger is not signed: it has no checkpoints")
        try:
            published = transparency.published(ledger.place, ledger.log)
            return await asyncio.to_thread(question, published)
        except transparency.NotCovered as error:
            raise NotFound("NOT_COVERED", f"{error}; ask again in a second") from error
        except LedgerUnreadable as error:
            raise Unavailable("TREE_UNAVAILABLE", "the published tree cannot be read") from error
        except NotProven as error:
            raise Broken("TREE_BROKEN", "the published tree does not hold") from error
