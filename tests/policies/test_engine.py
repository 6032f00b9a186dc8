# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the engine answers, one behaviour at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

import ombud_policies.engine
from ombud_policies import Bundle, Engine, Question, Uid, Value, Verdict, draft_schema

AGENT = Uid("Agent", "a")
MODEL = Uid("Model", "m")
PERMIT = '@id("ok") permit (principal, action, resource);'


def _engine(cedar: str, entities: str = "[]") -> Engine:
    schema = draft_schema({"amount": "decimal", "count": "Long", "note": "String"}, {"score": "decimal"})
    files = {"p.cedar": cedar, "schema.cedarschema": schema, "entities.json": entities}
    return Engine(Bundle.from_files({name: text.encode() for name, text in files.items()}))


def _infer(
    principal: Uid = AGENT, resource: Uid = MODEL, *, action: str = "infer", **changes: Value
) -> Question:
    values: dict[str, Value] = {"amount": Decimal("1.5"), "count": 1, "note": ""}
    context: dict[str, Value] = {"system": "s", "method": "m", "model_version": "1", "shared_memory": False}
    return Question(principal, action, resource, {**context, "attempt": 1, "input": values, **changes})


def _curable(name: str, group: str, condition: str) -> str:
    cure = f'context has approval && context.approval.groups.contains("{group}")'
    scope = 'forbid (principal, action == Action::"infer", resource)'
    return f'@id("{name}") @review("{group}") {scope} when {{ {condition} }} unless {{ {cure} }};'


def test_default_is_deny() -> None:
    """No permit, no access; nothing determined it."""
    engine = _engine('@id("f") forbid (principal, action, resource) when { context.system == "other" };')
    assert engine.decide(_infer()) == Verdict(
        "deny", (), (), "features", frozenset(), (), engine.bundle.digest, engine.bundle.entities_digest
    )


@pytest.mark.parametrize(
    "question",
    [
        _infer(action="sing"),
        _infer(action="invoke"),
        _infer(Uid("Robot", "r")),
        _infer(resource=Uid("Gateway", "ombud")),
        _infer(Uid("Group", "g")),
    ],
)
def test_what_the_schema_does_not_declare_is_denied(question: Question) -> None:
    """An open permit does not reach beyond the schema."""
    verdict = _engine(PERMIT).decide(question)
    assert (verdict.kind, verdict.policies, len(verdict.errors)) == ("deny", (), 1)


def test_a_forbid_that_errors_denies() -> None:
    """Cedar would skip it and allow."""
    cedar = (
        PERMIT + '@id("f") forbid (principal, action == Action::"infer", resource) '
        "when { context.input.count + 1 > 9 };"
    )
    verdict = _engine(cedar).decide(_infer(input={"amount": Decimal(1), "count": 2**63 - 1}))
    assert (verdict.kind, verdict.policies) == ("deny", ())
    assert "overflow" in verdict.errors[0]


@pytest.mark.parametrize(
    "value",
    [1.5, "1.5", 1, None, True, Decimal("NaN"), Decimal("Infinity"), Decimal("0.00001"), Decimal("1E+15")],
)
def test_a_value_of_another_type_than_declared_denies(value: Any) -> None:
    """What a policy reads must fit the schema."""
    cedar = PERMIT + (
        '@id("f") forbid (principal, action == Action::"infer", resource) '
        'when { context.input.amount.greaterThan(decimal("9.0")) };'
    )
    verdict = _engine(cedar).decide(_infer(input={"amount": value, "count": 1}))
    assert verdict.kind == "deny"
    assert "context.input.amount" in verdict.errors[0]


def test_what_no_policy_reads_is_not_checked() -> None:
    """A schema need not declare features that no policy reads."""
    verdict = _engine(PERMIT).decide(_infer(input={"undeclared": []}))
    assert (verdict.kind, verdict.errors) == ("allow", ())


def test_json_of_an_extension_stays_text() -> None:
    """No caller can make a record pass for a decimal or an entity."""
    cedar = (
        PERMIT + '@id("f") forbid (principal, action == Action::"infer", resource) '
        'when { context.input.note == "x" };'
    )
    note: Any = {"__extn": {"fn": "decimal", "arg": "1.0"}}
    verdict = _engine(cedar).decide(_infer(input={"amount": Decimal(1), "count": 1, "note": note}))
    assert verdict.kind == "deny"


def test_review_names_all_groups_and_both_must_approve() -> None:
    """Every curable forbid that holds names its group; one approval of two leaves a review by the other."""
    engine = _engine(PERMIT + _curable("a", "g1", "context.input.count > 0") + _curable("b", "g2", "true"))
    first = engine.decide(_infer())
    assert (first.kind, first.policies, first.groups) == ("review", ("a", "b"), ("g1", "g2"))
    half: Value = {"review": "r", "groups": ["g1"], "approvers": 1}
    second = engine.decide(_infer(approval=half))
    assert (second.kind, second.policies, second.groups) == ("review", ("b",), ("g2",))
    whole: Value = {"review": "r", "groups": ["g1", "g2"], "approvers": 2}
    assert engine.decide(_infer(approval=whole)).kind == "allow"


def test_a_review_that_could_not_end_well_is_a_denial() -> None:
    """Without a permit behind it, or with a hard forbid beside it, nothing is curable."""
    alone = _engine(_curable("a", "g", "true")).decide(_infer())
    assert (alone.kind, alone.policies, alone.groups) == ("deny", ("a",), ())
    hard = '@id("h") forbid (principal, action == Action::"infer", resource);'
    beside = _engine(PERMIT + hard + _curable("a", "g", "true")).decide(_infer())
    assert (beside.kind, beside.policies, beside.groups) == ("deny", ("a", "h"), ())


def test_the_strictest_obligation_holds() -> None:
    """Least capture, all redactions, over the permits that determine."""
    cedar = (
        '@id("a") @capture("features") @redact("x") permit (principal, action, resource);'
        '@id("b") @capture("digest") @redact("y") permit (principal is Agent, action, resource);'
        '@id("c") @capture("none") permit (principal is User, action, resource);'
    )
    verdict = _engine(cedar).decide(_infer())
    assert (verdict.capture, verdict.redact) == ("digest", frozenset({"x", "y"}))
    assert _engine(PERMIT).decide(_infer()).capture == "features"


def test_payloads_are_kept_only_where_every_determining_permit_says_full() -> None:
    """A permit that says nothing keeps features, so beside it `full` is too much."""
    full = '@id("a") @capture("full") permit (principal, action, resource);'
    forbid = '@id("f") forbid (principal is User, action, resource);'
    assert _engine(full + forbid).decide(_infer()).capture == "full"
    assert _engine(full + PERMIT).decide(_infer()).capture == "features"


def test_a_denied_call_keeps_no_more_than_a_permitted_one() -> None:
    """What any permit of the action and resource would not keep is not kept of a refusal either."""
    cedar = (
        '@id("a") @capture("none") permit (principal is User, action == Action::"infer", resource);'
        '@id("f") forbid (principal is Agent, action, resource);'
    )
    assert _engine(cedar).decide(_infer()).capture == "none"
    read = Question(AGENT, "read", MODEL, {"system": "s", "method": "m"})
    assert _engine(cedar).decide(read).capture == "features"


def test_the_least_that_may_be_kept_is_known_beforehand() -> None:
    """It is what a denial keeps: no verdict on such a question keeps less, whatever its context."""
    cedar = (
        '@id("a") @capture("features") permit (principal is Agent, action, resource);'
        '@id("b") @capture("none") permit (principal, action == Action::"infer", resource)'
        ' when { context.input.amount.greaterThan(decimal("9000.0")) };'
    )
    engine = _engine(cedar)
    assert engine.decide(_infer()).capture == "features"
    assert engine.least_capture(AGENT, "infer", MODEL) == "none"
    assert engine.least_capture(AGENT, "read", MODEL) == "features"
    assert engine.least_capture(AGENT, "no such action", MODEL) == "features"


def test_review_keeps_what_the_permit_behind_it_keeps() -> None:
    """A reviewer sees what a record of the allowed call would hold."""
    cedar = '@id("ok") @capture("digest") permit (principal, action, resource);' + _curable("a", "g", "true")
    assert _engine(cedar).decide(_infer()).capture == "digest"


def test_joined_verdicts_name_both_and_keep_the_least() -> None:
    """What let a call in and what let its answer out make one account."""
    one = Verdict("allow", ("b",), (), "features", frozenset("x"), (), "d", "e")
    two = Verdict("allow", ("a",), (), "digest", frozenset("y"), (), "d", "e")
    assert one.joined(two) == Verdict("allow", ("a", "b"), (), "digest", frozenset("xy"), (), "d", "e")


def test_an_entity_of_several_types_goes_to_its_own_attribute() -> None:
    """A bare requester fits a record with one optional attribute a type; one of no such type denies."""
    cedar = PERMIT + (
        '@id("own") forbid (principal is User, action == Action::"approve", resource) '
        "when { context.requester has user && context.requester.user == principal };"
    )
    engine = _engine(cedar)

    def approve(requester: Value) -> Verdict:
        context = {"system": "s", "method": "m", "group": "g", "stage": "infer", "decision": "approve"}
        return engine.decide(
            Question(Uid("User", "u"), "approve", Uid("Review", "r"), {**context, "requester": requester})
        )

    assert approve(Uid("User", "u")).policies == ("own",)
    assert approve({"user": Uid("User", "u")}).policies == ("own",)
    assert approve(Uid("User", "v")).kind == "allow"
    assert approve(Uid("Agent", "u")).kind == "allow"
    assert approve(Uid("Group", "u")).errors != ()


def test_text_that_is_no_unicode_denies() -> None:
    """Half a surrogate pair, in an id or a value, is an error and no crash."""
    engine = _engine(PERMIT + '@id("f") forbid (principal, action, resource) when { context.system == "x" };')
    for question in (_infer(Uid("Agent", "\ud800")), _infer(system="\ud800")):
        verdict = engine.decide(question)
        assert (verdict.kind, len(verdict.errors)) == ("deny", 1)


def test_memos_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entities ask, memory does not grow, and answers stay the same."""
    monkeypatch.setattr(ombud_policies.engine, "MOST_CLASSES", 4)
    monkeypatch.setattr(ombud_policies.engine, "MOST_SLICES", 2)
    agents = [f"a{number}" for number in range(10)]
    cedar = "".join(
        f'@id("{name}") permit (principal == Agent::"{name}", action == Action::"infer", resource);'
        for name in agents
    )
    engine = _engine(cedar)
    for _ in range(2):
        for name in agents:
            assert engine.decide(_infer(Uid("Agent", name))).policies == (name,)
    assert (len(engine._classes), len(engine._slices), len(engine._allowed)) == (4, 2, 2)
    for number in range(50):
        engine.decide(_infer(Uid("Agent", f"stranger{number}")))
    assert sum(key[1] is None for key in engine._classes) == 1


def test_threads_share_an_engine() -> None:
    """Many threads asking at once get the answers that one would."""
    engine = _engine(PERMIT + _curable("a", "g", "context.input.count > 5"))
    asked = [
        _infer(Uid("Agent", f"a{n % 7}"), input={"amount": Decimal(1), "count": n % 11}) for n in range(400)
    ]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(engine.decide, asked))
    assert [engine.decide(question) for question in asked] == together
