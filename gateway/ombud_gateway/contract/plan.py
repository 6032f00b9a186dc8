# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled form of a contract's side: which elements to read from which tensor, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ombud_gateway.contract.elements import ElementReader, element_reader, text
from ombud_gateway.contract.errors import Breach
from ombud_gateway.contract.json_path import ABSENT, JsonError, Path, follow, parse_document, parse_path
from ombud_gateway.contract.spec import FieldSpec
from ombud_gateway.contract.tensor import DATATYPES, Tensor
from ombud_gateway.contract.values import JSON, ContextValue, Converter, FactValue, converter

CellReader = tuple[ElementReader, Converter]
"""How one element is got from a tensor of some datatype, and what becomes of it."""

_ONLY_FACTS = ("subject", "protected")


@dataclass(frozen=True, slots=True)
class Cell:
    """One field at one place of a tensor, with a reader for each datatype the tensor may turn out to have."""

    name: str
    field: FieldSpec
    position: int
    to_context: bool
    readers: Mapping[str, CellReader]


@dataclass(frozen=True, slots=True)
class Document:
    """Fields inside the JSON document at one place of a BYTES tensor."""

    position: int
    paths: tuple[tuple[Path, FieldSpec, Converter], ...]

    def read(self, tensor: Tensor, context: dict[str, ContextValue], facts: dict[str, FactValue]) -> None:
        """Add what the document holds to context and facts."""
        first = self.paths[0][1].name
        if tensor.datatype != "BYTES":
            raise Breach(first, f"in a tensor of {tensor.datatype}", "JSON in a tensor of BYTES")
        if self.position >= tensor.size:
            refuse_absence(field for _, field, _ in self.paths)
            return
        try:
            parsed = parse_document(text(tensor, self.position))
        except JsonError as error:
            raise Breach(first, "in an unreadable document", f"in {error}") from error
        for path, field, convert in self.paths:
            element = follow(parsed, path)
            if element is ABSENT:
                refuse_absence((field,))
                continue
            typed, facts[field.name] = convert(element)
            if field.role not in _ONLY_FACTS:
                context[field.name] = typed


@dataclass(frozen=True, slots=True)
class Source:
    """All that is read from one tensor. `single`: its row must hold exactly one element."""

    tensor: str
    single: bool
    cells: tuple[Cell, ...]
    documents: tuple[Document, ...]
    fields: tuple[FieldSpec, ...]

    def read(self, tensor: Tensor, context: dict[str, ContextValue], facts: dict[str, FactValue]) -> None:
        """Add what the tensor holds to context and facts."""
        for cell, (read, convert) in self.cells_of(tensor):
            typed, facts[cell.name] = convert(read(tensor))
            if cell.to_context:
                context[cell.name] = typed
        for document in self.documents:
            document.read(tensor, context, facts)

    def cells_of(self, tensor: Tensor) -> Iterator[tuple[Cell, CellReader]]:
        """Yield the cells that are there, with readers; raise `Breach` for another shape or datatype."""
        shape = tensor.shape
        if (len(shape) > 1 and shape[0] != 1) or (self.single and tensor.size != 1):
            raise self._not_one_row(tensor)
        for cell in self.cells:
            if cell.position >= tensor.size:
                refuse_absence((cell.field,))
                continue
            reader = cell.readers.get(tensor.datatype)
            if reader is None:
                expected = f"in a tensor of {', '.join(cell.readers)}"
                raise Breach(cell.name, f"in a tensor of {tensor.datatype}", expected)
            yield cell, reader

    def _not_one_row(self, tensor: Tensor) -> Breach:
        rows = tensor.shape[0] if tensor.shape else 1
        if rows != 1:
            return Breach("rows", f"{rows} in tensor {tensor.name!r}", "1: one row per call")
        return Breach(self.fields[0].name, f"one of {tensor.size} elements", "the only element of its tensor")


def plan(fields: Sequence[FieldSpec]) -> tuple[Source, ...]:
    """Compile the fields of one side, grouped by tensor in declared order."""
    grouped: dict[str, list[FieldSpec]] = {}
    for field in fields:
        grouped.setdefault(field.source, []).append(field)
    return tuple(
        Source(
            tensor,
            single=all(field.position is None for field in group),
            cells=tuple(_cell(field) for field in group if field.json_path is None),
            documents=_documents(group),
            fields=tuple(group),
        )
        for tensor, group in grouped.items()
    )


def refuse_absence(fields: Iterable[FieldSpec]) -> None:
    """Raise a breach for the first field that must be there."""
    for field in fields:
        if not field.optional:
            raise Breach(field.name, "absent", "present")


def _cell(field: FieldSpec) -> Cell:
    position = field.position or 0
    readers = {
        datatype: (element_reader(datatype, position), convert)
        for datatype in sorted(DATATYPES)
        if (convert := converter(field, datatype)) is not None
    }
    return Cell(field.name, field, position, field.role not in _ONLY_FACTS, readers)


def _documents(fields: Sequence[FieldSpec]) -> tuple[Document, ...]:
    grouped: dict[int, list[Any]] = {}
    for field in fields:
        convert = converter(field, JSON)
        if field.json_path is not None and convert is not None:
            paths = grouped.setdefault(field.position or 0, [])
            paths.append((parse_path(field.json_path), field, convert))
    return tuple(Document(position, tuple(paths)) for position, paths in grouped.items())
