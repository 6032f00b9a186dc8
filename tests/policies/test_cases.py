# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Policy tests: a case that does not hold, or cannot be read, keeps the bundle from loading and says why."""

from __future__ import annotations

import pytest

from ombud_policies import Bundle, BundleInvalid, draft_schema

CEDAR = """\
@id("small") permit (principal, action == Action::"infer", resource);
@id("large") @review("g") forbid (principal, action == Action::"infer", resource)
when { context.input.amount.greaterThan(decimal("9.0")) }
unless { context has approval && context.approval.groups.contains("g") };
"""
DEFAULTS = """\
defaults:
  principal: Agent::"a"
  action: infer
  resource: Model::"m"
  context:
    {system: s, method: m, model_version: "1", shared_memory: false, attempt: 1,
      input: {amount: !decimal "1.5"}}
cases:
"""
CASE = "  - name: one\n"


def _load(cases: str) -> Bundle:
    schema = draft_schema({"amount": "decimal", "note": "String?"}, {})
    files = {"p.cedar": CEDAR, "schema.cedarschema": schema, "entities.json": "[]", "tests/c.yaml": cases}
    return Bundle.from_files({name: text.encode() for name, text in files.items()})


def _problem(cases: str) -> tuple[int | None, str]:
    with pytest.raises(BundleInvalid) as caught:
        _load(cases)
    (problem,) = caught.value.problems
    assert problem.file == "tests/c.yaml"
    return problem.line, problem.message


@pytest.mark.parametrize(
    "case",
    [
        "    expect: {verdict: allow, policies: [small]}\n",
        "    expect: {verdict: allow, policies: [small], capture: features, redact: [], groups: []}\n",
        (
            '    context: {input: {amount: !decimal "10.0"}}\n'
            "    expect: {verdict: review, policies: [large], groups: [g]}\n"
            "    approved: {expect: {verdict: allow, policies: [small]}}\n"
        ),
        (
            '    context: {input: {amount: !decimal "10.0"}}\n'
            "    expect: {verdict: review, policies: [large], groups: [g]}\n"
            "    approved:\n"
            "      approval: {review: r, groups: [h], approvers: 1}\n"
            "      expect: {verdict: review, policies: [large], groups: [g]}\n"
        ),
        '    principal: !entity User::"u"\n    expect: {verdict: allow, policies: [small]}\n',
        '    context: {input: {note: "2026-01-01"}}\n    expect: {verdict: allow, policies: [small]}\n',
        "    context: {input: {note: 2026-01-01}}\n    expect: {verdict: allow, policies: [small]}\n",
        "    context: {input: {note: no}}\n    expect: {verdict: allow, policies: [small]}\n",
    ],
)
def test_cases_that_hold_pass(case: str) -> None:
    """Dates and `no` are texts here, as they look."""
    _load(DEFAULTS + CASE + case)


ALLOWED = "    expect: {verdict: allow, policies: [small]}\n"
DENIED = "    expect: {verdict: deny, policies: []}\n"


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("    expect: {verdict: deny, policies: [small]}\n", "expected verdict deny, got allow"),
        ("    expect: {verdict: allow, policies: []}\n", "expected policies [], got [small]"),
        (
            "    expect: {verdict: allow, policies: [small], capture: none}\n",
            "expected capture none, got features",
        ),
        (
            ALLOWED + "    approved: {expect: {verdict: deny, policies: []}}\n",
            "approved: expected verdict deny, got allow",
        ),
        ("    context: {input: {nota: x}}\n" + ALLOWED, "does not fit the schema"),
        ("    context: {input: {note: 3}}\n" + ALLOWED, "does not fit the schema"),
        ('    principal: Robot::"r"\n' + DENIED, "does not apply"),
        ("    context: {input: {amount: 1}}\n" + DENIED, "wants a Decimal"),
    ],
)
def test_cases_that_do_not_hold_say_what_came_instead(case: str, words: str) -> None:
    """Line, name, wanted and found."""
    line, message = _problem(DEFAULTS + CASE + case)
    assert line == DEFAULTS.count("\n") + 1
    assert words in message


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("    expect: {verdict: perhaps, policies: []}\n", "allow, deny or review"),
        ("    expect: {verdict: allow}\n", "policies is missing"),
        ("    expect: {verdict: review, policies: [large]}\n", "groups is missing"),
        ("    expekt: {}\n", "unknown expekt"),
        ("    expect: {verdict: allow, policies: [small], capture: all}\n", "capture must be one of"),
        (
            "    context: {input: {amount: 1.5}}\n    expect: {verdict: allow, policies: [small]}\n",
            '!decimal "1.5"',
        ),
        (
            "    context: {input: {amount: !decimal x}}\n    expect: {verdict: allow, policies: []}\n",
            "not a decimal",
        ),
        ("    context: {input: {amount: !!python/name:os.system }}\n", "could not determine a constructor"),
        ("    context: {a: &x 1, b: *x}\n", "aliases are not read"),
        ("    name: two\n", "written twice"),
        ("    principal: nobody\n    expect: {verdict: allow, policies: []}\n", "is not an entity"),
        ("    principal: !entity nobody\n", "is not an entity"),
        ("    [\n", "expected"),
    ],
)
def test_cases_that_cannot_be_read_are_problems(case: str, words: str) -> None:
    """A mistyped case never passes for a passing one."""
    _, message = _problem(DEFAULTS + CASE + case)
    assert words in message


@pytest.mark.parametrize(
    "text",
    ["", "[]", "cases: 3", "a: 1\ncases: []", "cases: [3]", "--- {}\n--- {}", "\x00", "cases: " + "[" * 500],
)
def test_files_that_are_no_cases_are_problems(text: str) -> None:
    """An empty or foreign file is refused."""
    _problem(text)


def test_a_name_is_used_once() -> None:
    """Two cases of one name would be told apart by nobody."""
    one = CASE + "    expect: {verdict: allow, policies: [small]}\n"
    assert "is taken" in _problem(DEFAULTS + one + one)[1]
