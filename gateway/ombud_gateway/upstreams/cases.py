# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Stacked cases on their way to a model server: cut into requests that its model takes, and answers joined.

A model that batches gets as many cases a request as it takes, one that does not gets one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tritonclient.grpc import service_pb2 as wire

from ombud_gateway.contract import Tensor
from ombud_gateway.errors import UpstreamFailed

_INTERNAL = 13


def requests(body: bytes, cases: Sequence[Sequence[Tensor]], max_batch: int) -> list[bytes]:
    """Return the requests that put these cases to the model; all else of each is as in `body`."""
    head = wire.ModelInferRequest.FromString(body)
    for field in ("inputs", "raw_input_contents", "id"):
        head.ClearField(field)
    size = max(max_batch, 1)
    return [
        _request(head, cases[start : start + size], batched=max_batch > 0)
        for start in range(0, len(cases), size)
    ]


def joined(bodies: Sequence[bytes], *, batched: bool) -> bytes:
    """Return one answer with a leading dimension for the cases; raise `UpstreamFailed` if they differ."""
    answers = [wire.ModelInferResponse.FromString(body) for body in bodies]
    first = answers[0]
    alike = {
        (answer.model_version, *(_head(output, batched) for output in answer.outputs)) for answer in answers
    }
    whole = all(len(answer.raw_output_contents) == len(answer.outputs) for answer in answers)
    if len(alike) > 1 or not whole:
        raise UpstreamFailed(_INTERNAL, "the model answers cases in ways that cannot be put together")
    result = wire.ModelInferResponse(model_name=first.model_name, model_version=first.model_version)
    for at, output in enumerate(first.outputs):
        shape = list(output.shape)
        rows = sum(answer.outputs[at].shape[0] for answer in answers) if batched else len(answers)
        result.outputs.add(
            name=output.name, datatype=output.datatype, shape=[rows, *(shape[1:] if batched else shape)]
        )
        result.raw_output_contents.append(b"".join(answer.raw_output_contents[at] for answer in answers))
    return bytes(result.SerializeToString())


def _request(head: Any, cases: Sequence[Sequence[Tensor]], *, batched: bool) -> bytes:
    request = type(head)()
    request.CopyFrom(head)
    for tensor in cases[0]:
        shape = (len(cases), *tensor.shape) if batched else tensor.shape
        request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=shape)
    for column in zip(*cases, strict=True):
        request.raw_input_contents.append(b"".join(tensor.raw or b"" for tensor in column))
    return bytes(request.SerializeToString())


def _head(output: Any, batched: bool) -> tuple[str, str, tuple[int, ...]]:
    shape = tuple(output.shape)
    return output.name, output.datatype, shape[1:] if batched else shape
