# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ModelStreamInfer`: one conversation, in which every request is a call of its own.

Requests run side by side, at most `MOST_UNDER_WAY`; those of one sequence stay in order, and so do the
answers where the model is not decoupled, as Triton does it. Denials are in band (`error_message`) unless the
caller asks for gRPC statuses with `triton_grpc_error: true`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial

import grpc
from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2 as wire

from ombud_gateway.call import Call, Reply
from ombud_gateway.doors.metadata import recorded
from ombud_gateway.doors.status import pass_failure, refuse, text_of
from ombud_gateway.errors import Refusal, UpstreamFailed
from ombud_gateway.pipeline import Pipeline

_LOG = logging.getLogger(__name__)
MOST_UNDER_WAY = 64
"""Requests of one stream judged at once; further ones wait unread, so a fast sender meets back pressure."""
STREAM_ID = "ombud-stream-id"


async def converse(
    pipeline: Pipeline,
    requests: AsyncIterator[bytes],
    context: grpc.aio.ServicerContext[bytes, bytes],
    stream: str,
    call: Callable[[bytes, int], Call],
) -> AsyncIterator[bytes]:
    """Yield the answers of a stream; end it with a status where the caller asked for one."""
    await context.send_initial_metadata(((STREAM_ID, stream),))
    statuses = ("triton_grpc_error", "true") in (context.invocation_metadata() or ())
    talk = _Conversation(pipeline, call)
    reading = asyncio.ensure_future(talk.read(requests))
    try:
        while (item := await talk.ready.get()) is not None:
            if isinstance(item, bytes):
                yield item
            elif not statuses:
                yield item.in_band()
            elif isinstance(item.error, Refusal):
                await refuse(context, item.error, item.decision)
            else:
                await pass_failure(context, item.error, item.decision)
        await reading
        if talk.last is not None:
            context.set_trailing_metadata(recorded(talk.last))
    finally:
        reading.cancel()
        await talk.stop()


class _Failed:
    """A request, or one answer, that is refused: told with the request's own id, for clients to tie."""

    __slots__ = ("decision", "error", "request")

    def __init__(self, decision: str, request: str, error: Refusal | UpstreamFailed) -> None:
        self.decision = decision
        self.request = request
        self.error = error

    def in_band(self) -> bytes:
        message = wire.ModelStreamInferResponse(
            error_message=text_of(self.error, self.decision),
            infer_response=wire.ModelInferResponse(id=self.request),
        )
        return bytes(message.SerializeToString())


class _Conversation:
    def __init__(self, pipeline: Pipeline, call: Callable[[bytes, int], Call]) -> None:
        self._pipeline = pipeline
        self._call = call
        self._places = asyncio.Semaphore(MOST_UNDER_WAY)
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_of: dict[str, asyncio.Task[None]] = {}
        self._decoupled: set[str] = set()
        self.last: Reply | None = None
        self.ready: asyncio.Queue[bytes | _Failed | None] = asyncio.Queue(MOST_UNDER_WAY)

    async def read(self, requests: AsyncIterator[bytes]) -> None:
        """Start a task for each request, then wait for all of them and mark the end."""
        number = 0
        async for body in requests:
            await self._places.acquire()
            number += 1
            call = self._call(body, number)
            request, sequence = _identity(body)
            order = f"sequence {sequence}" if sequence else f"model {call.model}"
            task = asyncio.ensure_future(
                self._answer(call, request, self._last_of.get(order), in_sequence=bool(sequence))
            )
            self._last_of[order] = task
            self._tasks.add(task)
            task.add_done_callback(partial(self._done, order))
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self.ready.put(None)

    async def stop(self) -> None:
        """End what is still under way; each call records its own cancellation."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(
        self, call: Call, request: str, before: asyncio.Task[None] | None, *, in_sequence: bool
    ) -> None:
        if before is not None and in_sequence:
            await asyncio.wait({before})
        try:
            async for item in self._pipeline.stream(call):
                if isinstance(item, Reply) and not item.single:
                    self._decoupled.add(call.model)
                await self._in_turn(call, before)
                if isinstance(item, Reply):
                    self.last = item
                    await self.ready.put(item.answer.body)
                else:
                    await self.ready.put(_Failed(item.id, request, item.refusal))
        except (Refusal, UpstreamFailed) as error:
            await self._in_turn(call, before)
            await self.ready.put(_Failed(call.id, request, error))

    async def _in_turn(self, call: Call, before: asyncio.Task[None] | None) -> None:
        if before is not None and call.model not in self._decoupled:
            await asyncio.wait({before})

    def _done(self, order: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._places.release()
        if self._last_of.get(order) is task:
            del self._last_of[order]
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a request of a stream failed outside its judgement", exc_info=error)


def _identity(body: bytes) -> tuple[str, str]:
    """Return a request's own id and its sequence, empty where it has none or cannot be read."""
    try:
        request = wire.ModelInferRequest.FromString(body)
    except DecodeError:
        return "", ""
    given = request.parameters.get("sequence_id")
    if given is None:
        return request.id, ""
    sequence = given.string_param or (str(given.int64_param or getattr(given, "uint64_param", 0) or ""))
    return request.id, f"{request.model_name} {sequence}" if sequence else ""
