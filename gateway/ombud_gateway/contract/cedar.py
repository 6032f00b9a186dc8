# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A contract in the words of a Cedar schema: what `context.input` and `context.output` hold."""

from __future__ import annotations

from collections.abc import Iterable

from ombud_gateway.contract.spec import ContractSpec, FieldSpec

_TYPES = {"decimal": "decimal", "integer": "Long", "boolean": "Bool", "string": "String"}


def cedar_types(spec: ContractSpec) -> str:
    """Return `type Input` and `type Output`, as a bundle's schema declares them for this contract."""
    return _record("Input", spec.inputs) + _record("Output", spec.outputs)


def _record(name: str, fields: Iterable[FieldSpec]) -> str:
    seen = [field for field in fields if field.role not in ("subject", "protected")]
    lines = [f"  {field.name}{'?' if field.optional else ''}: {_TYPES[field.type]},\n" for field in seen]
    return f"type {name} = {{\n{''.join(lines)}}};\n" if lines else f"type {name} = {{}};\n"
