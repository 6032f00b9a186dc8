# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in this room, by what the caller should do about it."""

from __future__ import annotations

from dataclasses import dataclass


class PolicyError(Exception):
    """Base of every error this package raises."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a bundle: where it is, what it is, and what would be right."""

    file: str
    message: str
    line: int | None = None
    policy: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return (
            f"{place}: {self.message}" if self.policy is None else f"{place}: [{self.policy}] {self.message}"
        )


class BundleInvalid(PolicyError):
    """The bundle must be corrected; `problems` lists everything found, ordered by file and line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(
            sorted(problems, key=lambda p: (p.file, p.line or 0, p.policy or "", p.message))
        )
        super().__init__("\n".join(map(str, self.problems)))


class DraftInvalid(PolicyError):
    """A feature named for a drafted schema has no such Cedar type, or a name that Cedar cannot carry."""


class ContextInvalid(PolicyError):
    """A question's context does not fit the schema; the engine turns it into a denial."""
