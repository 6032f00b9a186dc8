# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Bounded concurrency: so many calls in flight, so many waiting, the rest refused at once."""

from __future__ import annotations

import asyncio
from types import TracebackType

from ombud_gateway.errors import Overloaded


class Admission:
    """An async context manager around one call; raises `Overloaded` when flight and queue are full."""

    def __init__(self, in_flight: int, queue: int) -> None:
        self._slots = asyncio.Semaphore(in_flight)
        self._room = queue
        self.waiting = 0
        self.active = 0

    async def __aenter__(self) -> None:
        if self._slots.locked():
            if self.waiting >= self._room:
                raise Overloaded("OVERLOADED", "the gateway is at its limit of calls in flight and waiting")
            self.waiting += 1
            try:
                await self._slots.acquire()
            finally:
                self.waiting -= 1
        else:
            await self._slots.acquire()
        self.active += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.active -= 1
        self._slots.release()
