# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A tensor as the contract reads it, whatever wire it came by.

Every door makes its tensors here, so that shape, size and datatype are checked once and in one way. A tensor
whose bytes could be read in two ways is refused: what policy saw must be what the model sees.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ombud_gateway.contract.errors import TensorInvalid, shown

Element = bool | int | float | bytes

SIZES = {
    "BOOL": 1,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "UINT8": 1,
    "UINT16": 2,
    "UINT32": 4,
    "UINT64": 8,
    "FP16": 2,
    "BF16": 2,
    "FP32": 4,
    "FP64": 8,
}
"""Bytes per element of each datatype of the Open Inference Protocol; BYTES elements vary."""

DATATYPES = frozenset(SIZES) | {"BYTES"}
FLOATS = frozenset({"FP16", "BF16", "FP32", "FP64"})

_INTEGER_BOUNDS = {
    name: ((-1 << bits - 1, (1 << bits - 1) - 1) if name[0] == "I" else (0, (1 << bits) - 1))
    for name, bits in ((name, size * 8) for name, size in SIZES.items() if "INT" in name)
}
_MOST_DIMENSIONS = 32


class Tensor(NamedTuple):
    """A named array of `size` elements: little-endian bytes or typed values; neither if in shared memory.

    A tuple rather than a dataclass: a call makes a dozen, and a tuple is made in a third of the time.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    size: int
    raw: bytes | None = None
    values: Sequence[Element] = ()
    shared_memory: bool = False


def raw_tensor(name: str, datatype: str, shape: tuple[int, ...], raw: bytes) -> Tensor:
    """Make a tensor of little-endian bytes; BYTES elements each follow their length in 4 bytes.

    Raises `TensorInvalid` where shape and size disagree. The lengths inside a BYTES tensor are checked when
    the contract reads one (`elements.text`), not for tensors that nobody reads.
    """
    count = _count(shape)
    width = SIZES.get(datatype)
    if width is None or count < 0 or len(raw) != count * width:
        _check(name, datatype, shape)
        if width is not None:
            wanted = f"shape {shown(list(shape))} of {datatype} takes {count * width}"
            raise TensorInvalid(f"tensor {shown(name)}: {len(raw)} bytes, but {wanted}")
        if len(raw) < 4 * count:
            raise TensorInvalid(f"tensor {shown(name)}: {len(raw)} bytes cannot hold {count} BYTES elements")
    return Tensor(name, datatype, shape, count, raw)


def typed_tensor(name: str, datatype: str, shape: tuple[int, ...], values: Sequence[Element]) -> Tensor:
    """Make a tensor of typed elements, whose types the wire format has settled.

    Raises `TensorInvalid` where the number of elements is not the shape's, or an integer does not fit the
    datatype: a model server would cut it to other bits than policy saw.
    """
    _check(name, datatype, shape)
    count = _count(shape)
    if len(values) != count:
        raise TensorInvalid(
            f"tensor {shown(name)}: {len(values)} elements, but shape {shown(list(shape))} takes {count}"
        )
    bounds = _INTEGER_BOUNDS.get(datatype)
    if bounds and count and not (bounds[0] <= min(values) and max(values) <= bounds[1]):  # type: ignore[operator]
        raise TensorInvalid(f"tensor {shown(name)}: an element does not fit {datatype}")
    return Tensor(name, datatype, shape, count, values=values)


def shared_tensor(name: str, datatype: str, shape: tuple[int, ...]) -> Tensor:
    """Make a tensor whose data lies in memory shared with the upstream, out of the gateway's sight."""
    _check(name, datatype, shape)
    return Tensor(name, datatype, shape, _count(shape), shared_memory=True)


def _count(shape: tuple[int, ...]) -> int:
    """Return the number of elements; -1 where the shape is none."""
    return _product(shape) if len(shape) <= _MOST_DIMENSIONS else -1


@lru_cache(maxsize=1_024)  # a client sends the same few short shapes again and again
def _product(shape: tuple[int, ...]) -> int:
    return -1 if min(shape, default=0) < 0 else math.prod(shape)


def _check(name: str, datatype: str, shape: tuple[int, ...]) -> None:
    if datatype not in DATATYPES:
        known = ", ".join(sorted(DATATYPES))
        raise TensorInvalid(f"tensor {shown(name)}: datatype {shown(datatype)} is none of {known}")
    if _count(shape) < 0:
        raise TensorInvalid(
            f"tensor {shown(name)}: shape must be at most {_MOST_DIMENSIONS} dimensions, none negative"
        )


SCALARS = {
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "BOOL": "B",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""Codes of `struct`, by datatype; BF16 and BYTES have none there."""
UNPACKERS = {name: struct.Struct(f"<{code}").unpack_from for name, code in SCALARS.items()}
"""Readers of one raw element."""
