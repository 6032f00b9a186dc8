# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How a contract's fields appear in a Cedar schema, and whether a bundle's schema fits a contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ombud_gateway.contract import FieldSpec
from ombud_gateway.systems import System
from ombud_policies import Bundle

_CEDAR = {"decimal": "decimal", "integer": "Long", "boolean": "Bool", "string": "String"}
_SIDES = (("infer", "input"), ("release", "input"), ("release", "output"))


def features(fields: Iterable[FieldSpec]) -> dict[str, str]:
    """Return the Cedar type of each field that policies see, with a `?` where a call may leave it out."""
    return {
        field.name: _CEDAR[field.type] + ("?" if field.optional else "")
        for field in fields
        if field.role not in {"subject", "protected"}
    }


def misfits(system: System, bundle: Bundle) -> Iterator[str]:
    """Name each place where a call that keeps the contract would not fit the schema, and so be denied."""
    spec = system.contract.spec
    for action, side in _SIDES:
        declared = bundle.actions.get(action)
        if declared is None:
            yield f"action {action}: must be declared, or every call of system {system.name} is denied"
            continue
        record = declared.context.attributes.get(side)
        wanted: dict[str, tuple[Any, bool]] = getattr(record[0], "attributes", {}) if record else {}
        given = features(spec.inputs if side == "input" else spec.outputs)
        yield from _side(f"system {system.name}, action {action}, context.{side}", wanted, given)


def _side(where: str, wanted: dict[str, tuple[Any, bool]], given: dict[str, str]) -> Iterator[str]:
    for name, (kind, required) in sorted(wanted.items()):
        have = given.get(name, "")
        cedar = getattr(kind, "name", type(kind).__name__)
        typed = have.removesuffix("?")
        if have and typed != cedar:
            yield f"{where}.{name}: is {cedar} in the schema, must be {typed} as in the contract"
        elif required and (not have or have.endswith("?")):
            why = "a call may leave it out" if have else "the contract has no such field"
            yield f"{where}.{name}: is required by the schema, but {why}; write `{name}?: {cedar}`"
