# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Door: the control plane (`ombud.v1`). Its calls go the way of any other: identified, judged, recorded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import DecodeError, Message

from ombud.v1 import (
    incident_pb2,
    label_pb2,
    ledger_pb2,
    policy_pb2,
    report_pb2,
    request_pb2,
    review_pb2,
    subject_pb2,
)
from ombud_gateway.call import DURABLE, Call, Correlation, ReplyWhen
from ombud_gateway.doors import metadata as md
from ombud_gateway.doors.kserve_stream import STREAM_ID
from ombud_gateway.doors.methods import canonical
from ombud_gateway.doors.unary import answer, answers
from ombud_gateway.errors import Invalid, NotFound, Refusal
from ombud_gateway.ids import Ids
from ombud_gateway.pipeline import Pipeline
from ombud_gateway.report_options import asks_texts, read_options
from ombud_gateway.reviews import Reviews
from ombud_policies import Uid, Value, bundle_digest

CONTROL = "control"
"""Name of the upstream that carries control calls out."""
GATEWAY = Uid("Gateway", "ombud")
VAULT = Uid("Vault", "ombud")
Context = Mapping[str, Value]


class _About(NamedTuple):
    """What a call is about: Cedar resource, context, and the pseudonym of a person."""

    resource: Uid
    context: Context = MappingProxyType({})
    subject: str = ""


@dataclass(frozen=True, slots=True)
class _Operation:
    """`about` finds out what one request is about; without it all are about `resource`.

    `names` says that requests name a person, or that answers may hold what is kept of many: nothing is kept
    of such a call beside its record, for no erasure would find it there. `streams`: one request has many
    answers. `converses`: requests come on a stream, each a call of its own with one answer.
    """

    request: type[Message]
    action: str
    about: Callable[[ControlDoor, Any], Awaitable[_About]] | None = None
    resource: Uid = GATEWAY
    names: bool = False
    streams: bool = False
    converses: bool = False


class ControlDoor(grpc.GenericRpcHandler):
    """Serves the services of `ombud.v1` through the pipeline."""

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
        if operation.converses:
            return grpc.stream_stream_rpc_method_handler(self._conversing(name, operation))
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

    def _conversing(
        self, name: str, operation: _Operation
    ) -> Callable[[AsyncIterator[bytes], grpc.aio.ServicerContext[bytes, bytes]], AsyncIterator[bytes]]:
        async def handle(
            requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
        ) -> AsyncIterator[bytes]:
            stream, _ = self._ids.new()
            await context.send_initial_metadata(((STREAM_ID, stream),))
            number = 0
            # The next one is read once this one is answered: a fast sender meets back pressure.
            async for body in requests:
                number += 1
                drawn = f"{stream}.{number}", self._ids.new()[1]
                call = await self._call(name, operation, body, context, drawn)
                yield await answer(self._pipeline, call, context)

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
        about, state, resume = _About(operation.resource), Correlation(), ""
        reply_when: ReplyWhen = DURABLE
        request = operation.request()
        try:
            state = md.correlation(metadata)
            resume = md.text(metadata, "ombud-resume")
            reply_when = md.reply_when(metadata)
            request = operation.request.FromString(body)
            if operation.about is not None:
                about = await operation.about(self, request)
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
            resource=about.resource,
            upstream=CONTROL,
            body=body,
            credentials=md.credentials(metadata, context, tls=self._tls),
            canonical=_unreviewable if operation.names else lambda: canonical(request),
            context=about.context,
            problem=problem,
            resume=resume,
            reply_when=reply_when,
            correlation=state,
            deadline=None if remaining is None else time.monotonic() + remaining,
            subject=about.subject,
            names=operation.names,
        )

    async def about_review(self, request: Any) -> _About:
        """Whom a look at a review is about; one that is not there is told by who looks it up."""
        try:
            return _About(GATEWAY, subject=(await self._reviews.get(request.id)).subject)
        except NotFound:
            return _About(GATEWAY)

    async def about_verdict(self, request: Any) -> _About:
        """What policy sees of an approval or a rejection."""
        review = await self._reviews.get(request.id)
        rejects = isinstance(request, review_pb2.RejectReviewRequest)
        context: dict[str, Value] = {
            "system": review.system,
            "group": review.group(request.group),
            "requester": Uid.parse(review.principal),
            "stage": review.stage,
            "decision": "reject" if rejects else "approve",
        }
        return _About(Uid("Review", review.id), context, review.subject)

    async def about_kept(self, request: Any) -> _About:
        """What policy sees of a call about all that is kept of one system."""
        return _About(GATEWAY, {"system": request.system})

    async def about_system(self, request: Any) -> _About:
        """What policy sees of a call about one system."""
        if not request.system:
            raise Invalid("MALFORMED", "system is empty, expected the name of a system")
        return _About(Uid("System", request.system), {"system": request.system})

    async def about_incident(self, request: Any) -> _About:
        """What policy sees of a call about a system's incidents: that it asks for no report."""
        about = await self.about_system(request)
        return about._replace(context={**about.context, "report": "", "texts": False})

    async def about_report(self, request: Any) -> _About:
        """What policy sees of a report that is asked for: its kind, and whether with what people wrote."""
        if not request.kind:
            raise Invalid("MALFORMED", "kind is empty, expected a kind of report")
        about = await self.about_system(request)
        texts = asks_texts(read_options(request.options_json))
        return about._replace(context={**about.context, "report": request.kind, "texts": texts})

    async def about_people(self, request: Any) -> _About:
        """What policy sees of a call about what people ask: where they are known, and a system."""
        return _About(VAULT, {"system": request.system})

    async def about_activation(self, request: Any) -> _About:
        """What policy sees of an activation: which bundle would give way to which."""
        return _About(GATEWAY, {"old": self._active(), "new": bundle_digest(dict(request.files))})


def _unreviewable() -> bytes:
    """A review would keep a digest of the request, from which the person could be guessed."""
    raise Invalid("UNREVIEWABLE", "a call that names a person cannot wait for a review")


OPERATIONS = {
    "ReviewService/ListReviews": _Operation(review_pb2.ListReviewsRequest, "read"),
    "ReviewService/GetReview": _Operation(review_pb2.GetReviewRequest, "read", ControlDoor.about_review),
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
    "SubjectService/ExportSubject": _Operation(
        subject_pb2.ExportSubjectRequest, "read", resource=VAULT, names=True
    ),
    "SubjectService/EraseSubject": _Operation(
        subject_pb2.EraseSubjectRequest, "erase", resource=VAULT, names=True
    ),
    "SubjectService/HoldSubject": _Operation(
        subject_pb2.HoldSubjectRequest, "administer", resource=VAULT, names=True
    ),
    "SubjectService/ReleaseHold": _Operation(
        subject_pb2.ReleaseHoldRequest, "administer", resource=VAULT, names=True
    ),
    "SubjectService/ListHolds": _Operation(
        subject_pb2.ListHoldsRequest, "administer", resource=VAULT, names=True
    ),
    "LabelService/Report": _Operation(
        label_pb2.LabelServiceReportRequest,
        "label",
        ControlDoor.about_system,
        resource=Uid("System", ""),
        names=True,
        converses=True,
    ),
    **{
        f"IncidentService/{name}": _Operation(
            request, "report", ControlDoor.about_incident, resource=Uid("System", ""), names=True
        )
        for name, request in (
            ("OpenIncident", incident_pb2.OpenIncidentRequest),
            ("UpdateIncident", incident_pb2.UpdateIncidentRequest),
            ("CloseIncident", incident_pb2.CloseIncidentRequest),
            ("ListIncidents", incident_pb2.ListIncidentsRequest),
        )
    },
    **{
        f"RequestService/{name}": _Operation(
            request, "administer", ControlDoor.about_people, resource=VAULT, names=True
        )
        for name, request in (
            ("OpenRequest", request_pb2.OpenRequestRequest),
            ("ExtendRequest", request_pb2.ExtendRequestRequest),
            ("AnswerRequest", request_pb2.AnswerRequestRequest),
            ("CloseRequest", request_pb2.CloseRequestRequest),
            ("ListRequests", request_pb2.ListRequestsRequest),
        )
    },
    "ReportService/MakeReport": _Operation(
        report_pb2.MakeReportRequest,
        "report",
        ControlDoor.about_report,
        resource=Uid("System", ""),
        names=True,
        streams=True,
    ),
    "LedgerService/GetEntry": _Operation(ledger_pb2.GetEntryRequest, "read"),
    "LedgerService/QueryLedger": _Operation(ledger_pb2.QueryLedgerRequest, "read", streams=True, names=True),
    "LedgerService/PruneLedger": _Operation(ledger_pb2.PruneLedgerRequest, "administer", streams=True),
    "LedgerService/HoldRetention": _Operation(
        ledger_pb2.HoldRetentionRequest, "administer", ControlDoor.about_kept, names=True
    ),
    "LedgerService/ReleaseRetention": _Operation(
        ledger_pb2.ReleaseRetentionRequest, "administer", ControlDoor.about_kept, names=True
    ),
    "LedgerService/ListRetentionHolds": _Operation(
        ledger_pb2.ListRetentionHoldsRequest, "administer", names=True
    ),
    "LedgerService/ExportLedger": _Operation(
        ledger_pb2.ExportLedgerRequest, "read", ControlDoor.about_kept, streams=True, names=True
    ),
}
