# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Run a bundle's own tests: every case through the engine, and through plain Cedar with schema beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cedarpy import Decision, is_authorized

from ombud_policies.casefile import Case, Expected, read_cases
from ombud_policies.context import decimal_text
from ombud_policies.engine import Engine
from ombud_policies.errors import ContextInvalid, Problem
from ombud_policies.question import Question, Uid, Verdict
from ombud_policies.slices import policy_set

if TYPE_CHECKING:
    from ombud_policies.bundle import Bundle


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case and what was wrong with it; nothing, if it passed."""

    file: str
    line: int
    name: str
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a bundle's tests showed. `untested` are the policies that determined no verdict of any case."""

    __test__ = False  # a report, not a test class of pytest

    cases: tuple[CaseResult, ...]
    unreadable: tuple[Problem, ...]
    untested: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every case could be read and passed."""
        return not self.problems

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that keeps the bundle from loading, one problem per failing case."""
        failed = [
            Problem(case.file, f"case {case.name!r}: {'; '.join(case.failures)}", case.line)
            for case in self.cases
            if not case.passed
        ]
        return (*self.unreadable, *failed)


def run_tests(bundle: Bundle) -> TestReport:
    """Run the cases of `tests/*.yaml`; never raises for what they contain."""
    unreadable: list[Problem] = []
    cases = [
        case
        for name in sorted(bundle.files)
        if name.startswith("tests/")
        for case in read_cases(name, bundle.files[name], unreadable.append)
    ]
    runner = _Runner(bundle)
    results = tuple(
        CaseResult(case.file, case.line, case.name, tuple(runner.failures(case))) for case in cases
    )
    untested = tuple(name for name in bundle.policy_ids if name not in runner.determining)
    return TestReport(results, tuple(unreadable), untested)


class _Runner:
    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._engine = Engine(bundle)
        self._everything = policy_set(policy.tree for policy in bundle.policies)
        self.determining: set[str] = set()

    def failures(self, case: Case) -> list[str]:
        found, verdict = self._ask(case.question, case.expected)
        if case.approved is None:
            return found
        approval = case.approval or {"review": "case", "groups": list(verdict.groups), "approvers": 1}
        again = Question(
            case.question.principal,
            case.question.action,
            case.question.resource,
            {**case.question.context, "approval": approval},
        )
        return found + [f"approved: {failure}" for failure in self._ask(again, case.approved)[0]]

    def _ask(self, question: Question, expected: Expected) -> tuple[list[str], Verdict]:
        verdict = self._engine.decide(question)
        self.determining.update(verdict.policies)
        failures = [
            f"expected {name} {_shown(wanted)}, got {_shown(got)}"
            for name, wanted, got in (
                ("verdict", expected.verdict, verdict.kind),
                ("policies", expected.policies, verdict.policies),
                ("groups", expected.groups, verdict.groups),
                ("capture", expected.capture, verdict.capture),
                ("redact", expected.redact, verdict.redact),
            )
            if wanted is not None and wanted != got
        ]
        failures += [f"error: {error}" for error in verdict.errors]
        return failures + self._against_cedar(question, verdict), verdict

    def _against_cedar(self, question: Question, verdict: Verdict) -> list[str]:
        """Ask Cedar with every policy, the whole context and the schema, which finds mistakes in the case."""
        try:
            request = cedar_request(question)
        except ContextInvalid as error:
            return [f"the context cannot be written: {error}"]
        result = is_authorized(request, self._everything, self._bundle.entities, self._bundle.schema)
        if result.decision is Decision.NoDecision:
            return [f"the case does not fit the schema: {error}" for error in result.diagnostics.errors]
        got = (result.allowed, tuple(sorted(result.diagnostics.reasons)))
        if not result.diagnostics.errors and got != (verdict.kind == "allow", verdict.policies):
            return [f"the engine and Cedar disagree: Cedar says {_shown(got)}; please report this"]
        return []


def cedar_request(question: Question) -> dict[str, Any]:
    """Write a question in Cedar's JSON, all of it; raise ContextInvalid for a value that has no such form."""
    return {
        "principal": {"type": question.principal.type, "id": question.principal.id},
        "action": {"type": "Action", "id": question.action},
        "resource": {"type": question.resource.type, "id": question.resource.id},
        "context": json.dumps(_plain(question.context, "context")),
    }


def _plain(value: Any, path: str) -> Any:
    match value:
        case bool() | int() | str():
            return value
        case Decimal():
            return {"__extn": {"fn": "decimal", "arg": decimal_text(value, path)}}
        case Uid(kind, name):
            return {"__entity": {"type": kind, "id": name}}
        case list() | tuple():
            return [_plain(item, f"{path}[]") for item in value]
        case Mapping():
            reserved = {"__entity", "__extn", "__expr"} & set(value)
            if reserved:
                raise ContextInvalid(f"{path} has the reserved key {min(reserved)}")
            return {key: _plain(item, f"{path}.{key}") for key, item in value.items()}
    raise ContextInvalid(f"{path} is of type {type(value).__name__}, which is not a Cedar value")


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, frozenset)):
        return "[" + ", ".join(map(str, sorted(value, key=str))) + "]"
    return str(value)
