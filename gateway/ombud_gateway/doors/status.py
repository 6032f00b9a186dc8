# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Refusals as gRPC statuses, with decision id and `google.rpc.ErrorInfo` (google/rpc/error_details.proto)."""

from __future__ import annotations

from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from ombud_gateway.call import Metadata
from ombud_gateway.doors.metadata import DECISION_ID, recorded
from ombud_gateway.errors import NeedsReview, NotReached, Refusal, UpstreamFailed, code_of

DOMAIN = "ombud"
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


def text_of(refusal: Refusal | UpstreamFailed, decision: str) -> str:
    """Return the status text: tritonclient hides trailers, so the id stands here too."""
    return f"{refusal.message} [{DECISION_ID}: {decision}]"


async def refuse(
    context: grpc.aio.ServicerContext[bytes, bytes], refusal: Refusal, decision: str
) -> NoReturn:
    """End a call with the status of a refusal."""
    code = grpc.StatusCode[code_of(refusal)]
    message = text_of(refusal, decision)
    about = {"decision_id": decision}
    if isinstance(refusal, NeedsReview):
        about["review_id"] = refusal.ticket.id
        about["groups"] = ",".join(refusal.ticket.groups)
        about["state"] = refusal.ticket.state
        about["expires_us"] = str(refusal.ticket.expires)
    trailing: Metadata = ((DECISION_ID, decision),)
    if isinstance(refusal, NotReached):
        about["position"] = refusal.reply.position
        trailing = recorded(refusal.reply)
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=about))
    status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
    await context.abort(code, message, (*trailing, ("grpc-status-details-bin", status.SerializeToString())))
    raise AssertionError("abort always raises")


async def pass_failure(
    context: grpc.aio.ServicerContext[bytes, bytes], failure: UpstreamFailed, decision: str
) -> NoReturn:
    """End a call with the upstream's own status, message and metadata."""
    trailing: Metadata = (*failure.metadata, (DECISION_ID, decision))
    code = _BY_NUMBER.get(failure.code, grpc.StatusCode.UNKNOWN)
    await context.abort(code, text_of(failure, decision), trailing)
    raise AssertionError("abort always raises")
