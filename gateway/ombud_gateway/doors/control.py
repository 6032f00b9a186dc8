# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Door: the control plane (`ombud.v1`). Its calls go the way of any other: identified, judged, recorded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from ombud.v1 import ledger_pb2, policy_pb2, review_pb2
from ombud_gateway.call import DURABLE, Call, Correlation, ReplyWhen
from ombud_gateway.doors import metadata as md
from ombud_gateway.doors.methods import canonical
from ombud_gateway.doors.unary import answer, answers
from ombud_gateway.errors import Invalid, Refusal
from ombud_gateway.ids import Ids
from ombud_gateway.pipeline import Pipeline
from ombud_gateway.reviews import Reviews
from ombud_policies import Uid, Value, bundle_digest

CONTROL = "control"
"""Name of the upstream that carries control calls out."""
GATEWAY = Uid("Gateway", "ombud")
Context = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class _Operation:
    request: type[Message]
    action: str
    about: Callable[[ControlDoor, Any], Awaitable[tuple[Uid, Context]]] | None = None
    streams: bool = False


class ControlDoor(grpc.GenericRpcHandler):
    """Serves ReviewService, PolicyService and LedgerService through the pipeline."""

    def __init__(
        self, pipeline: Pipeline, reviews: Reviews, active: Callable[[], str], ids: Ids, *, tls: bool
    ) -> None:
        self._pipeline = pipeline
        self._reviews = reviews
        self._active = active
        self._ids = ids
        self._tls = tls
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            f"/ombud.v1.{name}": self._handler(name.replace("/", "."), one)
            for name, one in OPERATIONS.items()
        }

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the handler of a method; None for other services."""
        return self._handlers.get(handler_call_details.method)

    def _handler(self, name: str, operation: _Operation) -> grpc.RpcMethodHandler[bytes, bytes]:
        if operation.streams:
            return grpc.unary_stream_rpc_method_handler(self._streamed(name, operation))
        return grpc.unary_unary_rpc_method_handler(self._unary(name, operation))

    def _unary(
        self, name: str, operation: _Operation
    ) -> Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]:
        async def handle(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            call = await self._call(name, operation, body, context, self._ids.new())
            return await answer(self._pipeline, call, context)

        return handle

    def _streamed(
        self, name: str, operation: _Operation
    ) -> Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], AsyncIterator[bytes]]:
        async def handle(
            body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
        ) -> AsyncIterator[bytes]:
            call = await self._call(name, operation, body, context, self._ids.new())
            async with aclosing(answers(self._pipeline, call, context)) as messages:
                async for message in messages:
                    yield message

        return handle

    async def _call(
        self,
        name: str,
        operation: _Operation,
        body: bytes,
        context: grpc.aio.ServicerContext[bytes, bytes],
        drawn: tuple[str, int],
    ) -> Call:
        decision, received = drawn
        metadata = dict(context.invocation_metadata() or ())
        problem: Refusal | None = None
        resource, about, state, resume = GATEWAY, dict[str, Value](), Correlation(), ""
        reply_when: ReplyWhen = DURABLE
        request = operation.request()
        try:
            state = md.correlation(metadata)
            resume = md.text(metadata, "ombud-resume")
            reply_when = md.reply_when(metadata)
            request = operation.request.FromString(body)
            if operation.about is not None:
                resource, found = await operation.about(self, request)
                about.update(found)
        except DecodeError:
            problem = Invalid("MALFORMED", f"request bytes are no {operation.request.DESCRIPTOR.full_name}")
        except Refusal as refusal:
            problem = refusal
        remaining = context.time_remaining()
        return Call(
            id=decision,
            received=received,
            door="control-grpc",
            method=name,
            action=operation.action,
            resource=resource,
            upstream=CONTROL,
            body=body,
            credentials=md.credentials(metadata, context, tls=self._tls),
            canonical=lambda: canonical(request),
            context=about,
            problem=problem,
            resume=resume,
            reply_when=reply_when,
            correlation=state,
            deadline=None if remaining is None else time.monotonic() + remaining,
        )

    async def about_verdict(self, request: Any) -> tuple[Uid, Context]:
        """What policy sees of an approval or a rejection."""
        review = await self._reviews.get(request.id)
        rejects = isinstance(request, review_pb2.RejectReviewRequest)
        return Uid("Review", review.id), {
            "system": review.system,
            "group": review.group(request.group),
            "requester": Uid.parse(review.principal),
            "stage": review.stage,
            "decision": "reject" if rejects else "approve",
        }

    async def about_activation(self, request: Any) -> tuple[Uid, Context]:
        """What policy sees of an activation: which bundle would give way to which."""
        return GATEWAY, {"old": self._active(), "new": bundle_digest(dict(request.files))}


OPERATIONS = {
    "ReviewService/ListReviews": _Operation(review_pb2.ListReviewsRequest, "read"),
    "ReviewService/GetReview": _Operation(review_pb2.GetReviewRequest, "read"),
    "ReviewService/ApproveReview": _Operation(
        review_pb2.ApproveReviewRequest, "approve", ControlDoor.about_verdict
    ),
    "ReviewService/RejectReview": _Operation(
        review_pb2.RejectReviewRequest, "approve", ControlDoor.about_verdict
    ),
    "PolicyService/GetActivePolicy": _Operation(policy_pb2.GetActivePolicyRequest, "read"),
    "PolicyService/ActivatePolicy": _Operation(
        policy_pb2.ActivatePolicyRequest, "activate", ControlDoor.about_activation
    ),
    "LedgerService/GetHead": _Operation(ledger_pb2.GetHeadRequest, "read"),
    "LedgerService/SealLedger": _Operation(ledger_pb2.SealLedgerRequest, "administer"),
    "LedgerService/GetCheckpoint": _Operation(ledger_pb2.GetCheckpointRequest, "read"),
    "LedgerService/ProveInclusion": _Operation(ledger_pb2.ProveInclusionRequest, "read"),
    "LedgerService/ProveConsistency": _Operation(ledger_pb2.ProveConsistencyRequest, "read"),
    "LedgerService/GetEntry": _Operation(ledger_pb2.GetEntryRequest, "read"),
    "LedgerService/QueryLedger": _Operation(ledger_pb2.QueryLedgerRequest, "read", streams=True),
}
