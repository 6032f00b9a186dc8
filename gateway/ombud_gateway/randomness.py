# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Random bytes from the operating system, fetched a page at a time.

A call needs 8 bytes for its id and 32 for the salt of its facts. Each `os.urandom` lets go of the interpreter
lock, and under load taking it back costs far more than the bytes do.
"""

from __future__ import annotations

import os
import threading

_PAGE = 4096


class Randomness:
    """Hands out bytes of `os.urandom`, each once; may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._page = b""
        self._used = 0

    def __call__(self, count: int) -> bytes:
        """Return `count` fresh random bytes."""
        if count > _PAGE:
            return os.urandom(count)
        with self._lock:
            end = self._used + count
            if end > len(self._page):
                self._page, self._used, end = os.urandom(_PAGE), 0, count
            taken = self._page[self._used : end]
            self._used = end
        return taken
