# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""When the entries that an event loop has made go to the writer together, to share a commit and its fsync."""

import asyncio
from collections.abc import Callable


class Pace:
    """Hands over at the end of the loop's turn, or later where the callers say that more will come.

    `held` counts the entries held back, `hand_over` gives them to the writer. Whatever this does wrong, an
    entry is committed a little sooner or later: it decides nothing else.
    """

    def __init__(self, held: Callable[[], int], hand_over: Callable[[], None]) -> None:
        self._held = held
        self._hand_over = hand_over
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.Handle | None = None
        self._lingering = False

    def admitted(self, loop: asyncio.AbstractEventLoop, linger: float, company: int) -> None:
        """Note an entry that may linger so many seconds, or until it is one of `company` that are held."""
        waits = linger > 0 and self._held() < company
        if self._due is not None and self._loop is loop:
            if waits or not self._lingering:
                return
            self._due.cancel()
        self._loop, self._lingering = loop, waits
        self._due = loop.call_later(linger, self._now) if waits else loop.call_soon(self._now)

    def _now(self) -> None:
        self._due = None
        self._hand_over()
