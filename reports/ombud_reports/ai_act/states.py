# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The state of each duty: what was found, what was declared, what is missing, and whether it applies yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ombud_reports.ai_act.catalogue import Catalogue, Line
from ombud_reports.ai_act.declared import Declaration, Declared
from ombud_reports.ai_act.scope import Facing, not_for

State = Literal[
    "evidenced", "declared", "partly evidenced", "missing", "not applicable", "not yet applicable"
]
STATES: tuple[State, ...] = (
    "evidenced",
    "partly evidenced",
    "declared",
    "missing",
    "not yet applicable",
    "not applicable",
)
"""In the order of summaries."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """A line, its state, and why.

    `found` is the state without regard to the date. What a complete answer would need besides: `absent`, the
    measures that found nothing, and `lacking`, what a person has to do.
    """

    line: Line
    state: State
    found: State
    applies: date
    why: str
    declarations: tuple[Declaration, ...]
    absent: tuple[str, ...]
    lacking: str


def assess(
    line: Line, facing: Facing, catalogue: Catalogue, *, present: Mapping[str, bool], on: date
) -> Assessed:
    """Say what state a duty is in on a day, given which measures of the ledger found something."""
    declared = facing.declared
    start = catalogue.dates[line.applies]
    applies = start.of(annex_i=declared.by_annex_i, on_market=declared.day("placed_on_market"))
    # 1. Not for this system: says why, and who decided.
    if why := not_for(line, facing):
        return Assessed(line, "not applicable", "not applicable", applies, why, (), (), "")
    # 2. What is there, and what is not.
    said = statements(line, facing)
    signed = any(each.signed is not None for each in said)
    absent = tuple(name for name in line.evidence if not present[name])
    lacking = ""
    if line.declare and not said:
        lacking = f"a person's declaration: {line.declare[0].lower()}{line.declare[1:]}"
    elif said and not signed:
        lacking = "a signature: the system file says it, and nobody signed it"
    some = len(absent) < len(line.evidence)
    found = _found(some, said, signed, complete=not absent and not lacking)
    # 3. Its date has come, or it has not.
    state: State = "not yet applicable" if applies > on else found
    return Assessed(line, state, found, applies, "", said, absent, lacking)


def _found(some: bool, said: tuple[Declaration, ...], signed: bool, *, complete: bool) -> State:
    if some:
        return "evidenced" if complete else "partly evidenced"
    if signed:
        return "declared"
    return "partly evidenced" if said else "missing"


def statements(line: Line, facing: Facing) -> tuple[Declaration, ...]:
    """Return what people said of a line: in a section of the system file, and in declarations."""
    declared = facing.declared
    section = _in_section(line, facing)
    return (*section, *declared.declarations(line.paragraph))


def _in_section(line: Line, facing: Facing) -> tuple[Declaration, ...]:
    declared, name = facing.declared, line.section
    if not name:
        return ()
    if name == "classification":
        return _classified(line, declared)
    if name == "prohibited_practices":
        found = declared.text(name, "result").replace("_", " ")
        said = f"Screening: {found}. {declared.text(name, 'reason')}" if found else ""
        return _one(line, said, declared, name)
    if name in {"fria", "fria_notified"}:
        return _fria(line, declared)
    if name == "annex_iv" or name.startswith("annex_iv:"):
        return _annex_iv(line, declared)
    if name == "oversight":
        roles = [f"{each.text('role')}: {each.text('authority')}" for each in declared.items(name)]
        return _one(line, "; ".join(roles), declared)
    if name == "notices":
        told = [
            f"“{each.text('text')}” ({each.text('channel')}, since {each.text('since')})"
            for each in declared.items(name)
            if line.scope == "any_notice" or each.text("paragraph") == line.paragraph
        ]
        return _one(line, "; ".join(told), declared)
    if name == "instructions":
        said = f"{declared.text(name, 'link')}, version {declared.text(name, 'version')}"
        digest = declared.text(name, "digest")
        return _one(line, said if declared.text(name, "link") else "", declared, document=digest)
    if name == "intended_purpose":
        return _one(line, declared.text(name) or facing.purpose, declared)
    return _one(line, declared.text(name), declared)


def _one(
    line: Line, statement: str, declared: Declared, section: str = "", document: str = ""
) -> tuple[Declaration, ...]:
    if not statement:
        return ()
    return (Declaration(line.paragraph, statement, declared.signed(section) if section else None, document),)


def _classified(line: Line, declared: Declared) -> tuple[Declaration, ...]:
    if not declared.conclusion:
        return ()
    where = f"Annex III {declared.annex_iii}" if declared.annex_iii else ""
    where = where or declared.text("classification", "annex_i")
    said = declared.conclusion.replace("_", " ") + (f" ({where})" if where else "")
    return _one(line, f"{said}: {declared.text('classification', 'reason')}", declared, "classification")


_FRIA = {
    "27(1)(a)": "processes",
    "27(1)(b)": "period_and_frequency",
    "27(1)(c)": "people_affected",
    "27(1)(d)": "risks",
    "27(1)(e)": "oversight",
    "27(1)(f)": "measures",
}


def _fria(line: Line, declared: Declared) -> tuple[Declaration, ...]:
    if line.section == "fria_notified":
        on = declared.text("fria", "notified_on")
        return _one(line, f"The authority was notified on {on}." if on else "", declared, "fria")
    part = _FRIA.get(line.paragraph)
    signed = declared.signed("fria")
    if part is not None:
        return _one(line, declared.text("fria", part), declared, "fria")
    return _one(line, f"The assessment was signed on {signed.on}." if signed else "", declared, "fria")


def _annex_iv(line: Line, declared: Declared) -> tuple[Declaration, ...]:
    points = declared.table("annex_iv")
    _, _, point = line.section.partition(":")
    if point:
        return _one(line, points.get(point, ""), declared)
    said = f"Points {', '.join(sorted(points))} of Annex IV are written in the system file." if points else ""
    return _one(line, said, declared)
