# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read what a model server answered, as far as contract and record need it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2 as wire

from ombud_gateway.call import AnswerView
from ombud_gateway.doors.tensors import REGION, Layouts, response_tensors
from ombud_gateway.errors import UpstreamFailed


class AnswerReader:
    """Reads unary and streamed answers, and remembers how they are laid out."""

    def __init__(self) -> None:
        self._layouts = Layouts("raw_output_contents", response_tensors)

    def of(self, request: Any, *, streamed: bool) -> Callable[[bytes], AnswerView]:
        """Return the reader of the answers to a `ModelInferRequest`.

        Outputs asked for in shared memory are out of sight, however the server marks them.
        """
        hidden = frozenset(output.name for output in request.outputs if REGION in output.parameters)
        return partial(self._streamed if streamed else self._unary, hidden)

    def _unary(self, hidden: frozenset[str], body: bytes) -> AnswerView:
        return self._view(_parsed(wire.ModelInferResponse, body), hidden)

    def _streamed(self, hidden: frozenset[str], body: bytes) -> AnswerView:
        message = _parsed(wire.ModelStreamInferResponse, body)
        if message.error_message:
            return AnswerView(model_version=message.infer_response.model_version, error=message.error_message)
        return self._view(message.infer_response, hidden)

    def _view(self, response: Any, hidden: frozenset[str]) -> AnswerView:
        final = response.parameters.get("triton_final_response")
        empty = not response.outputs and final is not None and final.bool_param
        tensors = response_tensors(response, hidden) if hidden else self._layouts.tensors(response)
        return AnswerView(tensors, response.model_version, empty=empty)


def _parsed(kind: Any, body: bytes) -> Any:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise UpstreamFailed(13, "the upstream's answer is not a KServe v2 message") from error
