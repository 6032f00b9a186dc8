# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Upstream: a model server that speaks KServe v2 over gRPC, such as Triton. Bytes go and come as they are."""

from __future__ import annotations

import asyncio
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
from ombud_gateway.errors import UpstreamFailed
from ombud_gateway.hops import passed_on
from ombud_gateway.upstreams.cases import joined, requests

_LOG = logging.getLogger(__name__)
_SERVICE = "/inference.GRPCInferenceService/"
_DESCRIPTIONS = 1024
_FRESH_SECONDS = 60.0
_CASES_UNDER_WAY = 32
"""Requests that one explanation has at the model server at a time."""
_MAY_QUOTE_CODE = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
_ADDRESS = re.compile(r"\b(ipv4|ipv6|unix|dns):")
"""How gRPC writes where it tried to connect to, in a status of its own making."""
_ERROR_MESSAGE = b"\x0a"
"""How a `ModelStreamInferResponse` with an error begins: the tag of its first field."""
_NOT_SUPPLIED = Description("not supplied", decoupled=False)


class KServeUpstream:
    """One model server behind a gRPC channel. `timeout` bounds a call in seconds, beside its own deadline."""

    def __init__(
        self, channel: grpc.aio.Channel, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._channel = channel
        self._timeout = timeout
        self._clock = clock
        self._methods: dict[str, Any] = {}
        self._descriptions: OrderedDict[tuple[str, str], tuple[float, Description]] = OrderedDict()

    async def forward(self, call: Call, passage: Passage) -> Answer:
        """Send one request; raise `UpstreamFailed` with the upstream's own status."""
        if call.cases:
            return await self._forward_cases(call, passage)
        if call.method in {"RepositoryModelLoad", "RepositoryModelUnload"}:
            self._descriptions.clear()
        under_way = self._method(call.method)(call.body, timeout=self._left(call), metadata=passage.metadata)
        try:
            body = await under_way
            return Answer(
                body,
                passed_on(await under_way.initial_metadata() or ()),
                passed_on(await under_way.trailing_metadata() or ()),
            )
        except grpc.aio.AioRpcError as error:
            raise _failed(error) from error

    async def _forward_cases(self, call: Call, passage: Passage) -> Answer:
        """Put each case of an explanation to the model; what one of them fails with is the answer to all."""
        max_batch = (await self.describe(call.model, call.model_version)).max_batch
        infer, places = self._method(call.method), asyncio.Semaphore(_CASES_UNDER_WAY)

        async def ask(body: bytes) -> bytes:
            async with places:
                return bytes(await infer(body, timeout=self._left(call), metadata=passage.metadata))

        asked = [asyncio.ensure_future(ask(body)) for body in requests(call.body, call.cases, max_batch)]
        try:
            answers = await asyncio.gather(*asked)
        except grpc.aio.AioRpcError as error:
            raise _failed(error) from error
        finally:
            for task in asked:
                task.cancel()
        return Answer(joined(answers, batched=max_batch > 0))

    async def stream(self, call: Call, passage: Passage) -> AsyncGenerator[Answer, None]:
        """Send one request on a stream of its own and yield its answers as they come."""
        rpc: Any = self._channel.stream_stream(_SERVICE + call.method)
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
            body = await self._method("ModelConfig")(request.SerializeToString(), timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() in {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND}:
                return self._keep(key, _NOT_SUPPLIED)
            _LOG.warning("configuration of model %s is unavailable: %s", model, error.code().name)
            return Description("unavailable", decoupled=False)
        config = wire.ModelConfigResponse.FromString(body).config
        digest = hashlib.sha256(config.SerializeToString(deterministic=True)).hexdigest()
        decoupled = config.model_transaction_policy.decoupled
        return self._keep(key, Description(digest, decoupled, config.max_batch_size))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _keep(self, key: tuple[str, str], description: Description) -> Description:
        self._descriptions[key] = (self._clock() + _FRESH_SECONDS, description)
        if len(self._descriptions) > _DESCRIPTIONS:
            self._descriptions.popitem(last=False)
        return description

    def _method(self, name: str) -> Any:
        method = self._methods.get(name)
        if method is None:
            method = self._methods[name] = self._channel.unary_unary(_SERVICE + name)
        return method

    def _left(self, call: Call) -> float:
        if call.deadline is None:
            return self._timeout
        return max(min(self._timeout, call.deadline - self._clock()), 0.001)


def _failed(error: grpc.aio.AioRpcError) -> UpstreamFailed:
    code, metadata = error.code(), passed_on(tuple(error.trailing_metadata() or ()))
    message = error.details() or code.name.lower()
    if code in _MAY_QUOTE_CODE:
        message = _first_line(message)
    elif code is grpc.StatusCode.UNAVAILABLE and _ADDRESS.search(message):
        _LOG.warning("upstream cannot be reached: %s", message)
        return UpstreamFailed(code.value[0], "the model server cannot be reached", metadata, reached=False)
    return UpstreamFailed(code.value[0], message, metadata)


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
