# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The model as explanations see it: a function from cases to outputs; and the one number that is
explained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ombud_reports.explain.attribution import Floats, Matrix
from ombud_reports.explain.contract import Case, Contract, Value

_NEAREST: Final = 2.0**-40


@dataclass(frozen=True, slots=True)
class GovernedCall:
    """One call through the gateway that asked the model: under which id it is recorded, and about how many
    cases."""

    decision: str
    position: str
    cases: int


@dataclass(frozen=True, slots=True)
class Answers:
    """The outputs for each case, in the contract's order, and the calls that gave them."""

    outputs: tuple[Case, ...]
    calls: tuple[GovernedCall, ...]


Ask = Callable[[Sequence[Case]], Answers]
"""Puts cases to the model; raises where it cannot be asked, or is not the model that decided."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which number of an answer is explained."""

    kind: Literal["label probability", "probability", "number", "label"]
    at: int
    confidence: int | None = None
    label: Value = None

    def words(self, contract: Contract) -> str:
        """Say what the number is."""
        name = contract.outputs[self.at].name
        match self.kind:
            case "label probability":
                assert self.confidence is not None  # noqa: S101 - of that kind it has one
                confidence = contract.outputs[self.confidence].name
                return f"log-odds of {name} = yes, by the model's own {confidence}"
            case "probability":
                return f"log-odds of {name}"
            case "number":
                return name
            case "label":
                return f"1 where {name} is {self.label}, else 0"

    def of(self, outputs: Case) -> float:
        """Return the number; raises ValueError where the model gave none."""
        value = outputs[self.at]
        if self.kind == "label":
            return float(value == self.label)
        if self.kind == "label probability":
            sure = outputs[self.confidence or 0]
            if not isinstance(sure, float) or not isinstance(value, bool):
                raise ValueError("the model gave no label and confidence")
            return log_odds(sure if value else 1.0 - sure)
        if not isinstance(value, int | float):
            raise ValueError("the model gave no number")
        return log_odds(float(value)) if self.kind == "probability" else float(value)


def target_of(contract: Contract, outputs: Case) -> Target | None:
    """Choose what is explained: a score, else a label with its confidence, else whether the label is the
    same."""
    score, label, confidence = (contract.output(role) for role in ("score", "label", "confidence"))
    if score is not None:
        field = contract.outputs[score]
        return Target("probability" if (field.low, field.high) == (0.0, 1.0) else "number", score)
    if label is None:
        return None
    field = contract.outputs[label]
    if field.type == "boolean" and confidence is not None:
        return Target("label probability", label, confidence)
    if field.type == "decimal":
        return Target("number", label)
    return Target("label", label, label=outputs[label])


def log_odds(probability: float) -> float:
    """Return the natural log-odds; a probability of 0 or 1 counts as 2^-40 away from it."""
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"the model's probability is {probability}, must be within 0 to 1")
    held = min(max(probability, _NEAREST), 1.0 - _NEAREST)
    return math.log(held / (1.0 - held))


def predicting(ask: Ask, target: Target) -> Callable[[Matrix], Floats]:
    """Return the function that is attributed: rows of features in, one number a row out."""

    def predict(rows: Matrix) -> Floats:
        answers = ask([tuple(row) for row in rows.tolist()])
        return np.array([target.of(each) for each in answers.outputs])

    return predict
