# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that differ in their bytes alone: a layout checked once, and a reader compiled for it.

A client sends the same tensors again and again. What their names, datatypes and shapes mean to a contract is
settled when a layout is first seen; after that one `struct` call unpacks a whole message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ombud_gateway.contract.errors import Breach
from ombud_gateway.contract.plan import Source, refuse_absence
from ombud_gateway.contract.tensor import SCALARS, SIZES, Tensor
from ombud_gateway.contract.values import ContextValue, Converter, FactValue

_MOST_ELEMENTS = 4_096
"""Elements of a message beyond which unpacking all of it costs more than reading what is declared."""


class Layout:
    """Tensors of raw bytes, without the bytes; equal only to itself.

    `lengths` are the bytes that each tensor must have.
    """

    __slots__ = ("heads", "lengths")

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.heads = tuple(tensor._replace(raw=None) for tensor in tensors)
        self.lengths = [tensor.size * SIZES[tensor.datatype] for tensor in tensors]

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> Layout | None:
        """Return the layout of checked tensors; None where one is typed, shared or of elements that vary."""
        if all(tensor.raw is not None and tensor.datatype in SIZES for tensor in tensors):
            return cls(tensors)
        return None


class Packed(Sequence[Tensor]):
    """The tensors of a message of a known layout; each is made only for who asks for it.

    The caller has compared the lengths of `raw` with the layout's.
    """

    __slots__ = ("layout", "raw")

    def __init__(self, layout: Layout, raw: Sequence[bytes]) -> None:
        self.layout = layout
        self.raw = raw

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, index: int) -> Tensor:  # type: ignore[override]  # nobody slices tensors
        return self.layout.heads[index]._replace(raw=self.raw[index])

    def __iter__(self) -> Iterator[Tensor]:
        return (head._replace(raw=raw) for head, raw in zip(self.layout.heads, self.raw, strict=True))


class _Field(NamedTuple):
    at: int  # number of its element, counted through the message
    name: str
    convert: Converter
    to_context: bool


class Row:
    """Reads the fields of one side from messages of one layout."""

    __slots__ = ("_fields", "_unpack")

    def __init__(self, codes: str, fields: Sequence[_Field]) -> None:
        self._unpack = struct.Struct(codes).unpack
        self._fields = tuple(fields)

    def read(self, raw: Sequence[bytes]) -> tuple[dict[str, ContextValue], dict[str, FactValue]]:
        """Return context and facts; raise `Breach` for a value that is none of its field's."""
        values = self._unpack(b"".join(raw))
        context: dict[str, ContextValue] = {}
        facts: dict[str, FactValue] = {}
        for at, name, convert, to_context in self._fields:
            typed, facts[name] = convert(values[at])
            if to_context:
                context[name] = typed
        return context, facts


def compile_row(sources: Sequence[Source], layout: Layout) -> Row | None:
    """Return the reader of a layout, or None where a message must be looked at tensor by tensor.

    So it must where something is amiss, which is then told as ever, and where a field is inside a document.
    """
    codes = ["<"]
    starts: dict[str, tuple[int, Tensor]] = {}
    total = 0
    for head in layout.heads:
        if head.datatype not in SCALARS or head.name in starts:
            return None
        starts[head.name] = (total, head)
        codes.append(f"{head.size}{SCALARS[head.datatype]}")
        total += head.size
    if total > _MOST_ELEMENTS:
        return None
    fields: list[_Field] = []
    try:
        for source in sources:
            found = starts.get(source.tensor)
            if found is None:
                refuse_absence(source.fields)
                continue
            if source.documents:
                return None
            start, head = found
            for cell, (_, convert) in source.cells_of(head):
                fields.append(_Field(start + cell.position, cell.name, convert, cell.to_context))
    except Breach:
        return None
    return Row("".join(codes), fields)
