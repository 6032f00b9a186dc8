# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Cost of one policy decision with 2, 200 and 2,000 policies, against plain Cedar asked with all of them.

The question is an `infer` with 12 features, of which policies read two decimals. `few_match`: two policies
name the model that is asked for, the others name other models, as when many systems share a gateway.
`all_match`: every policy names the model, which no slicing can help. In both, one policy compares two
attributes, so that no two questions are alike and Cedar is asked every time. `remembered` is `few_match`
with literals alone: the questions differ, but not to policy. `cedar_us` is cedarpy with parsed policies and
entities, the whole context and no schema. `load_ms` is checking and building a bundle, `first_ms` the first
decision, which cuts the slice. Medians over rounds, all sizes in turns, so that noise
hurts all alike.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from cedarpy import AuthzResult, Entities, PolicySet, is_authorized

from ombud_policies import Bundle, Engine, Question, Uid, Value, draft_schema

_SIZES = (2, 200, 2_000)
_ROUNDS = 15
_DECIMALS = ("loan_amount", "obligation_ratio", *(f"amount_{number}" for number in range(6)))
_COUNTS = tuple(f"count_{number}" for number in range(4))
_CAP, _AMOUNT = 'decimal("45.0")', 'decimal("900.0")'
_LIMIT = "context.input.amount_0"
"""What the ratio is compared with where Cedar is to be asked every time."""
_ENTITIES = json.dumps(
    [
        {"uid": {"type": "Group", "id": "agents"}, "attrs": {}, "parents": []},
        {
            "uid": {"type": "Agent", "id": "intake"},
            "attrs": {},
            "parents": [{"type": "Group", "id": "agents"}],
        },
    ]
)


def run(sizes: tuple[int, ...] = _SIZES, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Measure both ways of matching at each size; times in microseconds a decision, load in milliseconds."""
    sides = {
        name: {f"{size}_policies": _Side(size, model, most) for size in sizes}
        for name, model, most in (
            ("few_match", "other", _LIMIT),
            ("all_match", "loan", _LIMIT),
            ("remembered", "other", _CAP),
        )
    }
    for _ in range(rounds):
        for by_size in sides.values():
            for side in by_size.values():
                side.measure()
    figures: dict[str, Any] = {
        name: {size: side.figures() for size, side in by_size.items()} for name, by_size in sides.items()
    }
    first, *_, last = figures["few_match"].values()
    figures["few_match_growth"] = round(last["ombud_us"] / first["ombud_us"], 2)
    return figures


class _Side:
    """One size of bundle, asked through the engine and through plain Cedar."""

    def __init__(self, size: int, model: str, most: str) -> None:
        cedar = _policies(size, model, most)
        files = {"p.cedar": cedar, "schema.cedarschema": _schema(), "entities.json": _ENTITIES}
        question = _question(3_125)
        self._questions = map(_question, itertools.count())
        start = time.perf_counter()
        self._engine = Engine(Bundle.from_files({name: text.encode() for name, text in files.items()}))
        loaded = time.perf_counter()
        verdict = self._engine.decide(question)
        self._load_ms, self._first_ms = (loaded - start) * 1e3, (time.perf_counter() - loaded) * 1e3
        self._policies = PolicySet.from_str(cedar)
        self._entities = Entities.from_json_str(_ENTITIES)
        self._request = _request(question)
        assert (verdict.kind == "allow") is self._plain().allowed is True
        self._repeat = max(5, 1_000 // size)
        self._times: dict[str, list[float]] = {"ombud": [], "cedar": []}

    def measure(self) -> None:
        """Time one round of each."""
        asked = itertools.islice(self._questions, 10 * self._repeat)
        self._times["ombud"].append(_time(self._engine.decide, [*asked]))
        self._times["cedar"].append(_time(lambda _: self._plain(), range(self._repeat)))

    def figures(self) -> dict[str, float]:
        """Return the medians."""
        ombud_us, cedar_us = (statistics.median(times) for times in self._times.values())
        return {
            "ombud_us": round(ombud_us, 1),
            "cedar_us": round(cedar_us, 1),
            "cedar_over_ombud": round(cedar_us / ombud_us, 1),
            "load_ms": round(self._load_ms, 1),
            "first_ms": round(self._first_ms, 2),
        }

    def _plain(self) -> AuthzResult:
        return is_authorized(self._request, self._policies, self._entities)


def _time(call: Callable[[Any], object], arguments: Sequence[Any]) -> float:
    start = time.perf_counter()
    for argument in arguments:
        call(argument)
    return (time.perf_counter() - start) / len(arguments) * 1e6


def _policies(size: int, model: str, most: str) -> str:
    texts = [
        '@id("permit") permit (principal in Group::"agents", action, resource == Model::"loan");',
        _forbid("cap", "loan", "obligation_ratio", most),
    ]
    texts += [
        _forbid(f"f{number}", model if model == "loan" else f"{model}{number}", "loan_amount", _AMOUNT)
        for number in range(size - 2)
    ]
    return "\n".join(texts)


def _forbid(name: str, model: str, feature: str, most: str) -> str:
    scope = f'forbid (principal, action == Action::"infer", resource == Model::"{model}")'
    return f'@id("{name}") {scope} when {{ context.input.{feature}.greaterThan({most}) }};'


def _schema() -> str:
    features = dict.fromkeys(_DECIMALS, "decimal") | dict.fromkeys(_COUNTS, "Long")
    return draft_schema(features, {})


def _question(number: int) -> Question:
    ratio = Decimal(number % 450_000) / 10_000
    amount = Decimal(number % 9_000_000) / 10_000
    features: dict[str, Value] = {name: Decimal("31.25") for name in _DECIMALS}
    features |= {"obligation_ratio": ratio, "loan_amount": amount, "amount_0": Decimal(45)}
    features |= dict.fromkeys(_COUNTS, 3)
    context: dict[str, Value] = {"system": "credit", "method": "ModelInfer", "model_version": "1"}
    context |= {"shared_memory": False, "attempt": 1, "input": features}
    return Question(Uid("Agent", "intake"), "infer", Uid("Model", "loan"), context)


def _request(question: Question) -> dict[str, Any]:
    features = {name: {"__extn": {"fn": "decimal", "arg": "31.25"}} for name in _DECIMALS}
    return {
        "principal": {"type": "Agent", "id": "intake"},
        "action": {"type": "Action", "id": "infer"},
        "resource": {"type": "Model", "id": "loan"},
        "context": json.dumps({**question.context, "input": {**features, **dict.fromkeys(_COUNTS, 3)}}),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
