# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Stops a statement that runs for too long, from a thread of its own."""

import threading
from collections.abc import Callable


class Watchdog:
    """Calls `stop`, and again every second, from `seconds` after `start` until `rest`."""

    def __init__(self, stop: Callable[[], None], seconds: float | None) -> None:
        self._stop = stop
        self._seconds = seconds
        self._rests = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to count anew."""
        self.rest()
        if self._seconds is not None:
            self._rests = threading.Event()
            self._thread = threading.Thread(
                target=self._watch, args=(self._rests, self._seconds), name="query-watchdog", daemon=True
            )
            self._thread.start()

    def rest(self) -> None:
        """Stop counting; after this `stop` is not called."""
        self._rests.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self, rests: threading.Event, seconds: float) -> None:
        # Again and again: what is asked between two steps of a statement would be forgotten.
        wait = seconds
        while not rests.wait(wait):
            self._stop()
            wait = 1.0
