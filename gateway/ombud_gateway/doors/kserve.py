# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Door: Triton's `inference.GRPCInferenceService`, so that any Triton client works by changing the address.

Request and response bytes travel as they are; they are parsed only to be read. Wire facts: KServe v2 and
Triton's `grpc_service.proto`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as wire

from ombud_gateway.call import DURABLE, AnswerView, Call, Correlation, ReplyWhen
from ombud_gateway.contract import Packed, Tensor, TensorInvalid
from ombud_gateway.doors import metadata as md
from ombud_gateway.doors.answers import AnswerReader
from ombud_gateway.doors.kserve_stream import converse
from ombud_gateway.doors.methods import METHODS, SERVICE, Method, canonical
from ombud_gateway.doors.stack import Stacks, explains
from ombud_gateway.doors.tensors import REGION, Layouts, request_tensors
from ombud_gateway.doors.unary import answer
from ombud_gateway.errors import Invalid, Refusal, TooLarge
from ombud_gateway.hops import passed_on
from ombud_gateway.ids import Ids
from ombud_gateway.pipeline import Pipeline
from ombud_gateway.systems import Systems
from ombud_policies import Uid

_STREAM = "ModelStreamInfer"


class KServeDoor(grpc.GenericRpcHandler):
    """Serves the twenty methods through the pipeline. `upstream` is where models of no system live."""

    def __init__(
        self, pipeline: Pipeline, systems: Systems, ids: Ids, *, upstream: str, message_bytes: int, tls: bool
    ) -> None:
        self._pipeline = pipeline
        self._systems = systems
        self._ids = ids
        self._upstream = upstream
        self._most = message_bytes
        self._tls = tls
        self._layouts = Layouts("raw_input_contents", request_tensors)
        self._stacks = Stacks()
        self._answers = AnswerReader()
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            f"/{SERVICE}/{name}": grpc.stream_stream_rpc_method_handler(self._stream)
            if name == _STREAM
            else grpc.unary_unary_rpc_method_handler(self._unary(method))
            for name, method in METHODS.items()
        }

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the handler of a method, raw bytes in and out; None for other services."""
        return self._handlers.get(handler_call_details.method)

    def _unary(
        self, method: Method
    ) -> Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]:
        async def handle(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            decision, received = self._ids.new()
            return await answer(
                self._pipeline, self._call(method, body, context, decision, received), context
            )

        return handle

    async def _stream(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        stream, _ = self._ids.new()

        def call(body: bytes, number: int) -> Call:
            _, received = self._ids.new()
            one = self._call(METHODS[_STREAM], body, context, f"{stream}.{number}", received)
            # Metadata speaks once for the whole stream, so only its first request can resume a review.
            return one if number == 1 else replace(one, resume="")

        async for message in converse(self._pipeline, requests, context, stream, call):
            yield message

    def _call(
        self,
        method: Method,
        body: bytes,
        context: grpc.aio.ServicerContext[bytes, bytes],
        decision: str,
        received: int,
    ) -> Call:
        entries = context.invocation_metadata() or ()
        metadata = dict(entries)
        problem: Refusal | None = None
        request: Any = None
        state, resume, digest, explained = Correlation(), "", "", ""
        explanation = False
        reply_when: ReplyWhen = DURABLE
        try:
            state = md.correlation(metadata)
            resume = md.text(metadata, "ombud-resume")
            digest = md.text(metadata, "ombud-declared-digest")
            reply_when = md.reply_when(metadata)
            explanation = explains(metadata)
            explained = md.text(metadata, "ombud-explains")
            if len(body) > self._most:
                raise TooLarge("TOO_LARGE", f"request has {len(body)} bytes, at most {self._most} are taken")
            request = method.parse(body)
        except (Invalid, TooLarge) as error:
            problem = error
        model = getattr(request, method.model_field) if request is not None and method.model_field else ""
        version = getattr(request, _version_field(method), "") if request is not None else ""
        if len(model.encode()) > md.LONGEST or len(version.encode()) > md.LONGEST:
            problem = Invalid("MALFORMED", f"model name and version must have at most {md.LONGEST} bytes")
            model = version = ""
        found = self._systems.of_model(model) if model else None
        system, entry = found or (None, None)
        upstream = entry.upstream if entry else self._upstream
        infers = request is not None and method.request is wire.ModelInferRequest
        tensors: Sequence[Tensor] | None = None
        cases: Sequence[Sequence[Tensor]] = ()
        if explanation and problem is None and method.name != "ModelInfer":
            problem = Invalid("METADATA", "metadata ombud-purpose: explanation belongs to ModelInfer alone")
        if infers and problem is None:
            try:
                tensors = self._layouts.tensors(request)
                if explanation:
                    cases, tensors = self._stacks.cases(tensors), None
            except TensorInvalid as error:
                problem = error
        action = "explain" if cases else method.action(request if request is not None else method.request())
        remaining = context.time_remaining()
        return Call(
            id=decision,
            received=received,
            door="kserve-grpc",
            method=method.name,
            action=action,
            resource=Uid("Model", model) if model else Uid("Upstream", upstream),
            upstream=upstream,
            body=body,
            credentials=md.credentials(metadata, context, tls=self._tls),
            canonical=lambda: canonical(method.parse(body)),
            model=model,
            model_version=version,
            tensors=tensors,
            cases=cases,
            explained=explained if cases else "",
            context={"cases": len(cases), "decision": explained, "model_version": version} if cases else {},
            shared_memory=infers and _uses_shared_memory(request, tensors or ()),
            declared_digest=digest,
            requested_outputs=_requested(request) if infers else frozenset(),
            system=system,
            entry=entry,
            problem=problem,
            resume=resume,
            reply_when=reply_when,
            correlation=state,
            deadline=None if remaining is None else time.monotonic() + remaining,
            metadata=passed_on(entries),
            read_answer=self._answers.of(request, streamed=method.name == _STREAM) if infers else _nothing,
        )


def _version_field(method: Method) -> str:
    return "model_version" if method.request is wire.ModelInferRequest else "version"


def _requested(request: Any) -> frozenset[str]:
    """Name the outputs asked for; one that goes to shared memory under a name no contract looks for."""
    return frozenset(
        f"{output.name} (in shared memory)" if REGION in output.parameters else output.name
        for output in request.outputs
    )


def _uses_shared_memory(request: Any, tensors: Sequence[Tensor]) -> bool:
    # Tensors of a known layout have their bytes with them.
    inputs = not isinstance(tensors, Packed) and any(tensor.shared_memory for tensor in tensors)
    return inputs or any(REGION in output.parameters for output in request.outputs)


def _nothing(_body: bytes) -> AnswerView:
    return AnswerView()
