# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One request through the pipeline, and its reply, or replies, or refusal in gRPC's words."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from ombud_gateway.call import Call, Withheld
from ombud_gateway.doors.metadata import recorded
from ombud_gateway.doors.status import pass_failure, refuse
from ombud_gateway.errors import Refusal, UpstreamFailed
from ombud_gateway.pipeline import Pipeline


async def answer(pipeline: Pipeline, call: Call, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    """Have a call judged; return the answer's bytes, or end the RPC with the refusal's status."""
    try:
        reply = await pipeline.judge(call)
    except Refusal as refusal:
        await refuse(context, refusal, call.id)
    except UpstreamFailed as failure:
        await pass_failure(context, failure, call.id)
    if reply.answer.initial:
        await context.send_initial_metadata(reply.answer.initial)
    context.set_trailing_metadata((*reply.answer.trailing, *recorded(reply)))
    return reply.answer.body


async def answers(
    pipeline: Pipeline, call: Call, context: grpc.aio.ServicerContext[bytes, bytes]
) -> AsyncGenerator[bytes, None]:
    """Have a call judged that one request makes and many answers end; the first refusal ends the RPC."""
    try:
        async with aclosing(pipeline.stream(call)) as items:
            async for item in items:
                if isinstance(item, Withheld):
                    raise item.refusal
                context.set_trailing_metadata(recorded(item))
                yield item.answer.body
    except Refusal as refusal:
        await refuse(context, refusal, call.id)
    except UpstreamFailed as failure:
        await pass_failure(context, failure, call.id)
