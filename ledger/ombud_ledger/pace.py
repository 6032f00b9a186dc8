# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""When the entries that an event loop has made go to the writer together, to share a commit and its fsync."""

import asyncio
from typing import Final, Protocol

_WORTH_A_COMMIT: Final = 8


class Hands(Protocol):
    """What the pace needs of the writer."""

    idle: bool

    @property
    def quick(self) -> bool:
        """Whether commits take little, whatever their size."""

    @property
    def held(self) -> int:
        """Entries held back."""

    def release(self) -> None:
        """Take what is held back."""


class Pace:
    """Hands over at the end of the loop's turn, or later where the callers say that more will come.

    Sooner where an idle writer can commit some while the loop makes the rest: in lockstep, with all callers
    in one batch, one of the two would always wait. Not so on a slow disk, where the number of commits is all
    that counts. Whatever this does wrong, an entry is committed a little
    sooner or later: it decides nothing else.
    """

    def __init__(self, writer: Hands) -> None:
        self._writer = writer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.Handle | None = None
        self._lingering = False

    def admitted(self, loop: asyncio.AbstractEventLoop, linger: float, company: int) -> None:
        """Note an entry that may linger so many seconds, or until it is one of `company` that are held."""
        held = self._writer.held
        waits = linger > 0 and held < company
        if not waits and held >= _WORTH_A_COMMIT and self._writer.idle and self._writer.quick:
            self._writer.release()
            return
        if self._due is not None and self._loop is loop:
            if waits or not self._lingering:
                return
            self._due.cancel()
        self._loop, self._lingering = loop, waits
        self._due = loop.call_later(linger, self._now) if waits else loop.call_soon(self._now)

    def _now(self) -> None:
        self._due = None
        self._writer.release()
