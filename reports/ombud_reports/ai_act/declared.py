# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What people declared of a system: the `ai_act` of its file, as the ledger keeps it.

The gateway refused a file that was not of its form, but whoever holds a ledger can have put any object in it:
what is not of the form is left out here, and counts as not declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Signed:
    """Who said so, in which function, and on which day."""

    by: str
    function: str
    on: str

    def __str__(self) -> str:
        return f"{self.by}, {self.function}, {self.on}"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A statement about one paragraph; `document` is the SHA-256 of what it rests on, or empty."""

    paragraph: str
    statement: str
    signed: Signed | None
    document: str = ""


class Declared:
    """One system's `ai_act`, read with care. Made of {} it has declared nothing."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def __bool__(self) -> bool:
        return bool(self._content)

    def text(self, *path: str) -> str:
        """Return a text, or an empty one."""
        return _text(self._at(*path))

    def texts(self, *path: str) -> tuple[str, ...]:
        """Return a list of texts, those that are."""
        found = self._at(*path)
        return tuple(text for each in found if (text := _text(each))) if isinstance(found, list) else ()

    def day(self, *path: str) -> date | None:
        """Return a date, or None."""
        try:
            return date.fromisoformat(self.text(*path))
        except ValueError:
            return None

    def items(self, key: str) -> Iterator[Declared]:
        """Yield the tables of a list."""
        found = self._at(key)
        for each in found if isinstance(found, list) else ():
            if isinstance(each, dict):
                yield Declared(each)

    def table(self, key: str) -> dict[str, str]:
        """Return the texts of a table, by key."""
        found = self._at(key)
        if not isinstance(found, dict):
            return {}
        return {str(name): text for name, each in found.items() if (text := _text(each))}

    def signed(self, *path: str) -> Signed | None:
        """Return who signed a section; None unless name, function and date are all there."""
        parts = [self.text(*path, key) for key in ("by", "function", "signed")]
        return Signed(*parts) if all(parts) else None

    @property
    def roles(self) -> tuple[str, ...]:
        """Our roles; empty if none is declared."""
        return tuple(role for role in self.texts("roles") if role in {"provider", "deployer"})

    @property
    def annex_iii(self) -> str:
        """Point of Annex III, or empty."""
        return self.text("classification", "annex_iii")

    @property
    def by_annex_i(self) -> bool:
        """Whether the system is high-risk as a product of Annex I."""
        return bool(self.text("classification", "annex_i"))

    @property
    def conclusion(self) -> str:
        """`high_risk`, `not_high_risk`, or empty where nobody classified it."""
        found = self.text("classification", "conclusion")
        return found if found in {"high_risk", "not_high_risk"} else ""

    def has(self, trait: str) -> bool:
        """Whether the system has a trait that duties hang on."""
        return trait in self.texts("traits")

    def declarations(self, paragraph: str) -> tuple[Declaration, ...]:
        """Return the statements about exactly one paragraph."""
        return tuple(
            Declaration(paragraph, each.text("statement"), each.signed(), each.text("document"))
            for each in self.items("declarations")
            if each.text("paragraph") == paragraph and each.text("statement")
        )

    def _at(self, *path: str) -> Any:
        found: Any = self._content
        for key in path:
            found = found.get(key) if isinstance(found, dict | Mapping) else None
        return found


def _text(value: Any) -> str:
    if isinstance(value, str | int | date) and not isinstance(value, bool):
        return str(value)[:LONGEST]
    return ""
