# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a contract, as the ledger keeps it, says of a system's features and answers; values as Python's
own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ombud_reports.errors import OptionInvalid

Value = bool | int | float | str | None
"""A feature's value; None where it may be absent and is."""
Case = tuple[Value, ...]
"""The features of one case, in the contract's order."""

_FORMAT: Final = "ombud-contract/1"


@dataclass(frozen=True, slots=True)
class Field:
    """One typed value, as declared."""

    name: str
    type: Literal["decimal", "integer", "boolean", "string"]
    tensor: str
    position: int | None = None
    document: bool = False
    """Whether it lies inside a JSON document: such a field cannot be put back into a tensor here."""
    optional: bool = False
    role: str = "feature"
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    values: tuple[str | int, ...] = ()
    digits: int = 4
    """Digits after the point that policy sees, of a decimal."""

    @property
    def number(self) -> bool:
        """Whether it has a distance: a number that stands for an amount, not for a class."""
        return self.type in ("decimal", "integer") and not self.values

    def value(self, fact: str | float | bool | None) -> Value:
        """Return a fact as the value it stands for; facts write floats, and whole numbers beyond 2^53, as
        text."""
        if fact is None or self.type in ("boolean", "string"):
            return fact
        return float(fact) if self.type == "decimal" else int(fact)


@dataclass(frozen=True, slots=True)
class Contract:
    """Features and outputs of a system, in order. The person's identifier is no feature."""

    digest: str
    features: tuple[Field, ...]
    outputs: tuple[Field, ...]
    subject: Field | None

    def case(self, facts: Mapping[str, Any]) -> Case:
        """Return a case out of facts. Raises OptionInvalid where one is missing that must be there."""
        return tuple(_held(field, facts) for field in self.features)

    def outputs_of(self, facts: Mapping[str, Any]) -> Case:
        """Return the outputs that facts hold. Raises OptionInvalid."""
        return tuple(_held(field, facts) for field in self.outputs)

    def output(self, role: str) -> int | None:
        """Return which output has a role."""
        return next((at for at, field in enumerate(self.outputs) if field.role == role), None)


def parse_contract(stored: bytes, digest: str) -> Contract:
    """Read a contract object. Raises OptionInvalid for another format."""
    body = json.loads(stored)
    if body.get("format") != _FORMAT:
        raise OptionInvalid(
            f"contract {digest[:16]}: format is {str(body.get('format'))[:40]!r}, must be {_FORMAT}"
        )
    inputs = [_field(each) for each in body["inputs"]]
    return Contract(
        digest,
        tuple(field for field in inputs if field.role != "subject"),
        tuple(_field(each) for each in body["outputs"]),
        next((field for field in inputs if field.role == "subject"), None),
    )


def names(fields: Sequence[Field]) -> tuple[str, ...]:
    """Return the names of fields."""
    return tuple(field.name for field in fields)


def shown(value: Value, field: Field) -> str:
    """Return a value as people read it, with its unit."""
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{text} {field.unit}" if field.unit and field.unit != "code" else text


def _held(field: Field, facts: Mapping[str, Any]) -> Value:
    value = field.value(facts.get(field.name))
    if value is None and not field.optional:
        raise OptionInvalid(
            f"facts have no {field.name}: policy redacted it, so the case is not known as it was"
        )
    return value


def _field(body: Mapping[str, Any]) -> Field:
    low, high = (float(bound) for bound in body.get("range", (-math.inf, math.inf)))
    values = tuple(body.get("values", ()))
    return Field(
        body["name"],
        body["type"],
        body["tensor"],
        body.get("position"),
        "json" in body,
        body.get("optional", False),
        body.get("role", "feature"),
        body.get("unit", ""),
        low,
        high,
        tuple(int(value) for value in values) if body["type"] == "integer" else values,
        body.get("digits", 4),
    )
