# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Decision ids: UUID version 7 (RFC 9562, section 5.7), so that ids sort by time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


class Ids:
    """Draws UUIDv7 text from a clock in microseconds UTC and a source of random bytes."""

    def __init__(
        self,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock = clock
        self._randomness = randomness

    def new(self) -> tuple[str, int]:
        """Return an id and the microseconds UTC it was drawn at.

        The twelve bits after the milliseconds carry their fraction (RFC 9562, section 6.2, method 3).
        """
        now = self._clock()
        milliseconds, fraction = divmod(now, 1_000)
        number = (
            (milliseconds & 0xFFFF_FFFF_FFFF) << 80
            | 0x7 << 76
            | (fraction * 4096 // 1000) << 64
            | 0b10 << 62
            | int.from_bytes(self._randomness(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
        )
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}", now
