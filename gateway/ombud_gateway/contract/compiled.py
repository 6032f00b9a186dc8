# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A contract, compiled once and read on every call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ombud_gateway.contract.errors import TensorInvalid, shown
from ombud_gateway.contract.packed import Layout, Packed, Row, compile_row
from ombud_gateway.contract.plan import plan, refuse_absence
from ombud_gateway.contract.spec import ContractSpec, FieldSpec
from ombud_gateway.contract.tensor import Tensor
from ombud_gateway.contract.values import JSON, ContextValue, FactValue, converter, read_text
from ombud_gateway.errors import Invalid

COLUMNS = {"decimal": "double", "integer": "bigint", "boolean": "boolean", "string": "varchar"}
_FORMAT = "ombud-contract/1"
_MOST_ROWS = 64
"""Layouts whose readers are remembered."""


@dataclass(frozen=True, slots=True)
class Typed:
    """One side of a call as its contract types it.

    `context` is for policy, without subject and protected fields; `facts` has every field, exactly, but the
    subject, who stands apart: as text, None where the call names nobody. Fields of tensors in shared memory
    are in neither.
    """

    context: Mapping[str, ContextValue]
    facts: Mapping[str, FactValue]
    subject: str | None


class Contract:
    """Types the tensors of a system's calls."""

    def __init__(self, spec: ContractSpec) -> None:
        self.spec = spec
        self._inputs = _Side(spec.inputs)
        self._outputs = _Side(spec.outputs)
        subject = next((field for field in spec.inputs if field.role == "subject"), None)
        self.subject = subject.name if subject else None
        """Name of the field that says whom a call is about, if there is one."""
        self.label = next((field for field in spec.outputs if field.role == "label"), None)
        """The output that labels tell the truth about, if there is one."""
        self._as_label = converter(self.label, JSON) if self.label else None
        self._only_subject = _Side([subject] if subject else [])
        self._bytes = _to_bytes(spec)
        self.digest = hashlib.sha256(self._bytes).hexdigest()
        self.required_outputs = frozenset(field.source for field in spec.outputs if not field.optional)

    def inputs(self, tensors: Iterable[Tensor]) -> Typed:
        """Type a request's tensors; raise `Breach`, or `TensorInvalid` where bytes contradict themselves."""
        context, facts = self._inputs.read(tensors)
        return Typed(context, facts, None if self.subject is None else self._taken_from(facts))

    def subject_of(self, tensors: Iterable[Tensor]) -> str | None:
        """Return whom a request is about that breaches the contract elsewhere; None if that is unclear."""
        if self.subject is None:
            return None
        try:
            return self._taken_from(self._only_subject.read(tensors)[1])
        except Invalid:
            return None

    def _taken_from(self, facts: dict[str, FactValue]) -> str | None:
        found = facts.pop(self.subject or "", "")
        return str(found) if found != "" else None

    def outputs(self, tensors: Iterable[Tensor]) -> Typed:
        """Type an answer's tensors; raise as `inputs` does."""
        context, facts = self._outputs.read(tensors)
        return Typed(context, facts, None)

    def label_of(self, told: bool | int | float | str) -> FactValue:
        """Type a label that is reported of a call; text stands for any type as it is written.

        Raises `Breach` for what the output with role label could not be, `Invalid` where there is none.
        """
        if self.label is None or self._as_label is None:
            raise Invalid("NO_LABEL", "the system's contract has no output with role label")
        return self._as_label(read_text(self.label, told))[1]

    def to_bytes(self) -> bytes:
        """Return the contract as canonical JSON, for the ledger's `objects/`; `digest` is its SHA-256."""
        return self._bytes


class _Side:
    """Inputs or outputs, ready to read."""

    def __init__(self, fields: Sequence[FieldSpec]) -> None:
        self._sources = plan(fields)
        self._rows: dict[Layout, Row | None] = {}

    def read(self, tensors: Iterable[Tensor]) -> tuple[dict[str, ContextValue], dict[str, FactValue]]:
        if isinstance(tensors, Packed):
            row = self._row(tensors.layout)
            if row is not None:
                return row.read(tensors.raw)
        given: dict[str, Tensor] = {}
        for tensor in tensors:
            if tensor.name in given:
                raise TensorInvalid(f"tensor {shown(tensor.name)} is given twice")
            given[tensor.name] = tensor
        context: dict[str, ContextValue] = {}
        facts: dict[str, FactValue] = {}
        for source in self._sources:
            found = given.get(source.tensor)
            if found is None:
                refuse_absence(source.fields)
            elif not found.shared_memory:
                source.read(found, context, facts)
        return context, facts

    def _row(self, layout: Layout) -> Row | None:
        if layout not in self._rows:
            if len(self._rows) >= _MOST_ROWS:
                self._rows.pop(next(iter(self._rows)))
            self._rows[layout] = compile_row(self._sources, layout)
        return self._rows[layout]


def _to_bytes(spec: ContractSpec) -> bytes:
    """Canonical JSON knows no floats and no null: bounds are text, what is not declared is left out."""
    body = {
        "format": _FORMAT,
        "columns": [
            # Of the subject, facts keep a pseudonym, whatever the type of the identifier.
            {"name": field.name, "type": COLUMNS["string" if field.role == "subject" else field.type]}
            for field in (*spec.inputs, *spec.outputs)
        ],
        "inputs": [_declared(field) for field in spec.inputs],
        "outputs": [_declared(field) for field in spec.outputs],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _declared(field: FieldSpec) -> dict[str, Any]:
    body: dict[str, Any] = field.model_dump(by_alias=True, exclude_none=True, mode="json")
    body["tensor"] = field.source
    if field.type == "decimal":
        body["digits"] = field.decimal_digits
    if field.type == "string":
        body["max_bytes"] = field.text_bytes
    for key in ("range", "values"):
        if key in body:
            body[key] = [str(value) for value in body[key]]
    return body
