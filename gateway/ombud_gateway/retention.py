# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How long a system's records are kept, as its file declares it. There is no default: somebody decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ombud_ledger import retention

Text = Annotated[str, Field(min_length=1, max_length=2_000)]
WHAT_TO_WRITE = (
    "must be given, for there is no default; write how long and why, as in "
    'retention: {entries: {period: 10y, reason: "..."}, facts: {period: 24m, reason: "..."}, '
    'payloads: {period: 90d, reason: "..."}}'
)
_FLOOR = (
    "must be at least 6m with risk: high: the logs of high-risk systems are kept at least six months (EU AI "
    "Act, Article 19(1) for providers, Article 26(6) for deployers), unless other law, data protection in "
    "particular, provides otherwise; where it does, name it in retention.overriding_legal_ground"
)


def _period(text: object) -> object:
    if isinstance(text, str):
        return retention.parse_period(text)
    raise ValueError(f"must be {retention.SPELLING}")


class Kept(BaseModel):
    """How long, and why so long."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    period: Annotated[retention.Period, BeforeValidator(_period)]
    reason: Text


class RetentionSpec(BaseModel):
    """The `retention` of a system file as written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    entries: Kept
    facts: Kept
    payloads: Kept
    overriding_legal_ground: Text | None = None

    def periods(self) -> dict[str, str]:
        """Return each part's period as it is spelled: what the ledger's `system` entry declares."""
        return {part: str(self.of(part).period) for part in retention.PARTS}

    def of(self, part: str) -> Kept:
        """Return what is declared of `entries`, `facts` or `payloads`."""
        kept: Kept = getattr(self, part)
        return kept


def _given(content: object) -> object:
    if content is None:
        raise ValueError(WHAT_TO_WRITE)
    return content


Declared = Annotated[RetentionSpec, BeforeValidator(_given), Field(default=None, validate_default=True)]
"""A field that is there, or is refused with what to write."""


def conflicts(spec: RetentionSpec, *, risk: str) -> Iterator[tuple[str, str, str]]:
    """Yield (field, value, what was expected) for periods that law or the ledger does not allow."""
    entries = spec.entries.period
    # A log is what was decided, and on what: a record without its facts tells nobody which answer was wrong.
    for part in ("entries", "facts") if risk == "high" and spec.overriding_legal_ground is None else ():
        period = spec.of(part).period
        if retention.outlives(retention.SIX_MONTHS, period):
            yield f"retention.{part}.period", str(period), _FLOOR
    for part, why in (
        ("facts", "facts whose entry is gone cannot be tied to a call, or checked, any more"),
        ("payloads", "a payload whose entry is gone cannot be tied to a call, or checked, any more"),
    ):
        period = spec.of(part).period
        if retention.outlives(period, entries):
            expected = f"must not outlive entries, {entries}: {why}"
            yield f"retention.{part}.period", str(period), expected
