# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A small ledger with decisions to explain: two numbers, a class, a boolean that may be absent, a protected
text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from governed import bundle_files
from ombud_gateway.systems import System, parse_system
from ombud_ledger import Facts, Ledger, Options
from ombud_policies import Bundle
from ombud_reports.explain import Answers, Case, GovernedCall
from ombud_reports.result import Window

SYSTEM: Final = """\
system: loans
purpose: Score applications in tests.
owner: The tests
risk: minimal
retention:
  entries: {period: 12m, reason: The tests read them back.}
  facts: {period: 12m, reason: The tests read them back.}
  payloads: {period: 30d, reason: The tests read them back.}
models:
  - {name: scorer, upstream: models}
contract:
  inputs:
    - {name: amount, type: decimal, digits: 2, unit: USD, range: [0, 1000]}
    - {name: months, type: integer, range: [1, 60]}
    - {name: history, type: string, values: [good, bad]}
    - {name: owner, type: boolean, optional: true}
    - {name: sex, type: string, values: [f, m], role: protected}
  outputs:
    - {name: approve, type: boolean, role: label}
    - {name: confidence, type: decimal, digits: 4, range: [0, 1], role: confidence}
"""
WINDOW: Final = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
CONFIG: Final = "c0" * 32
_START: Final = 1_700_000_000_000_000


def system() -> System:
    """The system."""
    return parse_system(SYSTEM, file="loans.yaml")


def margin(case: Case) -> float:
    """Log-odds of approval: the model of these tests, which knows nothing of sex."""
    amount, months, history, owner, _ = case
    assert isinstance(amount, float)
    assert isinstance(months, int)
    joint = 1.0 if owner and history == "good" else 0.0
    return 2.0 - amount / 200 - months / 60 + (1.0 if history == "good" else -1.5) + joint


def answer(case: Case) -> Case:
    """What the model answers."""
    chance = 1 / (1 + math.exp(-margin(case)))
    return chance > 0.5, max(chance, 1 - chance)


class Model:
    """Answers, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Case]] = []

    def __call__(self, cases: Sequence[Case]) -> Answers:
        """Answer cases."""
        self.asked.append(cases)
        call = GovernedCall(f"e-{len(self.asked)}", f"r0-0:{len(self.asked)}", len(cases))
        return Answers(tuple(answer(case) for case in cases), (call,))


def case_of(number: int) -> Case:
    """Return the application of decision `d-NUMBER`."""
    return (
        float(number * 37 % 1000),
        1 + number * 7 % 60,
        "good" if number % 3 else "bad",
        None if number % 5 == 0 else number % 2 == 0,
        "fm"[number % 2],
    )


def record(root: Path, count: int = 40, *, reviewed: int = 7, explained: Sequence[GovernedCall] = ()) -> None:
    """Write a ledger of `count` answered decisions; one was held for a person first, then let through."""
    now = [_START]

    def clock() -> int:
        now[0] += 1_000
        return now[0]

    bundle = Bundle.from_files(bundle_files())
    ledger = Ledger.open(
        root,
        log="r0-0",
        origin="acme.example/test/r0",
        options=Options(seal_automatically=False),
        clock=clock,
    )
    add = ledger.append_blocking
    try:
        contract = ledger.put_object(system().contract.to_bytes())
        packed = ledger.put_object(bundle.to_bytes())
        source = ledger.put_object(system().source)
        add("system", {"event": "declared", "system": "loans", "digest": source, "contract": contract}, None)
        common = {
            "system": "loans",
            "principal": 'Agent::"intake"',
            "model": "scorer",
            "model_version": "1",
            "config_digest": CONFIG,
            "artifact_digest": "not supplied",
            "bundle": packed,
            "action": "infer",
        }
        for number in range(count):
            facts = _facts(contract, case_of(number))
            body: dict[str, Any] = {
                **common,
                "contract": contract,
                "id": f"d-{number}",
                "verdict": "allow",
                "stage": "release",
                "policies": ["agents-ask"],
                "outcome": "answered",
            }
            if number == reviewed:
                body |= {"verdict": "review", "policies": ["unsure"], "outcome": "held", "review": "r-1"}
            add("decision", body, facts)
        add("review", {"id": "r-1", "event": "opened", "stage": "release", "system": "loans"}, None)
        said = Facts(contract=None, values={}, extra={"reason": "income proven by letter"})
        by = {
            "id": "r-1",
            "event": "approved",
            "stage": "release",
            "system": "loans",
            "group": "officers",
            "approver": 'User::"olga"',
        }
        add("review", by, said)
        add("intent", {**common, "id": "d-later", "approval": "r-1", "verdict": "allow"}, None)
        for call in explained:
            body = {
                **common,
                "action": "explain",
                "id": call.decision,
                "cases": call.cases,
                "outcome": "answered",
            }
            add("decision", body, None)
    finally:
        ledger.close()


def _facts(contract: str, case: Case) -> Facts:
    values: dict[str, str | int | bool] = {}
    named = zip(system().contract.spec.inputs, case, strict=True)
    answered = zip(system().contract.spec.outputs, answer(case), strict=True)
    for field, value in (*named, *answered):
        if value is not None:
            values[field.name] = repr(value) if isinstance(value, float) else value
    return Facts(contract=contract, values=values)
