# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is remembered for a while: bounded in time and number, and forgotten on demand."""

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

_MOST: Final = 65_536

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key, each for so many microseconds at most."""

    def __init__(self, clock: Callable[[], int], microseconds: int) -> None:
        self._clock = clock
        self._microseconds = microseconds
        self._values: dict[Key, tuple[Value, int]] = {}

    def get(self, key: Key) -> Value | None:
        """Return the value, None if it was not put or too long ago."""
        found = self._values.get(key)
        # A clock set back must not lengthen a memory.
        if found is None or not 0 <= self._clock() - found[1] < self._microseconds:
            return None
        return found[0]

    def put(self, key: Key, value: Value) -> Value:
        """Remember the value and return it."""
        if len(self._values) >= _MOST:
            self._values.clear()
        self._values[key] = (value, self._clock())
        return value

    def forget(self, key: Key) -> None:
        """Forget one."""
        self._values.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._values.clear()
