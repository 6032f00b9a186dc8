# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read tensors out of KServe v2 messages, without copying their bytes.

Traps of this wire (Open Inference Protocol v2, and Triton's source): a tensor in shared memory takes no slot
in a request's raw contents; FP16 and BF16 exist only as raw bytes; raw and typed contents must not be mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ombud_gateway.contract import Tensor, TensorInvalid, raw_tensor, shared_tensor, typed_tensor

_REGION = "shared_memory_region"
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


def request_tensors(request: Any) -> tuple[Tensor, ...]:
    """Return the inputs of a `ModelInferRequest`; raise `TensorInvalid` where parts contradict each other."""
    return _tensors(request.inputs, request.raw_input_contents, slot_each=False)


def response_tensors(response: Any) -> tuple[Tensor, ...]:
    """Return the outputs of a `ModelInferResponse`.

    Triton gives every output a raw slot, an empty one to those in shared memory, and its clients count on
    that; other servers skip them as in requests. Their number tells which.
    """
    raw = response.raw_output_contents
    return _tensors(response.outputs, raw, slot_each=len(raw) == len(response.outputs))


def _tensors(messages: Sequence[Any], raw: Sequence[bytes], *, slot_each: bool) -> tuple[Tensor, ...]:
    found: list[Tensor] = []
    names: set[str] = set()
    slots = len(raw)
    slot = 0
    for message in messages:
        name = message.name
        names.add(name)
        shape = tuple(message.shape)
        if message.HasField("contents") and (slots or _REGION in message.parameters):
            raise TensorInvalid(f"tensor {name!r}: typed contents beside raw contents or shared memory")
        if _REGION in message.parameters:
            found.append(shared_tensor(name, message.datatype, shape))
            slot += slot_each
        elif slots:
            if slot == slots:
                raise TensorInvalid(f"raw contents: {slots}, fewer than tensors that need one")
            found.append(raw_tensor(name, message.datatype, shape, raw[slot]))
            slot += 1
        else:
            found.append(_typed(name, message.datatype, shape, message.contents))
    if slot != slots:
        raise TensorInvalid(f"raw contents: {slots}, but only {slot} tensors need one")
    if len(names) != len(found):
        raise TensorInvalid("tensor names: each once")
    return tuple(found)


def _typed(name: str, datatype: str, shape: tuple[int, ...], contents: Any) -> Tensor:
    given = contents.ListFields()
    wanted = _CONTENTS.get(datatype)
    if not given:
        return typed_tensor(name, datatype, shape, ())
    if len(given) > 1 or given[0][0].name != wanted:
        used = ", ".join(descriptor.name for descriptor, _ in given)
        raise TensorInvalid(
            f"tensor {name!r}: {datatype[:32]} belongs in {wanted or 'raw contents'}, found {used}"
        )
    return typed_tensor(name, datatype, shape, given[0][1])
