# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Every state of a duty, by evidence, declaration, role, scope and date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from ombud_reports.ai_act.catalogue import catalogue
from ombud_reports.ai_act.declared import Declared
from ombud_reports.ai_act.measures import MEASURES
from ombud_reports.ai_act.scope import Facing
from ombud_reports.ai_act.states import Assessed, assess

BEFORE, AFTER = date(2027, 12, 1), date(2027, 12, 2)
SIGNED = {"by": "Ada", "function": "Counsel", "signed": "2026-11-02"}
CLASSIFIED = {"conclusion": "high_risk", "annex_iii": "5(b)", "reason": "Credit.", **SIGNED}
BASE: Mapping[str, Any] = {"roles": ["provider", "deployer"], "classification": CLASSIFIED}


def state(
    line: str,
    found: bool | set[str],
    declared: Mapping[str, Any] = BASE,
    *,
    on: date = AFTER,
    risk: str = "high",
) -> Assessed:
    """Assess a line, where all, none or some measures found something."""
    names = [*(each.name for each in MEASURES), "agreement"]
    present = {name: name in found if isinstance(found, set) else found for name in names}
    duties = catalogue()
    facing = Facing(Declared(declared), risk, "The owner", "Recommend.")
    return assess(
        next(each for each in duties.lines() if each.id == line), facing, duties, present=present, on=on
    )


def say(paragraph: str, **more: Any) -> dict[str, Any]:
    """Declare one statement about a paragraph, signed, beside what is declared anyway."""
    return {**BASE, "declarations": [{"paragraph": paragraph, "statement": "So it is.", **SIGNED, **more}]}


def test_evidenced() -> None:
    """Entries were found, and a person declared what only a person can."""
    assert state("26(6)", True, say("26(6)")).state == "evidenced"


def test_evidenced_without_a_person() -> None:
    """Where nothing is left for a person to declare, entries suffice."""
    assert state("12(2)(c)", True).state == "evidenced"


def test_partly_evidenced_for_want_of_a_declaration() -> None:
    """What only a person can say is named as missing."""
    found = state("26(6)", True)
    assert (found.state, found.absent) == ("partly evidenced", ())
    assert found.lacking == "a person's declaration: the period and why"


def test_partly_evidenced_for_want_of_entries() -> None:
    """Measures that found nothing are named."""
    found = state("12(1)", {"volume", "kinds", "continuity"}, say("12(1)"))
    assert (found.state, found.absent, found.lacking) == ("partly evidenced", ("coverage",), "")


def test_declared() -> None:
    """A signed statement without any entry is declared, and no more."""
    found = state("16(l)", False, say("16(l)", document="ab" * 32))
    assert found.state == "declared"
    assert [(str(each.signed), each.document) for each in found.declarations] == [
        ("Ada, Counsel, 2026-11-02", "ab" * 32)
    ]


def test_a_statement_that_nobody_signed_is_not_declared() -> None:
    """The system file says it, and no name stands under it."""
    found = state("13(1)", False, {**BASE, "instructions": {"link": "/manual", "version": "3"}})
    assert found.state == "partly evidenced"
    assert found.lacking == "a signature: the system file says it, and nobody signed it"


@pytest.mark.parametrize("left_out", ["by", "function", "signed"])
def test_a_signature_has_name_function_and_date(left_out: str) -> None:
    """With one of them missing, nobody signed."""
    declaration = {"paragraph": "16(l)", "statement": "So it is.", **SIGNED}
    del declaration[left_out]
    assert state("16(l)", False, {**BASE, "declarations": [declaration]}).state == "partly evidenced"


def test_missing() -> None:
    """Neither entries nor a statement."""
    assert state("26(6)", False).state == "missing"


def test_not_yet_applicable() -> None:
    """Until the day before its date a duty is not yet applicable, and what is there is told."""
    found = state("26(6)", True, say("26(6)"), on=BEFORE)
    assert (found.state, found.found, str(found.applies)) == ("not yet applicable", "evidenced", "2027-12-02")


def test_products_of_annex_i_have_a_later_date() -> None:
    """The route of the classification decides on the date."""
    declared = {**BASE, "classification": {**CLASSIFIED, "annex_iii": "", "annex_i": "Machinery"}}
    assert [state("26(6)", True, declared, on=day).state for day in (date(2028, 8, 1), date(2028, 8, 2))] == [
        "not yet applicable",
        "partly evidenced",
    ]


def test_not_applicable_to_the_other_role() -> None:
    """A duty of deployers is none of a mere provider, and the reason says by which declaration."""
    found = state("26(6)", True, {**BASE, "roles": ["provider"]})
    assert (found.state, found.why) == ("not applicable", "binds the deployer; declared role: provider")


NOT_HIGH = {**BASE, "classification": {"conclusion": "not_high_risk", "reason": "r", **SIGNED}}


@pytest.mark.parametrize(
    ("line", "declared", "risk", "why"),
    [
        ("12(1)", NOT_HIGH, "limited", "not high-risk: classified by Ada, Counsel, 2026-11-02"),
        ("12(1)", {}, "minimal", "not high-risk: risk is minimal in the system file of The owner; unsigned"),
        ("12(3)(a)", BASE, "high", "only for Annex III 1(a); this system: 5(b); classified by Ada"),
        ("14(5)", BASE, "high", "only for Annex III 1(a)"),
        ("49(5)", BASE, "high", "only for Annex III 2; this system: 5(b)"),
        ("6(4)", BASE, "high", "only for a system concluded not to be high-risk"),
        ("26(7)", BASE, "high", "the trait workplace is not declared"),
        ("50(1)", BASE, "high", "the trait talks_to_people is not declared"),
        ("50(5)", BASE, "high", "no trait that Article 50 asks a notice for is declared"),
        ("6(5)", BASE, "high", "binds the Commission"),
        (
            "27(1)(a)",
            {**BASE, "classification": {**CLASSIFIED, "annex_iii": "4(a)"}},
            "high",
            "for public bodies, public services and points 5(b), 5(c) alone",
        ),
        (
            "86(1)",
            {**BASE, "classification": {**CLASSIFIED, "annex_iii": "2"}},
            "high",
            "only for Annex III, and not for its point 2",
        ),
    ],
)
def test_not_applicable_says_why_and_who_decided(
    line: str, declared: Mapping[str, Any], risk: str, why: str
) -> None:
    """A duty that is not for the system is never just left out."""
    found = state(line, True, declared, risk=risk)
    assert found.state == "not applicable"
    assert found.why.startswith(why)


@pytest.mark.parametrize(
    ("line", "declared"),
    [
        (
            "27(1)(a)",
            {**BASE, "classification": {**CLASSIFIED, "annex_iii": "4(a)"}, "traits": ["public_body"]},
        ),
        ("27(1)(a)", BASE),
        ("86(1)", BASE),
        ("49(5)", {**BASE, "classification": {**CLASSIFIED, "annex_iii": "2"}}),
        ("26(11)", {**BASE, "traits": ["decides_on_people"]}),
        ("50(1)", {**BASE, "traits": ["talks_to_people"]}),
        ("6(4)", NOT_HIGH),
        ("49(2)", NOT_HIGH),
    ],
)
def test_what_is_for_the_system(line: str, declared: Mapping[str, Any]) -> None:
    """Traits and classification bring duties in."""
    risk = "limited" if declared is NOT_HIGH else "high"
    assert state(line, False, declared, risk=risk).state == "missing" or line == "6(4)"


def test_nothing_is_ruled_out_for_an_undeclared_system() -> None:
    """Of a system that nobody declared anything of, only what binds others, or low risk, is left out."""
    for line in catalogue().lines():
        found = state(line.id, False, {}, risk="")
        assert found.state != "not applicable" or line.id in {"6(4)", "6(5)", "49(2)"}, line.id


def test_screening_that_found_something_is_told() -> None:
    """The result of the screening stands in the statement."""
    declared = {**BASE, "prohibited_practices": {"result": "found", "reason": "Scores.", **SIGNED}}
    (said,) = state("5(1)(c)", False, declared).declarations
    assert said.statement == "Screening: found. Scores."


@pytest.mark.parametrize(
    "hostile",
    [
        {"roles": "provider"},
        {"roles": [1, None, {}]},
        {"classification": []},
        {"classification": {"conclusion": ["high_risk"], "annex_iii": {"a": 1}}},
        {"declarations": {"paragraph": "4(1)"}},
        {"declarations": [None, 3, {"paragraph": ["4(1)"], "statement": {}}]},
        {"annex_iv": ["2(d)"], "fria": "x", "oversight": [{"role": 1, "who": "x"}], "notices": [[]]},
        {"placed_on_market": "2026-99-99", "traits": {"workplace": True}},
    ],
)
def test_a_section_that_is_not_of_its_form_declares_nothing(hostile: Mapping[str, Any]) -> None:
    """Whoever holds a ledger can put any object in it; nothing is claimed by it."""
    for line in catalogue().lines():
        found = state(line.id, False, hostile, risk="high")
        assert found.state not in {"declared", "evidenced"}
