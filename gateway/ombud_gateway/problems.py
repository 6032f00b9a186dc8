# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a file that an operator wrote: all at once, each place with what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

_LONGEST_VALUE = 60
# Fields whose value may hold a password and is not shown.
_SECRET = ("database",)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: file, field (dotted, [n]), the value there if it can be shown, and what was expected."""

    file: str
    field: str
    value: str
    expected: str

    def __str__(self) -> str:
        found = f" is {self.value}" if self.value else ""
        field = f" {self.field}" if self.field else ""
        about = f"{field}{found}"
        return f"{self.file}:{about}: {self.expected}" if about else f"{self.file}: {self.expected}"


class ConfigInvalid(Exception):
    """Files that cannot be used as they are, with every problem found in them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def problems_of(file: Path | str, error: ValidationError) -> tuple[Problem, ...]:
    """Translate what pydantic found."""
    errors = error.errors()
    return tuple(
        Problem(str(file), _dotted(found["loc"]), _shown(found), _expected(found))
        for found in errors
        if not _follows(found, errors)
    )


def _follows(found: Any, errors: Iterable[Any]) -> bool:
    """A list that is too short only because its items were refused is no mistake of its own."""
    place = found["loc"]
    return found["type"] == "too_short" and any(
        other["loc"] != place and other["loc"][: len(place)] == place for other in errors
    )


def _dotted(location: tuple[int | str, ...]) -> str:
    dotted = ""
    for step in location:
        dotted += f"[{step}]" if isinstance(step, int) else f".{step}" if dotted else step
    return dotted


def _shown(found: Any) -> str:
    value = found["input"]
    absent = found["type"] == "missing" or (value is None and found["type"] == "value_error")
    if absent or found["loc"][-1:] in {(name,) for name in _SECRET}:
        return ""
    if isinstance(value, dict | list | tuple) or not isinstance(value, str | int | float | bool | None):
        return ""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _expected(found: Any) -> str:
    if found["type"] == "missing":
        return "must be given"
    if found["type"] == "extra_forbidden":
        return "is not a known key"
    message: str = found["msg"]
    message = message.removeprefix("Value error, ").removeprefix("Input should be ")
    if message == found["msg"] or found["msg"].startswith("Value error"):
        return message
    return f"must be {message}"
