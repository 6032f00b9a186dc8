# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Appends whose payload is large: encrypted and hashed in threads, a few at a time, not on the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ombud_ledger.errors import LedgerClosed

LARGE: Final = 64 * 1024
"""Bytes of payload from which on handing it to a thread (0.1 ms) holds the loop up less than sealing it."""
_AT_ONCE: Final = 2
"""Each holds its payload in memory twice more."""


class Aside:
    """Admits large appends from threads of its own."""

    def __init__(self, log: str) -> None:
        self._log = log
        self._threads = ThreadPoolExecutor(_AT_ONCE, f"ledger-payloads-{log}")

    def admit(
        self, loop: asyncio.AbstractEventLoop, admit: Callable[[], None], then: Callable[[], None]
    ) -> "asyncio.Future[None]":
        """Call `admit` in a thread, and `then` on the loop once it is done. Raises LedgerClosed."""
        try:
            admitted = loop.run_in_executor(self._threads, admit)
        except RuntimeError as error:
            raise LedgerClosed(f"log {self._log} is closed") from error

        def done(future: "asyncio.Future[None]") -> None:
            if not future.cancelled() and future.exception() is None:
                then()

        admitted.add_done_callback(done)
        return admitted

    def close(self) -> None:
        """Take no more, and return once those that are under way are admitted."""
        self._threads.shutdown()
