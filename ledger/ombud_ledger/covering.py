# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How far checkpoints have come, and who waits for one to cover an entry."""

import asyncio
import threading
from typing import NamedTuple

from ombud_ledger.entry import settle
from ombud_ledger.errors import LedgerUnavailable


class _Waiter(NamedTuple):
    size: int
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[int]


class Reached:
    """A size that only grows, told from any thread and awaited in any event loop.

    Each loop is woken once for all of its waiters that a new size covers, however many they are.
    """

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._lock = threading.Lock()
        self._waiting: set[_Waiter] = set()
        self._ended: str = ""

    def tell(self, size: int) -> None:
        """Note that so many entries are covered, and wake whoever waits for no more."""
        with self._lock:
            self.size = max(self.size, size)
            covered = [each for each in self._waiting if each.size <= size]
            self._waiting.difference_update(covered)
        settle(covered, [size] * len(covered))

    def end(self, why: str) -> None:
        """Let nobody wait any longer: no further size will be reached."""
        with self._lock:
            self._ended = why
            left = list(self._waiting)
            self._waiting.clear()
        settle(left, [LedgerUnavailable(why)] * len(left))

    async def covers(self, seq: int) -> int:
        """Return a size beyond entry `seq`, once one is reached. Raises LedgerUnavailable if none will be."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(seq + 1, loop, loop.create_future())
        with self._lock:
            if self.size > seq:
                return self.size
            if self._ended:
                raise LedgerUnavailable(self._ended)
            self._waiting.add(waiter)
        try:
            return await waiter.future
        finally:  # One that stopped waiting must not be kept until a checkpoint comes: perhaps none does.
            with self._lock:
                self._waiting.discard(waiter)
