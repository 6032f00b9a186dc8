# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read one element of a tensor as a Python value."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ombud_gateway.contract.errors import TensorInvalid
from ombud_gateway.contract.tensor import SIZES, UNPACKERS, Element, Tensor

ElementReader = Callable[[Tensor], Element]

_MOST_TEXTS = 4_096  # their lengths are walked one by one
_LENGTH = struct.Struct("<I")
_HALF = struct.Struct("<f")


def element_reader(datatype: str, position: int) -> ElementReader:
    """Return a function that reads the element at `position` of any tensor of `datatype`.

    The caller has made sure that the tensor has such an element.
    """
    if datatype == "BYTES":
        return lambda tensor: text(tensor, position)
    if datatype == "BF16":
        return lambda tensor: _bfloat16(tensor, position)
    unpack = UNPACKERS[datatype]
    offset = position * SIZES[datatype]

    def scalar(tensor: Tensor) -> Element:
        raw = tensor.raw
        if raw is not None:
            value: Element = unpack(raw, offset)[0]
            return value
        return tensor.values[position]

    return scalar


def text(tensor: Tensor, position: int) -> bytes:
    """Return one element of a BYTES tensor, after checking that all of its lengths add up to its size."""
    raw = tensor.raw
    if raw is None:
        return tensor.values[position]  # type: ignore[return-value]
    if tensor.size > _MOST_TEXTS:
        raise TensorInvalid(
            f"tensor {tensor.name!r}: {tensor.size} BYTES elements, must be at most {_MOST_TEXTS}"
        )
    found = b""
    offset = 0
    for index in range(tensor.size):
        if offset + 4 > len(raw):
            break
        start = offset + 4
        offset = start + _LENGTH.unpack_from(raw, offset)[0]
        if index == position:
            found = raw[start:offset]
    else:
        if offset == len(raw):
            return found
    raise TensorInvalid(f"tensor {tensor.name!r}: lengths of BYTES elements do not add up to its size")


def _bfloat16(tensor: Tensor, position: int) -> float:
    if tensor.raw is None:
        return tensor.values[position]  # type: ignore[return-value]
    # A bfloat16 is the upper half of a binary32; little-endian, the lower half comes first.
    value: float = _HALF.unpack(b"\x00\x00" + tensor.raw[2 * position : 2 * position + 2])[0]
    return value
