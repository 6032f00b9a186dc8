# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read tensors out of KServe v2 messages, without copying their bytes.

Traps of this wire (Open Inference Protocol v2, and Triton's source): a tensor in shared memory takes no slot
in a request's raw contents; FP16 and BF16 exist only as raw bytes; raw and typed contents must not be mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ombud_gateway.contract import (
    Layout,
    Packed,
    Tensor,
    TensorInvalid,
    raw_tensor,
    shared_tensor,
    shown,
    typed_tensor,
)

REGION = "shared_memory_region"
"""Parameter of a tensor whose data lies in memory shared with the model server."""
_MOST_LAYOUTS = 256
_LONGEST_HEAD = 16_384  # bytes
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class Layouts:
    """Remembers how messages are laid out: all of them but their id and their raw contents.

    `contents` names the field of raw contents, `read` makes the tensors of a message that is laid out anew.
    """

    def __init__(self, contents: str, read: Callable[[Any], tuple[Tensor, ...]]) -> None:
        self._contents = contents
        self._read = read
        self._known: dict[bytes, Layout] = {}

    def tensors(self, message: Any) -> Sequence[Tensor]:
        """Return the tensors of a message, and take its id and raw contents out of it.

        Raises `TensorInvalid` where its parts contradict each other.
        """
        raw = getattr(message, self._contents)[:]
        if not raw:
            return self._read(message)
        message.ClearField(self._contents)
        message.ClearField("id")
        head = message.SerializeToString()
        layout = self._known.get(head)
        if layout is not None and layout.lengths == [*map(len, raw)]:
            return Packed(layout, raw)
        getattr(message, self._contents).extend(raw)
        tensors = self._read(message)
        layout = Layout.of(tensors)
        if layout is not None and len(tensors) == len(raw) and len(head) <= _LONGEST_HEAD:
            if len(self._known) >= _MOST_LAYOUTS:
                self._known.pop(next(iter(self._known)))
            self._known[head] = layout
        return tensors


def request_tensors(request: Any) -> tuple[Tensor, ...]:
    """Return the inputs of a `ModelInferRequest`; raise `TensorInvalid` where parts contradict each other."""
    return _tensors(request.inputs, request.raw_input_contents, slot_each=False)


def response_tensors(response: Any, hidden: frozenset[str] = frozenset()) -> tuple[Tensor, ...]:
    """Return the outputs of a `ModelInferResponse`; `hidden` are those asked for in shared memory.

    Triton gives every output a raw slot, an empty one to those in shared memory, and does not mark them
    otherwise; other servers mark them and skip them as in requests. The number of slots tells which.
    """
    raw = response.raw_output_contents
    return _tensors(response.outputs, raw, slot_each=len(raw) == len(response.outputs), hidden=hidden)


def _tensors(
    messages: Sequence[Any], raw: Sequence[bytes], *, slot_each: bool, hidden: frozenset[str] = frozenset()
) -> tuple[Tensor, ...]:
    found: list[Tensor] = []
    slots = len(raw)
    slot = 0
    for message in messages:
        name, datatype = message.name, message.datatype
        shape = tuple(message.shape[:])  # a slice is made in C; iterating a protobuf list costs twice as much
        shared = REGION in message.parameters or name in hidden
        if (slots or shared) and message.HasField("contents"):
            raise TensorInvalid(f"tensor {shown(name)}: typed contents beside raw contents or shared memory")
        if shared:
            found.append(shared_tensor(name, datatype, shape))
            slot += slot_each
        elif slots:
            if slot == slots:
                raise TensorInvalid(f"raw contents: {slots}, fewer than the tensors that need one")
            found.append(raw_tensor(name, datatype, shape, raw[slot]))
            slot += 1
        else:
            found.append(_typed(name, datatype, shape, message.contents))
    if slot != slots:
        raise TensorInvalid(f"raw contents: {slots}, but {slot} tensors need one")
    return tuple(found)


def _typed(name: str, datatype: str, shape: tuple[int, ...], contents: Any) -> Tensor:
    given = contents.ListFields()
    wanted = _CONTENTS.get(datatype)
    if not given:
        return typed_tensor(name, datatype, shape, ())
    if len(given) > 1 or given[0][0].name != wanted:
        used = ", ".join(descriptor.name for descriptor, _ in given)
        raise TensorInvalid(
            f"tensor {shown(name)}: {shown(datatype)} belongs in {wanted or 'raw contents'}, found {used}"
        )
    return typed_tensor(name, datatype, shape, given[0][1])
