# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How a command ends when it cannot do what it was asked: one line on stderr and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Exit(IntEnum):
    """What an exit code tells the caller."""

    OK = 0
    NO = 1
    UNUSABLE = 2
    INCOMPLETE = 3


class Failure(Exception):
    """Ends a command; `message` names what was wrong, where, and what would be right."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


def no(message: str) -> Failure:
    """Make the failure of a command whose answer is no: denied, not found, rejected by its tests."""
    return Failure(message, Exit.NO)


def unusable(message: str) -> Failure:
    """Make the failure of a command whose input cannot be used or whose peer cannot be reached."""
    return Failure(message, Exit.UNUSABLE)


@contextmanager
def unusable_on(*kinds: type[Exception]) -> Iterator[None]:
    """Turn exceptions whose text already names the mistake into failures with exit code 2."""
    try:
        yield
    except kinds as error:
        raise unusable(str(error) or type(error).__name__) from error
