# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The engine, which asks Cedar as little as it can, answers like Cedar asked everything."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, given, settings

from ombud_policies import Engine, Question, Uid, Verdict
from policies import generated

LEAN = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

STRANGE: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([0, 2**63, True, "s1", "", 0.5, None, b"x", [], ["r1"], [3], {}]),
    st.sampled_from([Decimal(text) for text in ("0.5", "0.00001", "NaN", "1E+30")]),
    st.sampled_from([Uid("User", "u1"), Uid("Status", "other"), {"user": Uid("Agent", "a1")}]),
    st.sampled_from(
        [{"__entity": {"type": "User", "id": "u1"}}, {"__extn": {"fn": "decimal", "arg": "0.5"}}]
    ),
)


def _shown(verdict: Verdict) -> generated.Answer:
    answer = generated.Answer(verdict.kind, verdict.policies, verdict.groups, _renamed(verdict.errors))
    return (
        answer if verdict.kind == "deny" else replace(answer, capture=verdict.capture, redact=verdict.redact)
    )


def _renamed(errors: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out how a policy is called: plain Cedar counts them, the engine names them."""
    return tuple(sorted(re.sub(r"`p(?:olicy)?\d+`", "`p`", error) for error in errors))


def _expected(texts: list[str], question: Question) -> generated.Answer:
    answer = generated.oracle(texts, question, generated.SCHEMA)
    return replace(answer, errors=_renamed(answer.errors))


@LEAN
@given(texts=generated.policies, asked=st.lists(generated.questions(), min_size=1, max_size=6))
def test_answers_like_all_policies_with_the_whole_context(texts: list[str], asked: list[Question]) -> None:
    """Verdict, determining policies, groups and errors are those of plain Cedar with schema."""
    engine = Engine(generated.bundle_of(texts))
    for question in asked:
        expected = _expected(texts, question)
        event(expected.kind if not expected.errors else "error")
        assert expected == _shown(engine.decide(question))


@settings(LEAN, max_examples=60)
@given(texts=generated.scopes, context=generated.contexts["release"])
def test_scopes_are_told_apart_for_everyone(texts: list[str], context: dict[str, Any]) -> None:
    """One engine, asked for every principal, action and resource, answers as plain Cedar does."""
    engine = Engine(generated.bundle_of(texts))
    for principal, resource in product(generated.PRINCIPALS, generated.RESOURCES[:-1]):
        for action in ("infer", "release"):
            fitting = {key: value for key, value in context.items() if key != "output" or action == "release"}
            question = Question(principal, action, resource, fitting)
            assert _expected(texts, question) == _shown(engine.decide(question))


@pytest.mark.parametrize("condition", generated.ATOMS)
@settings(LEAN, max_examples=12)
@given(question=generated.complete())
def test_each_kind_of_condition_sees_what_it_reads(condition: str, question: Question) -> None:
    """One condition alone, with everything it may read there."""
    texts = generated.guarded(condition)
    assert _expected(texts, question) == _shown(Engine(generated.bundle_of(texts)).decide(question))


@settings(LEAN, max_examples=150)
@given(texts=generated.conditions, asked=st.lists(generated.questions(), min_size=3, max_size=3))
def test_conditions_see_all_that_they_read(texts: list[str], asked: list[Question]) -> None:
    """One condition alone, so that nothing else keeps what it reads in the context."""
    engine = Engine(generated.bundle_of(texts))
    for question in asked:
        assert _expected(texts, question) == _shown(engine.decide(question))


def _spoilt(data: st.DataObject, question: Question) -> Question:
    """Take one value away or replace it, at the top or in the input."""
    context: dict[str, Any] = dict(question.context)
    place = context
    if "input" in context and data.draw(st.booleans()):
        place = context["input"] = dict(context["input"])
    key = data.draw(st.sampled_from(sorted(place)))
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(STRANGE)
    return Question(question.principal, question.action, question.resource, context)


@LEAN
@given(data=st.data(), texts=generated.policies, question=generated.questions())
def test_a_question_that_does_not_fit_never_gains_access(
    data: st.DataObject, texts: list[str], question: Question
) -> None:
    """With a value missing or of another type, what is let through plain Cedar would let through too."""
    changed = _spoilt(data, question)
    verdict = Engine(generated.bundle_of(texts)).decide(changed)
    event(verdict.kind)
    if verdict.kind != "deny":
        try:
            free = generated.oracle(texts, changed, None)
        except (TypeError, ValueError):  # the whole context has no JSON form; only what is read was asked
            return
        if not any("while parsing" in error or "build request" in error for error in free.errors):
            assert (free.kind, free.policies) == (verdict.kind, verdict.policies)


@LEAN
@given(texts=generated.policies, asked=st.lists(generated.questions(), min_size=2, max_size=6))
def test_answers_do_not_depend_on_what_was_asked_before(texts: list[str], asked: list[Question]) -> None:
    """Memos change the speed only."""
    bundle = generated.bundle_of(texts)
    used = Engine(bundle)
    for question in asked + asked[::-1]:
        assert Engine(bundle).decide(question) == used.decide(question)
