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

from ombud_gateway.call import Answer, Call, Description, Metadata, Passage
from ombud_gateway.coverage import Counted
from ombud_gateway.errors import GRPC_CODES, UpstreamFailed
from ombud_gateway.hops import passed_on
from ombud_gateway.http2 import Channel, Reply
from ombud_gateway.upstreams.cases import joined, requests

_LOG = logging.getLogger(__name__)
_SERVICE = "/inference.GRPCInferenceService/"
_DESCRIPTIONS = 1024
_FRESH_SECONDS = 60.0
_CASES_UNDER_WAY = 32
"""Requests that one explanation has at the model server at a time."""
_MAY_QUOTE_CODE = {GRPC_CODES.index("INTERNAL"), GRPC_CODES.index("UNKNOWN")}
_HAS_NONE = {GRPC_CODES.index("UNIMPLEMENTED"), GRPC_CODES.index("NOT_FOUND")}
_KNOWS_NO_SUCH = {GRPC_CODES.index("NOT_FOUND"), GRPC_CODES.index("INVALID_ARGUMENT")}
"""What servers say to a question about a model that they do not have; Triton, INVALID_ARGUMENT."""
_UNREACHABLE = "the model server cannot be reached"
_ADDRESS = re.compile(r"\b(ipv4|ipv6|unix|dns):")
"""How gRPC writes where it tried to connect to, in a status of its own making."""
_COUNT_SECONDS = 5.0
"""How long a server may take to say what it counted: a start must not wait for one that hangs."""
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
        if call.cases:
            return await self._forward_cases(call, passage)
        if call.method in {"RepositoryModelLoad", "RepositoryModelUnload"}:
            self._descriptions.clear()
        reply = await self._ask(call.method, call.body, self._left(call), passage.metadata)
        return Answer(reply.body, passed_on(reply.initial), passed_on(reply.trailing))

    async def _forward_cases(self, call: Call, passage: Passage) -> Answer:
        """Put each case of an explanation to the model; what one of them fails with is the answer to all."""
        max_batch = (await self.describe(call.model, call.model_version)).max_batch
        places = asyncio.Semaphore(_CASES_UNDER_WAY)

        async def ask(body: bytes) -> bytes:
            async with places:
                return (await self._ask(call.method, body, self._left(call), passage.metadata)).body

        asked = [asyncio.ensure_future(ask(body)) for body in requests(call.body, call.cases, max_batch)]
        try:
            answers = await asyncio.gather(*asked)
        finally:
            for task in asked:
                task.cancel()
        return Answer(joined(answers, batched=max_batch > 0), requests=len(asked))

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
            reply = await self._ask("ModelConfig", request.SerializeToString(), self._timeout)
        except UpstreamFailed as error:
            if error.code in _HAS_NONE:
                return self._keep(key, _NOT_SUPPLIED)
            _LOG.warning("configuration of model %s is unavailable: %s", model, error)
            return Description("unavailable", decoupled=False)
        config = wire.ModelConfigResponse.FromString(reply.body).config
        digest = hashlib.sha256(config.SerializeToString(deterministic=True)).hexdigest()
        decoupled = config.model_transaction_policy.decoupled
        return self._keep(key, Description(digest, decoupled, config.max_batch_size))

    async def counted(self, model: str) -> tuple[Counted, ...]:
        """Return what the server counted of each version of a model since it started; none if it has none.

        Raises `UpstreamFailed`: UNIMPLEMENTED where it does not count.
        """
        request = wire.ModelStatisticsRequest(name=model)
        seconds = min(self._timeout, _COUNT_SECONDS)
        try:
            reply = await self._ask("ModelStatistics", request.SerializeToString(), seconds)
        except UpstreamFailed as error:
            if error.code in _KNOWS_NO_SUCH:
                return ()
            raise
        found = wire.ModelStatisticsResponse.FromString(reply.body).model_stats
        return tuple(
            Counted(
                model=each.name,
                version=each.version,
                succeeded=each.inference_stats.success.count,
                failed=each.inference_stats.fail.count,
                rows=each.inference_count,
                batches=each.execution_count,
            )
            for each in found
        )

    async def close(self) -> None:
        """Close the channels."""
        await self._channel.close()
        await self._streams.close()

    async def _ask(self, method: str, body: bytes, seconds: float, metadata: Metadata = ()) -> Reply:
        try:
            return await self._channel.unary(_SERVICE + method, body, metadata=metadata, seconds=seconds)
        except UpstreamFailed as error:
            raise _told(error) from error

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
