# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Long work on the ledger: one piece of it at a time, in a thread of its own, to its end whoever leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from ombud_gateway.errors import Broken, NotOffered, Refusal, Unavailable
from ombud_ledger import KeyUnusable, LedgerBroken, LedgerError

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Alone:
    """One piece of work at a time: a thread cannot be stopped, and those of who left must not pile up.

    `busy` is what others are told meanwhile. The thread is none that the gateway's other work waits for.
    """

    def __init__(self, busy: str = "the ledger is being pruned or exported") -> None:
        self._busy = busy
        self._thread = ThreadPoolExecutor(1, "ombud-alone")
        self._under_way: asyncio.Future[Any] | None = None

    def begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin a piece of work in a thread. Raises `Unavailable` while another is under way."""
        if self._under_way is not None and not self._under_way.done():
            raise Unavailable("LEDGER_BUSY", f"{self._busy}: try again later")
        task = asyncio.get_running_loop().run_in_executor(self._thread, copy_context().run, work)
        task.add_done_callback(_told)
        self._under_way = task
        return task

    async def do(self, work: Callable[[], T]) -> T:
        """Do it and return what it returns; raise `Refusal`, as `refusal` says."""
        return await ended(self.begin(work))


async def ended(task: asyncio.Future[T]) -> T:
    """Wait for work that `begin` has begun; its caller may leave. Raises `Refusal`."""
    try:
        return await asyncio.shield(task)
    except LedgerError as error:
        raise refusal(error) from error


def refusal(error: LedgerError) -> Refusal:
    """Return what a caller is told of an error of the ledger; the log has the detail."""
    _LOG.warning("work on the ledger failed: %s", error)
    if isinstance(error, KeyUnusable):
        return NotOffered("KEYLESS", "the log is signed, and this gateway has not its key")
    if isinstance(error, LedgerBroken):
        return Broken("LEDGER_BROKEN", "what is stored is not what was sealed: `ombud ledger verify`")
    return Unavailable("LEDGER_UNREADABLE", "the ledger cannot do that now: nothing is lost, ask again")


def _told(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # whoever waits is told; nobody may be waiting any more
