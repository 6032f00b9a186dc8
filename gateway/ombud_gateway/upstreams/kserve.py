# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Upstream: a model server that speaks KServe v2 over gRPC, such as Triton. Bytes go and come as they are."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as wire

from ombud_gateway.call import Answer, Call, Description, Passage
from ombud_gateway.errors import GRPC_CODES, UpstreamFailed
from ombud_gateway.hops import passed_on
from ombud_gateway.http2 import Channel

_LOG = logging.getLogger(__name__)
_SERVICE = "/inference.GRPCInferenceService/"
_DESCRIPTIONS = 1024
_FRESH_SECONDS = 60.0
_MAY_QUOTE_CODE = {GRPC_CODES.index("INTERNAL"), GRPC_CODES.index("UNKNOWN")}
_HAS_NONE = {GRPC_CODES.index("UNIMPLEMENTED"), GRPC_CODES.index("NOT_FOUND")}
_UNREACHABLE = "the model server cannot be reached"
_ADDRESS = re.compile(r"\b(ipv4|ipv6|unix|dns):")
"""How gRPC writes where it tried to connect to, in a status of its own making."""
_ERROR_MESSAGE = b"\x0a"
"""How a `ModelStreamInferResponse` with an error begins: the tag of its first field."""
_NOT_SUPPLIED = Description("not supplied", decoupled=False)


class KServeUpstream:
    """One model server: unary calls go by `channel`, streams by `streams`, which is given no others.

    `timeout` bounds a call in seconds, beside its own deadline.
    """

    def __init__(
        self,
        channel: Channel,
        streams: grpc.aio.Channel,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._streams = streams
        self._timeout = timeout
        self._clock = clock
        self._descriptions: OrderedDict[tuple[str, str], tuple[float, Description]] = OrderedDict()

    async def forward(self, call: Call, passage: Passage) -> Answer:
        """Send one request; raise `UpstreamFailed` with the upstream's own status."""
        if call.method in {"RepositoryModelLoad", "RepositoryModelUnload"}:
            self._descriptions.clear()
        try:
            reply = await self._channel.unary(
                _SERVICE + call.method, call.body, metadata=passage.metadata, seconds=self._left(call)
            )
        except UpstreamFailed as error:
            raise _told(error) from error
        return Answer(reply.body, passed_on(reply.initial), passed_on(reply.trailing))

    async def stream(self, call: Call, passage: Passage) -> AsyncGenerator[Answer, None]:
        """Send one request on a stream of its own and yield its answers as they come."""
        rpc: Any = self._streams.stream_stream(_SERVICE + call.method)
        under_way = rpc(timeout=self._left(call), metadata=passage.metadata)
        try:
            await under_way.write(call.body)
            await under_way.done_writing()
            while (body := await under_way.read()) is not grpc.aio.EOF:
                yield Answer(_without_stack(body))
        except grpc.aio.AioRpcError as error:
            raise _failed(error) from error
        finally:
            under_way.cancel()

    async def describe(self, model: str, version: str) -> Description:
        """Tell a model's configuration digest and whether it is decoupled; asked again after a minute.

        "not supplied" where the server has no `ModelConfig`, "unavailable" where it does not answer.
        """
        key = (model, version)
        known = self._descriptions.get(key)
        if known is not None and known[0] > self._clock():
            return known[1]
        request = wire.ModelConfigRequest(name=model, version=version)
        try:
            reply = await self._channel.unary(
                _SERVICE + "ModelConfig", request.SerializeToString(), seconds=self._timeout
            )
        except UpstreamFailed as error:
            if error.code in _HAS_NONE:
                return self._keep(key, _NOT_SUPPLIED)
            _LOG.warning("configuration of model %s is unavailable: %s", model, error)
            return Description("unavailable", decoupled=False)
        config = wire.ModelConfigResponse.FromString(reply.body).config
        digest = hashlib.sha256(config.SerializeToString(deterministic=True)).hexdigest()
        return self._keep(key, Description(digest, config.model_transaction_policy.decoupled))

    async def close(self) -> None:
        """Close the channels."""
        await self._channel.close()
        await self._streams.close()

    def _keep(self, key: tuple[str, str], description: Description) -> Description:
        self._descriptions[key] = (self._clock() + _FRESH_SECONDS, description)
        if len(self._descriptions) > _DESCRIPTIONS:
            self._descriptions.popitem(last=False)
        return description

    def _left(self, call: Call) -> float:
        if call.deadline is None:
            return self._timeout
        return max(min(self._timeout, call.deadline - self._clock()), 0.001)


def _failed(error: grpc.aio.AioRpcError) -> UpstreamFailed:
    code, message = error.code(), error.details() or error.code().name.lower()
    if code is grpc.StatusCode.UNAVAILABLE and _ADDRESS.search(message):
        _LOG.warning("upstream cannot be reached: %s", message)
        return UpstreamFailed(code.value[0], _UNREACHABLE, reached=False)
    return _told(UpstreamFailed(code.value[0], message, tuple(error.trailing_metadata() or ())))


def _told(error: UpstreamFailed) -> UpstreamFailed:
    """Return what the caller may be told of an upstream's failure."""
    message = error.message or GRPC_CODES[error.code].lower()
    if not error.reached:
        message = _UNREACHABLE
    elif error.code in _MAY_QUOTE_CODE:
        message = _first_line(message)
    return UpstreamFailed(error.code, message, passed_on(error.metadata), error.reached)


def _without_stack(body: bytes) -> bytes:
    """Return a stream's message as it came, but for an in-band error of several lines."""
    if not body.startswith(_ERROR_MESSAGE):
        return body
    message = wire.ModelStreamInferResponse.FromString(body)
    kept = _first_line(message.error_message)
    if kept == message.error_message:
        return body
    message.error_message = kept
    return bytes(message.SerializeToString())


def _first_line(message: str) -> str:
    """Triton's Python backend puts the stack of a failing model, with paths, below the first line."""
    kept, more, _ = message.partition("\n")
    if more:
        _LOG.warning("upstream failed: %s", message)
    return kept
