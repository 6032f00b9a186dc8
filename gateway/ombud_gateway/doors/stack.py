# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Many cases in one request: every tensor has a leading dimension that counts them.

Only a request that says `ombud-purpose: explanation` is read so. Each case is then typed by the contract as
if it had come alone; policy is asked once, with their number (ADR 0026).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from ombud_gateway.contract import Layout, Packed, Tensor, TensorInvalid, shown
from ombud_gateway.doors import metadata as md
from ombud_gateway.errors import Invalid

MOST_CASES = 1_024
"""Cases of one request: typing them all takes as long as some dozen ordinary calls."""
EXPLANATION = "explanation"
_MOST_LAYOUTS = 64
_LENGTH = struct.Struct("<I")


def explains(metadata: Mapping[str, str | bytes]) -> bool:
    """Tell whether a request declares itself an explanation; raise `Invalid` for any other purpose."""
    purpose = md.text(metadata, "ombud-purpose")
    if purpose not in ("", EXPLANATION):
        raise Invalid(
            "METADATA", f"metadata ombud-purpose is {shown(purpose)}, must be {EXPLANATION} or absent"
        )
    return bool(purpose)


class Stacks:
    """Cuts stacked tensors into cases; remembers how they are laid out: readers are compiled once."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, str, tuple[int, ...]], ...], Layout] = {}

    def cases(self, tensors: Sequence[Tensor]) -> tuple[Sequence[Tensor], ...]:
        """Return the tensors of each case; raise `TensorInvalid` where they do not make equally many."""
        stacked = tuple(tensors)
        counts = {tensor.shape[0] if tensor.shape else 0 for tensor in stacked}
        if len(counts) != 1 or not 1 <= (count := next(iter(counts))) <= MOST_CASES:
            raise TensorInvalid(
                f"first dimensions are {sorted(counts)}, must be one number of cases, 1 to {MOST_CASES}"
            )
        columns = [_cut(tensor, count) for tensor in stacked]
        heads = tuple((tensor.name, tensor.datatype, tensor.shape[1:]) for tensor in stacked)
        rows = zip(*columns, strict=True)
        if any(tensor.datatype == "BYTES" for tensor in stacked):
            return tuple(_made(heads, stacked, row) for row in rows)
        layout = self._known.get(heads)
        if layout is None:
            layout = Layout(_made(heads, stacked, [column[0] for column in columns]))
            if len(self._known) >= _MOST_LAYOUTS:
                self._known.pop(next(iter(self._known)))
            self._known[heads] = layout
        return tuple(Packed(layout, row) for row in rows)


def _made(
    heads: Sequence[tuple[str, str, tuple[int, ...]]], stacked: Sequence[Tensor], row: Sequence[bytes]
) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name, datatype, shape, whole.size // whole.shape[0], raw)
        for (name, datatype, shape), whole, raw in zip(heads, stacked, row, strict=True)
    )


def _cut(tensor: Tensor, count: int) -> list[bytes]:
    raw = tensor.raw
    if raw is None:
        raise TensorInvalid(f"tensor {shown(tensor.name)}: cases are stacked as raw contents only")
    if tensor.datatype == "BYTES":
        return _cut_texts(tensor.name, raw, tensor.size, count)
    width = len(raw) // count
    return [raw[at * width : (at + 1) * width] for at in range(count)]


def _cut_texts(name: str, raw: bytes, size: int, count: int) -> list[bytes]:
    """Cut elements of which each follows its length in 4 bytes."""
    ends, at = [0], 0
    for _ in range(size):
        if at + 4 > len(raw):
            break
        at += 4 + _LENGTH.unpack_from(raw, at)[0]
        ends.append(at)
    if len(ends) != size + 1 or at != len(raw):
        raise TensorInvalid(f"tensor {shown(name)}: lengths of BYTES elements do not add up to its size")
    each = size // count
    return [raw[ends[case * each] : ends[(case + 1) * each]] for case in range(count)]
