# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Cases as stacked tensors of a KServe v2 request, and stacked answers as outputs.

The inverse of the contract's reading: facts hold every value exactly as the tensor's datatype did.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ombud_cli.failure import unusable
from ombud_reports import explain

_CODES: Final = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H",
    "UINT32": "I", "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
"""Codes of `struct` by datatype of the Open Inference Protocol; BYTES has none."""
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Declared:
    """An input as the model's configuration declares it, without the dimension that counts cases."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    optional: bool


@dataclass(frozen=True, slots=True)
class Stacked:
    """Cases that give the same tensors: which cases, and name, datatype, shape and bytes of each tensor."""

    cases: tuple[int, ...]
    tensors: tuple[tuple[str, str, tuple[int, ...], bytes], ...]


class Layout:
    """How a contract's features lie in a model's inputs. Raises `Failure` where that leaves anything open."""

    def __init__(self, contract: explain.Contract, inputs: Sequence[Declared]) -> None:
        self._contract = contract
        self._places: list[tuple[Declared, list[tuple[int, int]]]] = []  # tensor: (position, feature)
        for declared in inputs:
            held = [
                (field.position or 0, at)
                for at, field in enumerate(contract.features)
                if field.tensor == declared.name and _whole(field)
            ]
            if not held and not declared.optional:
                raise unusable(
                    f"model: input {declared.name!r} is required, but no feature of the contract is in it"
                )
            if held:
                if declared.datatype != "BYTES" and declared.datatype not in _CODES:
                    raise unusable(
                        f"model: input {declared.name!r} is of {declared.datatype}, which is not written"
                    )
                self._places.append((declared, sorted(held)))
        if contract.subject is not None and not contract.subject.optional:
            raise unusable(
                f"contract: {contract.subject.name} says whom a call is about and is required; facts do not "
                "hold it, so the case cannot be put to the model again"
            )

    def stack(self, cases: Sequence[explain.Case], most: int) -> list[Stacked]:
        """Return requests of at most `most` cases; those that leave out other tensors go apart."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, case in enumerate(cases):
            groups.setdefault(self._sizes(case), []).append(number)
        return [
            self._stacked(cases, tuple(numbers[start : start + most]), sizes)
            for sizes, numbers in groups.items()
            for start in range(0, len(numbers), most)
        ]

    def _sizes(self, case: explain.Case) -> tuple[int, ...]:
        """Return how many elements each tensor has for a case; 0 leaves it out."""
        sizes = []
        for declared, held in self._places:
            there = [position for position, at in held if case[at] is not None]
            if there != list(range(len(there))):
                raise unusable(
                    f"input {declared.name!r}: not all elements up to its last are features of the case"
                )
            fixed = math.prod(declared.dims) if min(declared.dims, default=0) >= 0 else len(there)
            if there and len(there) != fixed:
                raise unusable(
                    f"input {declared.name!r}: has {fixed} elements, of which {len(there)} are known"
                )
            sizes.append(len(there))
        return tuple(sizes)

    def _stacked(
        self, cases: Sequence[explain.Case], numbers: tuple[int, ...], sizes: tuple[int, ...]
    ) -> Stacked:
        tensors = []
        for (declared, held), size in zip(self._places, sizes, strict=True):
            if size:
                dims = tuple(size if dim < 0 else dim for dim in declared.dims)
                values = [cases[number][at] for number in numbers for _, at in held[:size]]
                raw = _packed(declared, values)
                tensors.append((declared.name, declared.datatype, (len(numbers), *dims), raw))
        return Stacked(numbers, tuple(tensors))


def outputs(
    contract: explain.Contract, found: Mapping[str, tuple[str, bytes]], cases: int
) -> list[explain.Case]:
    """Return the outputs of each case from stacked tensors: datatype and bytes by name. Raises `Failure`."""
    columns = [_column(field, found, cases) for field in contract.outputs]
    return list(zip(*columns, strict=True))


def _column(field: explain.Field, found: Mapping[str, tuple[str, bytes]], cases: int) -> list[explain.Value]:
    _whole(field)
    if field.tensor not in found:
        if field.optional:
            return [None] * cases
        raise unusable(f"model: it gave no output {field.tensor!r}")
    datatype, raw = found[field.tensor]
    values = _texts(field.tensor, raw) if datatype == "BYTES" else _numbers(field.tensor, datatype, raw)
    each, position = len(values) // cases, field.position or 0
    if len(values) % cases or (position >= each and not field.optional):
        raise unusable(f"model: output {field.tensor!r} has {len(values)} elements for {cases} cases")
    if position >= each:
        return [None] * cases
    return [_typed(field, values[case * each + position]) for case in range(cases)]


def _typed(field: explain.Field, value: Any) -> explain.Value:
    match field.type:
        case "boolean":
            return bool(value)
        case "decimal":
            return float(value)
        case "integer":
            return int(value)
        case "string":
            return str(value)


def _whole(field: explain.Field) -> bool:
    if field.document:
        raise unusable(
            f"contract: {field.name} lies inside a JSON document, which is not written or read here"
        )
    return True


def _packed(declared: Declared, values: Sequence[explain.Value]) -> bytes:
    if declared.datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    try:
        return struct.pack(f"<{len(values)}{_CODES[declared.datatype]}", *values)
    except (struct.error, OverflowError) as error:
        raise unusable(f"input {declared.name!r}: a value does not fit {declared.datatype}") from error


def _numbers(name: str, datatype: str, raw: bytes) -> list[Any]:
    code = _CODES.get(datatype)
    if code is None or len(raw) % struct.calcsize(f"<{code}"):
        raise unusable(f"model: output {name!r} is of {datatype} in {len(raw)} bytes, which is not read")
    return list(struct.unpack(f"<{len(raw) // struct.calcsize(f'<{code}')}{code}", raw))


def _texts(name: str, raw: bytes) -> list[str]:
    found, at = [], 0
    try:
        while at < len(raw):
            end = at + 4 + _LENGTH.unpack_from(raw, at)[0]
            found.append(raw[at + 4 : end].decode())
            at = end
    except (struct.error, UnicodeDecodeError) as error:
        raise unusable(f"model: output {name!r} is no text") from error
    if at != len(raw):
        raise unusable(f"model: output {name!r} ends within a text")
    return found
