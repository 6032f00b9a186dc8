# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What people declare of a system for the EU AI Act: the `ai_act` of its file, kept in the ledger with it.

Nothing here is judged. Whoever signs says so by name and date; reports print it beside what the ledger shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1, max_length=4_000)]
Short = Annotated[str, Field(min_length=1, max_length=200)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
AnnexIII = Literal[
    "1(a)",
    "1(b)",
    "1(c)",
    "2",
    "3(a)",
    "3(b)",
    "3(c)",
    "3(d)",
    "4(a)",
    "4(b)",
    "5(a)",
    "5(b)",
    "5(c)",
    "5(d)",
    "6(a)",
    "6(b)",
    "6(c)",
    "6(d)",
    "6(e)",
    "7(a)",
    "7(b)",
    "7(c)",
    "7(d)",
    "8(a)",
    "8(b)",
]
Trait = Literal[
    "talks_to_people",
    "generates_content",
    "deep_fakes",
    "public_interest_text",
    "emotion_or_biometric",
    "decides_on_people",
    "personal_data",
    "special_categories",
    "workplace",
    "public_service",
    "public_body",
    "post_remote_identification",
    "trained_on_data",
    "general_purpose_model",
]
"""What duties hang on beside the classification."""
_PARAGRAPH = re.compile(r"(GDPR )?[0-9]{1,3}[a-z]?(\([0-9a-z]{1,4}\)){0,4}")
_ANNEX_IV = re.compile(r"[1-9](\([a-h]\))?")


def _day(value: object) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("must be a date, such as 2026-11-25")


def _paragraph(text: str) -> str:
    if not _PARAGRAPH.fullmatch(text):
        raise ValueError("must be a paragraph, such as 26(2), 5(1)(f) or GDPR 30(1)")
    return text


Day = Annotated[date, BeforeValidator(_day)]
Paragraph = Annotated[str, AfterValidator(_paragraph)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Signed(_Section):
    """Who says so, in which function, and since when."""

    by: Short
    function: Short
    signed: Day


class Classification(Signed):
    """Whether the system is high-risk (Article 6), as a person concluded."""

    conclusion: Literal["high_risk", "not_high_risk"]
    annex_iii: AnnexIII | None = None
    annex_i: Text | None = None
    reason: Text

    @model_validator(mode="after")
    def _by_which_route(self) -> Self:
        if self.conclusion == "high_risk" and (self.annex_iii is None) == (self.annex_i is None):
            raise ValueError("give annex_iii, a point such as 5(b), or annex_i, the product law; one of them")
        return self


class Screening(Signed):
    """What looking for prohibited practices (Article 5) gave."""

    result: Literal["none_found", "found"]
    reason: Text


class Oversight(_Section):
    """Whom the deployer assigned to oversee (Articles 14 and 26(2)): a role, and who holds it."""

    role: Short
    who: Annotated[tuple[Short, ...], Field(strict=False, min_length=1, max_length=256)]
    group: Short | None = None
    competence: Text
    authority: Text


class Instructions(_Section):
    """The instructions for use (Article 13) that are followed."""

    link: Short
    version: Short
    digest: Digest | None = None


class Notice(_Section):
    """What people are told (Articles 26(7), 26(11) and 50), and where."""

    paragraph: Paragraph
    text: Text
    channel: Short
    since: Day


class Fria(Signed):
    """The fundamental rights impact assessment: answers to Article 27(1)(a) to (f)."""

    processes: Text
    period_and_frequency: Text
    people_affected: Text
    risks: Text
    oversight: Text
    measures: Text
    notified_on: Day | None = None


class Declaration(Signed):
    """One statement on one paragraph, perhaps with the SHA-256 of the document that it rests on."""

    paragraph: Paragraph
    statement: Text
    document: Digest | None = None


def _points(texts: dict[str, str]) -> dict[str, str]:
    for point in texts:
        if not _ANNEX_IV.fullmatch(point):
            raise ValueError(f"{point!r} must be a point of Annex IV, such as 2(d)")
    return texts


class AiActSpec(_Section):
    """The `ai_act` of a system file as written. `note` is printed first, as it stands."""

    note: Text | None = None
    roles: Annotated[
        tuple[Literal["provider", "deployer"], ...], Field(strict=False, min_length=1, max_length=2)
    ]
    provider: Text | None = None
    deployer: Text | None = None
    intended_purpose: Text | None = None
    placed_on_market: Day | None = None
    registration: Short | None = None
    classification: Classification | None = None
    traits: Annotated[tuple[Trait, ...], Field(strict=False, max_length=32)] = ()
    prohibited_practices: Screening | None = None
    oversight: Annotated[tuple[Oversight, ...], Field(strict=False, max_length=64)] = ()
    instructions: Instructions | None = None
    notices: Annotated[tuple[Notice, ...], Field(strict=False, max_length=64)] = ()
    fria: Fria | None = None
    annex_iv: Annotated[dict[str, Text], Field(max_length=64), AfterValidator(_points)] = {}
    declarations: Annotated[tuple[Declaration, ...], Field(strict=False, max_length=256)] = ()


def disagreements(spec: AiActSpec, *, risk: str) -> Iterator[tuple[str, str, str]]:
    """Yield (field, value, what was expected) where the section does not agree with the file's `risk`."""
    found = spec.classification
    if found is not None and (found.conclusion == "high_risk") != (risk == "high"):
        yield (
            "ai_act.classification.conclusion",
            found.conclusion,
            f"must agree with risk, which is {risk}: high_risk goes with high, and nothing else does",
        )
    if len(set(spec.roles)) < len(spec.roles):
        yield "ai_act.roles", ", ".join(spec.roles), "must not name a role twice"
