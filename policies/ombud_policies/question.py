# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The words of a decision: what is asked, and what policy said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["allow", "deny", "review"]
Capture: TypeAlias = Literal["none", "digest", "features", "full"]
CAPTURES: tuple[Capture, ...] = get_args(Capture)
"""Strictest first."""
DEFAULT_CAPTURE: Capture = "features"
"""What a permit without `@capture` lets the record keep."""

_UID = re.compile(r'([A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*)::"((?:[^"\\]|\\["\\])*)"')


@dataclass(frozen=True, slots=True)
class Uid:
    """A Cedar entity's identity, such as `Agent::"loan-intake"`."""

    type: str
    id: str

    def __str__(self) -> str:
        escaped = self.id.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.type}::"{escaped}"'

    @classmethod
    def parse(cls, text: str) -> Uid:
        """Read the form that `str()` prints; raise ValueError for any other."""
        match = _UID.fullmatch(text)
        if match is None:
            raise ValueError(f'{text!r} is not an entity: write it as Type::"id"')
        return cls(match[1], re.sub(r"\\(.)", r"\1", match[2]))


Value: TypeAlias = (
    bool | int | str | Decimal | Uid | list["Value"] | tuple["Value", ...] | Mapping[str, "Value"]
)


@dataclass(frozen=True, slots=True)
class Question:
    """May `principal` do `action` on `resource`, given `context`? An approval is `context["approval"]`."""

    principal: Uid
    action: str
    resource: Uid
    context: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policy said of a question.

    `policies` are the @ids of all determining policies, sorted: the satisfied permits of an allow, the
    satisfied forbids of a denial or review; empty on a default deny and on an error. `groups` must all
    approve before a review can pass. `capture` and `redact` say what the record may keep. `errors`
    may quote values of the context: they belong in logs, never in a record.
    """

    kind: Kind
    policies: tuple[str, ...]
    groups: tuple[str, ...]
    capture: Capture
    redact: frozenset[str]
    errors: tuple[str, ...]
    bundle: str
    entities: str

    def joined(self, earlier: Verdict) -> Verdict:
        """Return this verdict with the policies and obligations of an earlier one of the same call added."""
        if (self.policies, self.capture, self.redact) == (earlier.policies, earlier.capture, earlier.redact):
            return self
        return replace(
            self,
            policies=tuple(sorted({*self.policies, *earlier.policies})),
            capture=min(self.capture, earlier.capture, key=CAPTURES.index),
            redact=self.redact | earlier.redact,
        )
