# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Generated bundles and questions, and an oracle: plain Cedar with every policy and the whole context."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
from cedarpy import AuthzResult, Decision, Entities, PolicySet, Schema, is_authorized, validate_policies

from ombud_policies import Bundle, Question, Uid

SCHEMA_TEXT = """
entity Group;
entity Agent in [Group, Agent] = { level: Long, "team"?: String } tags Long;
entity User in [Group];
entity Status enum ["on", "off"];
entity System;
entity Model in [System, Model] = { risk: decimal };
entity Gateway;
type Approval = { review: String, groups: Set<String>, approvers: Long };
type Who = { agent?: Agent, user?: User };
type Inner = { d: decimal, e?: decimal, n: Long, "odd key"?: String, deep: { d: decimal, s: Set<String> } };
action calls, all;
action infer in [calls] appliesTo { principal: [Agent, User], resource: [Model], context: {
  system: String, n: Long, m?: Long, flag: Bool, d: decimal, e?: decimal, who: Who, status: Status,
  input: Inner, approval?: Approval } };
action release in [calls, all] appliesTo { principal: [Agent, User], resource: [Model], context: {
  system: String, n: Long, m?: Long, flag: Bool, d: decimal, e?: decimal, who: Who, status: Status,
  input: Inner, output: { c: decimal }, approval?: Approval } };
action read in [all] appliesTo {
  principal: [Agent, User], resource: [Model, Gateway], context: { system: String } };
"""

ENTITIES: list[dict[str, Any]] = [
    {"uid": {"type": "Group", "id": "g1"}, "attrs": {}, "parents": []},
    {
        "uid": {"type": "Agent", "id": "a1"},
        "attrs": {"level": 3, "team": "red"},
        "parents": [{"type": "Group", "id": "g1"}],
        "tags": {"k": 1},
    },
    {
        "uid": {"type": "Agent", "id": "a2"},
        "attrs": {"level": 2**63 - 1},
        "parents": [{"type": "Agent", "id": "a1"}],
        "tags": {},
    },
    {"uid": {"type": "User", "id": "u1"}, "attrs": {}, "parents": [{"type": "Group", "id": "g2"}]},
    {
        "uid": {"type": "Model", "id": "m1"},
        "attrs": {"risk": {"__extn": {"fn": "decimal", "arg": "0.5"}}},
        "parents": [{"type": "System", "id": "s1"}],
    },
    {
        "uid": {"type": "Model", "id": "m2"},
        "attrs": {"risk": {"__extn": {"fn": "decimal", "arg": "1.25"}}},
        "parents": [{"type": "Model", "id": "m1"}],
    },
]
ENTITIES_TEXT = json.dumps(ENTITIES)
SCHEMA = Schema.from_str(SCHEMA_TEXT)
CEDAR_ENTITIES = Entities.from_json_str(ENTITIES_TEXT, SCHEMA)

DECIMALS = ("0.0", "0.5", "0.5000", "-0.5", "1.25", "922337203685477.5807")

_decimal = st.one_of(
    st.sampled_from(
        ["context.d", "context.input.d", "context.input.deep.d", "resource.risk", "context.output.c"]
    ),
    st.sampled_from(["context.input.e", "context.e"]),
    st.sampled_from(DECIMALS).map(lambda text: f'decimal("{text}")'),
)
_long: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["context.n", "context.input.n", "principal.level", "0", "3", "9223372036854775807"]),
        st.sampled_from(['principal.getTag("k")', "context.m"]),
        st.tuples(_long, st.sampled_from("+-*"), _long).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    )
)
ATOMS = [
    "context.flag",
    "context.n + 9223372036854775807 > 0",
    "principal.level * 2 > 4",
    'context.system like "s*"',
    "context has m",
    "context has e",
    "context.input has e",
    "context has input.e",
    'context.input has "odd key"',
    'context.input["odd key"] == "x"',
    "context has output",
    "context has output.c",
    "context.who has agent",
    "context.who.user == principal",
    'context.who.agent in Group::"g1"',
    "context.who.agent.level > 2",
    'context.status == Status::"on"',
    'context.input.deep.s.contains("x")',
    "context.input.deep.s.isEmpty()",
    "[context.d, context.input.d].contains(context.input.deep.d)",
    '[context.d].contains(decimal("0.5"))',
    "context.input.deep == context.input.deep",
    '{a: context.d}.a.lessThan(decimal("0.7"))',
    "context has approval",
    'context.approval.groups.contains("r1")',
    "context.approval.approvers > 1",
    'principal in Group::"g1"',
    "principal is User",
    'principal.hasTag("k")',
    'principal has team && principal.team == "red"',
    'resource == Model::"m1"',
    "(if context.flag then context.input else context.input).n > 2",
    "(if context.flag then context.d else context.input.d).lessThan(context.d)",
]
_atom = st.one_of(
    st.tuples(_decimal, st.sampled_from(["lessThan", "lessThanOrEqual", "greaterThan"]), _decimal).map(
        lambda t: f"{t[0]}.{t[1]}({t[2]})"
    ),
    st.tuples(_decimal, st.sampled_from(["==", "!="]), _decimal).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    st.tuples(_long, st.sampled_from(["<", "<=", "==", ">", "!="]), _long).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    st.sampled_from(ATOMS),
)
_condition = st.recursive(
    _atom,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, inner, inner).map(lambda t: f"(if {t[0]} then {t[1]} else {t[2]})"),
    ),
    max_leaves=6,
)
_GUARDS = (
    "context has m && context has e && context.input has e && principal is Agent",
    "context has approval && context.who has agent && context.who has user",
    'principal is Agent && principal.hasTag("k")',
    "context has output",
    'context.input has "odd key"',
    "principal is Agent",
    "true",
    "true",
)
_principal = st.sampled_from(
    ["principal"] * 4
    + [
        'principal == Agent::"a1"',
        'principal == Agent::"nobody"',
        'principal in Group::"g1"',
        'principal in Group::"g2"',
        'principal in Agent::"a1"',
        "principal is Agent",
        'principal is User in Group::"g2"',
    ]
)
_action = st.sampled_from(
    [
        "action",
        'action == Action::"infer"',
        'action in [Action::"infer", Action::"release"]',
        'action in Action::"calls"',
        'action in Action::"calls"',
        'action in Action::"calls"',
        'action in Action::"all"',
        'action == Action::"read"',
    ]
)
_resource = st.sampled_from(
    ["resource"] * 3
    + [
        'resource == Model::"m1"',
        'resource == Model::"other"',
        'resource in System::"s1"',
        "resource is Model",
        'resource is Model in System::"s1"',
        "resource is Gateway",
    ]
)


@st.composite
def _policy(draw: st.DrawFn) -> str:
    effect = draw(st.sampled_from(["permit", "forbid"]))
    scope = f"{effect} ({draw(_principal)}, {draw(_action)}, {draw(_resource)})"
    guard = draw(st.sampled_from(_GUARDS))
    clauses = [f"{draw(st.sampled_from(['when', 'unless']))} {{ {guard} && {draw(_condition)} }}"]
    if effect == "permit":
        capture = draw(
            st.sampled_from(
                ["", '@capture("none") ', '@capture("digest") @redact("d,e") ', '@capture("full") ']
            )
        )
        return capture + scope + " " + draw(st.sampled_from(["", *clauses]))
    if draw(st.booleans()):
        groups = draw(st.sampled_from(["r1", "r2", "r1, r2"]))
        cure = 'unless { context has approval && context.approval.groups.contains("r1") }'
        return f'@review("{groups}") {scope} {draw(st.sampled_from(["", *clauses]))} {cure}'
    return scope + " " + clauses[0]


@st.composite
def _scope_only(draw: st.DrawFn) -> str:
    effect = draw(st.sampled_from(["permit", "permit", "forbid", '@review("r1") forbid']))
    text = f"{effect} ({draw(_principal)}, {draw(_action)}, {draw(_resource)})"
    cure = ' unless { context has approval && context.approval.groups.contains("r1") }'
    return text + cure if "@review" in effect else text


def _valid(policies: Iterable[str]) -> list[str]:
    return [text for text in policies if validate_policies(text + ";", SCHEMA).validation_passed]


scopes = st.lists(_scope_only(), min_size=1, max_size=10).map(_valid)
_CALLS = 'Action::"calls"'
conditions = st.builds(
    lambda condition, guard: [
        f"permit (principal, action in {_CALLS}, resource) when {{ {guard} && {condition} }}"
    ],
    _condition,
    st.sampled_from(_GUARDS),
).map(_valid)

_PERMIT = "permit (principal, action, resource)"
_CURABLE = (
    '@review("r1") forbid (principal, action == Action::"infer", resource) '
    'unless { context has approval && context.approval.groups.contains("r1") }'
)
_ALWAYS = st.sampled_from([[], [_PERMIT], [_PERMIT, _CURABLE]])
policies = st.builds(list.__add__, _ALWAYS, st.lists(_policy(), min_size=1, max_size=8).map(_valid))

_amount = st.sampled_from([*map(Decimal, DECIMALS), Decimal("0.5001"), Decimal(3)])
_number = st.sampled_from([0, 1, 3, -4, 2**63 - 1, -(2**63)])
_inner = st.fixed_dictionaries(
    {
        "d": _amount,
        "n": _number,
        "deep": st.fixed_dictionaries({"d": _amount, "s": st.lists(st.sampled_from("xyz"), max_size=2)}),
    },
    optional={"e": _amount, "odd key": st.sampled_from(["x", 'qu"ote\\', "é\n"])},
)
_who = st.fixed_dictionaries(
    {},
    optional={
        "agent": st.sampled_from([Uid("Agent", "a1"), Uid("Agent", "nobody")]),
        "user": st.sampled_from([Uid("User", "u1"), Uid("User", 'o"dd')]),
    },
)
_approval = st.fixed_dictionaries(
    {
        "review": st.just("r"),
        "groups": st.lists(st.sampled_from(["r1", "r2"]), max_size=2),
        "approvers": st.integers(0, 3),
    }
)
_required = {
    "system": st.sampled_from(["s1", "t"]),
    "n": _number,
    "flag": st.booleans(),
    "d": _amount,
    "who": _who,
    "status": st.sampled_from([Uid("Status", "on"), Uid("Status", "off")]),
    "input": _inner,
}
_optional = {"m": _number, "e": _amount, "approval": _approval}
contexts: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "infer": st.fixed_dictionaries(_required, optional=_optional),
    "release": st.fixed_dictionaries(
        {**_required, "output": st.fixed_dictionaries({"c": _amount})}, optional=_optional
    ),
    "read": st.fixed_dictionaries({"system": st.sampled_from(["s1", "t"])}),
}


PRINCIPALS = [
    *(Uid("Agent", name) for name in ("a1", "a2", "nobody", "x")),
    *(Uid("User", name) for name in ("u1", "x")),
]
RESOURCES = [*(Uid("Model", name) for name in ("m1", "m2", "other", "x")), Uid("Gateway", "ombud")]


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Draw a question that fits the schema."""
    action = draw(st.sampled_from(["infer", "infer", "release", "release", "read"]))
    resource = draw(st.sampled_from(RESOURCES if action == "read" else RESOURCES[:-1]))
    return Question(draw(st.sampled_from(PRINCIPALS)), action, resource, draw(contexts[action]))


def guarded(condition: str) -> list[str]:
    """Return a policy that permits where the condition holds and where what it reads is there."""
    everything = " && ".join(_GUARDS[:-3])
    return [
        f'permit (principal, action == Action::"release", resource) when {{ {everything} && {condition} }}'
    ]


def complete() -> st.SearchStrategy[Question]:
    """Return questions of an agent on a release, nothing left out."""
    everything = (
        _required
        | _optional
        | {
            "who": st.fixed_dictionaries(
                {"agent": st.just(Uid("Agent", "a1")), "user": st.just(Uid("User", "u1"))}
            ),
            "input": st.builds(lambda inner, e: {"e": e, "odd key": "x"} | inner, _inner, _amount),
            "output": st.fixed_dictionaries({"c": _amount}),
        }
    )
    return st.builds(
        Question,
        st.sampled_from(PRINCIPALS[:1]),
        st.just("release"),
        st.sampled_from(RESOURCES[:2]),
        st.fixed_dictionaries(everything),
    )


def bundle_of(texts: list[str]) -> Bundle:
    """Return a bundle of these policies, named p0, p1, ..."""
    cedar = "\n".join(f'@id("p{number}") {text};' for number, text in enumerate(texts))
    return Bundle.from_files(
        {
            "p.cedar": cedar.encode(),
            "schema.cedarschema": SCHEMA_TEXT.encode(),
            "entities.json": ENTITIES_TEXT.encode(),
        }
    )


def request_of(question: Question) -> dict[str, Any]:
    """Write a question in Cedar's JSON, independently of the package under test."""
    return {
        "principal": {"type": question.principal.type, "id": question.principal.id},
        "action": {"type": "Action", "id": question.action},
        "resource": {"type": question.resource.type, "id": question.resource.id},
        "context": json.dumps(_json(question.context)),
    }


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return {"__extn": {"fn": "decimal", "arg": text if "." in text else text + ".0"}}
    if isinstance(value, Uid):
        return {"__entity": {"type": value.type, "id": value.id}}
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value


@dataclass(frozen=True)
class Answer:
    """What the oracle says: the whole verdict, with errors by policy and text."""

    kind: str
    policies: tuple[str, ...]
    groups: tuple[str, ...]
    errors: tuple[str, ...]
    capture: str = ""
    redact: frozenset[str] = frozenset()


def oracle(texts: list[str], question: Question, schema: Schema | None) -> Answer:
    """Answer as DESIGN.md says, from Cedar's text parser and every policy; obligations unless denied."""
    request = request_of(question)
    result = _cedar(request, dict(enumerate(texts)), schema)
    if result.diagnostics.errors or result.decision is Decision.NoDecision:
        return Answer("deny", (), (), tuple(sorted(result.diagnostics.errors)))
    reasons = _reasons(result)
    if result.allowed:
        return Answer("allow", reasons, (), (), *_kept(texts, reasons))
    curable = [texts[int(name[1:])] for name in reasons if texts[int(name[1:])].startswith("@review")]
    if reasons and len(curable) == len(reasons):
        hard = {number: text for number, text in enumerate(texts) if not text.startswith("@review")}
        cured = _cedar(request, hard, schema)
        if cured.allowed and not cured.diagnostics.errors:
            groups = {group.strip() for text in curable for group in text.split('"')[1].split(",")}
            return Answer("review", reasons, tuple(sorted(groups)), (), *_kept(texts, _reasons(cured)))
        return Answer("deny", reasons, (), tuple(sorted(cured.diagnostics.errors)))
    return Answer("deny", reasons, (), ())


def _reasons(result: AuthzResult) -> tuple[str, ...]:
    return tuple(sorted(result.diagnostics.id_annotations_by_reason.values()))


def _kept(texts: list[str], permits: tuple[str, ...]) -> tuple[str, frozenset[str]]:
    """The strictest of what the generator writes on permits."""
    heads = [texts[int(name[1:])].split("permit")[0] for name in permits]
    annotations = " ".join(heads)
    if '"none"' in annotations:
        capture = "none"
    elif '"digest"' in annotations:
        capture = "digest"
    else:  # one permit that says nothing keeps the others from more than features
        capture = "full" if heads and all('"full"' in head for head in heads) else "features"
    return capture, frozenset({"d", "e"} if "@redact" in annotations else ())


def _cedar(request: dict[str, Any], texts: Mapping[int, str], schema: Schema | None) -> AuthzResult:
    written = "\n".join(f'@id("p{number}") {text};' for number, text in texts.items())
    return is_authorized(request, PolicySet.from_str(written), CEDAR_ENTITIES, schema)
