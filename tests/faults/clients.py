# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Clients that keep calling, and remember every answer they saw."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from governed import AGENT, LARGE, OFFICER, SURE_FROM, Deployment, infer_request
from ombud.v1 import review_pb2

_INFER: Final = "/inference.GRPCInferenceService/ModelInfer"
_APPROVE: Final = "/ombud.v1.ReviewService/ApproveReview"
_GONE: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
_TAKEN: Final = {"REVIEW_CLAIMED", "REVIEW_USED"}
_TIMEOUT: Final = 30.0

Send = Callable[..., Awaitable["Seen"]]


class Gone(Exception):
    """No answer: whether the call was recorded, the client cannot know."""


@dataclass(frozen=True)
class Seen:
    """What a client saw of one call."""

    code: str
    decision: str
    position: str = ""
    body: bytes = b""
    info: dict[str, str] = field(default_factory=dict)


@dataclass
class Memory:
    """What all clients saw, over all lives of the gateway."""

    answered: list[Seen] = field(default_factory=list)
    released: dict[str, list[Seen]] = field(default_factory=dict)
    """Answers by the review that let them through."""
    amounts: Iterator[int] = field(default_factory=lambda: itertools.count(1))


@dataclass
class Case:
    """One call that needs an approval; it goes on from life to life until it was let through."""

    amount: float
    review: str = ""
    approved: bool = False
    done: bool = False


def sender(channel: grpc.aio.Channel) -> Send:
    """Return a function that sends one call; it raises `Gone` where there is no gateway to answer."""

    async def send(method: str, body: bytes, metadata: Any) -> Seen:
        rpc: Any = channel.unary_unary(method)
        call = rpc(body, metadata=metadata, timeout=_TIMEOUT)
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            if error.code() in _GONE:
                raise Gone(f"{error.code().name}: {error.details()}") from error
            told = dict(error.trailing_metadata() or ())
            return Seen(error.code().name, told["ombud-decision-id"], info=_info(told))
        told = dict(await call.trailing_metadata())
        return Seen("OK", told["ombud-decision-id"], told["ombud-position"], answer)

    return send


def _info(told: dict[str, Any]) -> dict[str, str]:
    status = status_pb2.Status.FromString(told["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return {**info.metadata, "reason": info.reason}


async def infer(send: Send, deployment: Deployment, amount: float, **more: str) -> Seen:
    """Send one application as the agent."""
    request = infer_request(amount, applicant="p-1")
    return await send(_INFER, request.SerializeToString(), deployment.metadata(AGENT, **more))


async def keep_asking(send: Send, deployment: Deployment, memory: Memory) -> None:
    """Ask the model again and again until the gateway is gone."""
    try:
        while True:
            seen = await infer(send, deployment, SURE_FROM + next(memory.amounts) % 90_000 / 100)
            assert seen.code == "OK", seen
            memory.answered.append(seen)
    except Gone:
        return


async def carry_on(send: Send, deployment: Deployment, case: Case, memory: Memory) -> None:
    """Bring one case as far as it goes: opened, approved, let through. Raises `Gone`."""
    if not case.review:
        seen = await infer(send, deployment, case.amount)
        assert (seen.code, seen.info["reason"]) == ("FAILED_PRECONDITION", "REVIEW_REQUIRED"), seen
        case.review = seen.info["review_id"]
    if not case.approved:
        body = review_pb2.ApproveReviewRequest(id=case.review, group="officers").SerializeToString()
        seen = await send(_APPROVE, body, deployment.metadata(OFFICER))
        # Approved already: by a sibling, or just before a kill. A sibling may be further still.
        assert seen.code == "OK" or seen.info["reason"] in {"REVIEW_APPROVED", *_TAKEN}, seen
        case.approved = True
    seen = await infer(send, deployment, case.amount, resume=case.review)
    if seen.code == "OK":
        memory.answered.append(seen)
        memory.released.setdefault(case.review, []).append(seen)
        case.done = True
        return
    # Used by a sibling, or by a call whose answer a kill swallowed; or a sibling is at it.
    assert seen.info["reason"] in _TAKEN, seen
    case.done |= seen.info["reason"] == "REVIEW_USED"


async def keep_resuming(send: Send, deployment: Deployment, cases: list[Case], memory: Memory) -> None:
    """Carry cases on, one after the other, and open new ones, until the gateway is gone."""
    try:
        while True:
            case = next((case for case in cases if not case.done), None)
            if case is None:
                # One waits for an officer before the model is asked, the next one after it has answered.
                number = len(cases) % 1_000
                case = Case((LARGE if number % 2 else 0) + number / 100)
                cases.append(case)
            await carry_on(send, deployment, case, memory)
    except Gone:
        return
