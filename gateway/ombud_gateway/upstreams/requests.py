# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`RequestService` between wire and ledger."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from ombud.v1 import request_pb2 as wire
from ombud_gateway.call import Call
from ombud_gateway.matters import Matter
from ombud_gateway.requests import CATEGORIES, Asked, Requests
from ombud_gateway.upstreams.control import Operations
from ombud_gateway.upstreams.incidents import deadline_of, note

_CATEGORIES: Final = {
    wire.RequestCategory.Value(f"REQUEST_CATEGORY_{name.upper()}"): name for name in CATEGORIES
}


def operations(requests: Requests) -> Operations:
    """Return what carries the service's methods out."""

    async def open_(call: Call, by: str) -> Message:
        request = wire.OpenRequestRequest.FromString(call.body)
        asked = Asked(
            _CATEGORIES.get(request.category, str(request.category)),
            request.received_us,
            request.subject,
            tuple(request.decisions),
            request.identity,
            request.text,
            request.group,
        )
        found = await requests.open(request.system, asked, by=by, call=call.id)
        return wire.OpenRequestResponse(request=await told(found))

    async def extend(call: Call, by: str) -> Message:
        request = wire.ExtendRequestRequest.FromString(call.body)
        found = await requests.extend(request.system, request.id, request.reason, by=by, call=call.id)
        return wire.ExtendRequestResponse(request=await told(found))

    async def answer(call: Call, by: str) -> Message:
        request = wire.AnswerRequestRequest.FromString(call.body)
        texts = request.identity, request.answer
        found = await requests.answer(
            request.system, request.id, request.answered_us or None, texts, by=by, call=call.id
        )
        return wire.AnswerRequestResponse(request=await told(found))

    async def close(call: Call, by: str) -> Message:
        request = wire.CloseRequestRequest.FromString(call.body)
        found = await requests.close(request.system, request.id, request.reason, by=by, call=call.id)
        return wire.CloseRequestResponse(request=await told(found))

    async def list_(call: Call, _by: str) -> Message:
        request = wire.ListRequestsRequest.FromString(call.body)
        found = await requests.matters.find(request.system, request.id, open_only=request.open_only)
        return wire.ListRequestsResponse(requests=[await told(each) for each in found])

    async def told(found: Matter) -> wire.PersonRequest:
        record = found.record
        return wire.PersonRequest(
            id=found.id,
            system=record["system"],
            state=found.state,
            category=f"REQUEST_CATEGORY_{record['category'].upper()}",
            received_us=record["began_at"],
            due_us=record["due_at"],
            answered_us=record.get("met_at", 0),
            deadline=deadline_of(found, requests.matters.clock),
            extended=record.get("extended", False),
            identity_by=record.get("identity_by", ""),
            decisions=record["decisions"],
            review=record.get("review", ""),
            review_state=await requests.review_state(found),
            notes=map(note, found.notes),
        )

    return {
        "RequestService.OpenRequest": open_,
        "RequestService.ExtendRequest": extend,
        "RequestService.AnswerRequest": answer,
        "RequestService.CloseRequest": close,
        "RequestService.ListRequests": list_,
    }
