# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Values that policies cannot tell apart are one value to Cedar; all others stay what they are."""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ombud_policies import Engine, Question, Uid
from ombud_policies.scaling import alike
from policies import generated

COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
COUNT = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)


@given(value=COUNT, literals=st.lists(COUNT | st.integers(-2, 2), min_size=1, unique=True).map(sorted))
def test_what_stands_for_a_value_compares_like_it(value: int, literals: list[int]) -> None:
    """Every comparison with every literal comes out the same, and a 64-bit integer stays one."""
    stands = alike(value, tuple(literals))
    assert [[compare(stands, one) for compare in COMPARISONS] for one in literals] == [
        [compare(value, one) for compare in COMPARISONS] for one in literals
    ]
    assert -(2**63) <= stands < 2**63


@given(values=st.lists(COUNT, min_size=2), literals=st.lists(COUNT, min_size=1, unique=True).map(sorted))
def test_so_many_literals_leave_so_many_values(values: list[int], literals: list[int]) -> None:
    """With n literals at most 2n + 1 values are left."""
    assert len({alike(value, tuple(literals)) for value in values}) <= 2 * len(literals) + 1


NEAR = st.sampled_from(
    [Decimal(count) / 10_000 for base in (0, 5_000, 7_000) for count in (base - 1, base, base + 1)]
)
LITERAL = st.sampled_from(["0.0", "0.5", "0.5000", "0.7"])
COMPARED = st.builds(
    "{0}.{1}({2})".format,
    st.sampled_from(["context.d", "context.input.d", "context.input.deep.d"]),
    st.sampled_from(["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"]),
    LITERAL.map('decimal("{}")'.format) | st.sampled_from(["context.d", "context.input.d"]),
)
EQUAL = st.builds(
    '({0} {1} decimal("{2}"))'.format,
    st.sampled_from(["context.d", "context.input.d"]),
    st.sampled_from(["==", "!="]),
    LITERAL,
)


def about(**decimals: Decimal) -> Question:
    """Ask about three decimals."""
    context: dict[str, Any] = {"system": "s1", "n": 1, "flag": True, "who": {}, "status": Uid("Status", "on")}
    context["d"] = decimals["outer"]
    context["input"] = {"d": decimals["inner"], "n": 1, "deep": {"d": decimals["deep"], "s": []}}
    return Question(Uid("Agent", "a1"), "infer", Uid("Model", "m1"), context)


@settings(max_examples=150, deadline=None)
@given(
    conditions=st.lists(COMPARED | EQUAL, min_size=1, max_size=4),
    asked=st.lists(st.builds(about, outer=NEAR, inner=NEAR, deep=NEAR), min_size=1, max_size=6),
)
def test_near_the_literals_the_engine_answers_like_plain_cedar(
    conditions: list[str], asked: list[Question]
) -> None:
    """One policy for each condition, values at the literals and one step beside them."""
    texts = [f"permit (principal, action, resource) when {{ context has d && {one} }}" for one in conditions]
    texts = [text.replace("action,", 'action == Action::"infer",') for text in texts]
    engine = Engine(generated.bundle_of(texts))
    for question in asked:
        expected = generated.oracle(texts, question, generated.SCHEMA)
        verdict = engine.decide(question)
        assert (expected.kind, expected.policies) == (verdict.kind, verdict.policies)


@pytest.mark.parametrize(
    ("condition", "cedar_is_asked"),
    [
        ('context.d.lessThan(decimal("0.5"))', 1),
        ("context.d.lessThan(context.input.d)", 3),
        ('[context.d].contains(decimal("0.5"))', 3),
    ],
)
def test_only_values_compared_with_literals_alone_are_alike(
    condition: str, cedar_is_asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three values on one side of a literal are one question; compared with anything else they are three."""
    engine = Engine(
        generated.bundle_of(
            [f'permit (principal, action == Action::"infer", resource) when {{ {condition} }}']
        )
    )
    asked: list[Any] = []
    ask = engine._ask

    def counted(request: Any, policies: Any) -> Any:
        asked.append(request)
        return ask(request, policies)

    monkeypatch.setattr(engine, "_ask", counted)
    for text in ("0.1", "0.2", "0.4999"):
        engine.decide(about(outer=Decimal(text), inner=Decimal("0.3"), deep=Decimal(0)))
    assert len(asked) == cedar_is_asked
