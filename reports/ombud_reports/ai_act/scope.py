# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a line of the catalogue is for a system at all, going by what people declared of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ombud_reports.ai_act.catalogue import Line
from ombud_reports.ai_act.declared import Declared

_NOTICES: Final = (
    "talks_to_people",
    "generates_content",
    "emotion_or_biometric",
    "deep_fakes",
    "public_interest_text",
)


@dataclass(frozen=True, slots=True)
class Facing:
    """What is known of a system: its declarations, and the `risk`, `owner` and `purpose` of its file."""

    declared: Declared
    risk: str = ""
    owner: str = ""
    purpose: str = ""

    @property
    def high_risk(self) -> bool:
        """Whether it counts as high-risk; one that nobody classified and whose risk is unknown does."""
        if self.declared.conclusion:
            return self.declared.conclusion == "high_risk"
        return self.risk in {"", "high"}

    @property
    def decided_by(self) -> str:
        """Who decided on the classification, as far as anybody did."""
        signed = self.declared.signed("classification")
        if signed is not None:
            return f"classified by {signed}"
        return (
            f"risk is {self.risk or 'not given'} in the system file of {self.owner or 'no owner'}; unsigned"
        )


def not_for(line: Line, facing: Facing) -> str:
    """Return why a line is not for the system, and who decided so; empty where it is."""
    if line.bound == ("commission",):
        return "binds the Commission"
    roles = facing.declared.roles
    if roles and "controller" not in line.bound and not set(roles) & set(line.bound):
        return f"binds the {' and the '.join(line.bound)}; declared role: {', '.join(roles)}"
    of_high_risk = line.applies in {"high_risk", "follows"} and line.scope not in {"any", "not_high_risk"}
    if of_high_risk and not facing.high_risk:
        return f"not high-risk: {facing.decided_by}"
    return SCOPES[line.scope](facing) if line.scope in SCOPES else _trait(line.scope, facing)


def _trait(trait: str, facing: Facing) -> str:
    # Of a system that nobody declared anything of, nothing can be ruled out.
    if not trait or not facing.declared or facing.declared.has(trait):
        return ""
    return f"the trait {trait} is not declared; {facing.decided_by}"


def _only(point: str, facing: Facing) -> str:
    if facing.declared.annex_iii == point or not facing.declared.conclusion:
        return ""
    found = facing.declared.annex_iii or facing.declared.text("classification", "annex_i")
    return f"only for Annex III {point}; this system: {found}; {facing.decided_by}"


def _not_point_2(facing: Facing) -> str:
    if facing.declared.annex_iii == "2" or facing.declared.by_annex_i:
        return f"only for Annex III, and not for its point 2; {facing.decided_by}"
    return ""


def _fria(facing: Facing) -> str:
    declared = facing.declared
    if why := _not_point_2(facing):
        return why
    public = declared.has("public_body") or declared.has("public_service")
    if declared.annex_iii in {"5(b)", "5(c)", ""} or public:
        return ""
    return f"for public bodies, public services and points 5(b), 5(c) alone; {facing.decided_by}"


def _not_high_risk(facing: Facing) -> str:
    if facing.high_risk:
        return f"only for a system concluded not to be high-risk; {facing.decided_by}"
    return ""


def _any_notice(facing: Facing) -> str:
    if not facing.declared or any(facing.declared.has(trait) for trait in _NOTICES):
        return ""
    return f"no trait that Article 50 asks a notice for is declared; {facing.decided_by}"


def _always(_: Facing) -> str:
    return ""


SCOPES: Final[Mapping[str, Callable[[Facing], str]]] = MappingProxyType(
    {
        "any": _always,
        "high_risk": _always,  # asked above
        "not_high_risk": _not_high_risk,
        "annex_iii:1(a)": lambda facing: _only("1(a)", facing),
        "annex_iii:2": lambda facing: _only("2", facing),
        "annex_iii_not_2": _not_point_2,
        "fria": _fria,
        "any_notice": _any_notice,
    }
)
"""Scopes that are more than one trait."""
