# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A KServe v2 server of a few lines, in the test's own process: quick, and it counts what reaches it."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as wire

from governed import infer_response, score_of

_SERVICE = "/inference.GRPCInferenceService/"


class Stub(grpc.GenericRpcHandler):
    """Scores applications; `forwarded` counts how often each amount arrived."""

    def __init__(self) -> None:
        self.port = 0
        self.forwarded: Counter[float] = Counter()
        self._handlers: dict[str, Any] = {
            f"{_SERVICE}ModelInfer": grpc.unary_unary_rpc_method_handler(self._infer),
            f"{_SERVICE}ModelConfig": grpc.unary_unary_rpc_method_handler(self._config),
        }

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a method; None for the others."""
        return self._handlers.get(handler_call_details.method)

    async def _infer(self, body: bytes, _context: Any) -> bytes:
        request = wire.ModelInferRequest.FromString(body)
        (amount,) = struct.unpack("<d", request.raw_input_contents[0])
        self.forwarded[amount] += 1
        answer = infer_response(score_of(amount), name=request.id)
        return bytes(answer.SerializeToString())

    async def _config(self, _body: bytes, _context: Any) -> bytes:
        return bytes(wire.ModelConfigResponse().SerializeToString())


@asynccontextmanager
async def stub() -> AsyncIterator[Stub]:
    """Serve for the length of a with block."""
    one = Stub()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((one,))
    one.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield one
    finally:
        await server.stop(None)
