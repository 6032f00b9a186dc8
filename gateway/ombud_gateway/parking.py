# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How the pipeline parks a call, or its answer, for a human."""

from __future__ import annotations

import json
from typing import Any

from ombud_gateway.errors import NeedsReview, Refusal, ReviewTicket
from ombud_gateway.judgement import Judgement
from ombud_gateway.reviews import Reviews, call_digest


def digest_of(judged: Judgement) -> str:
    """Digest of the exact call; raises `Invalid` where the request cannot be reviewed."""
    call = judged.call
    return call_digest(str(judged.principal), call.action, str(call.resource), call.method, call.canonical())


async def park(reviews: Reviews, judged: Judgement, answer: bytes | None) -> Refusal:
    """Open a review, or find the one that the same call waits for; return the refusal that tells the caller.

    A held answer is bound by its SHA-256 and the model version beside the call's digest.
    """
    call, verdict = judged.call, judged.verdict
    if verdict is None:
        raise AssertionError("a review needs a verdict")
    new = reviews.new(
        f"{call.id}.{judged.part}" if judged.part else call.id,
        digest=digest_of(judged),
        part=judged.part,
        stage=judged.stage,
        system=call.system.name if call.system else "",
        principal=str(judged.principal),
        action=call.action,
        resource=str(call.resource),
        groups=verdict.groups,
        policies=verdict.policies,
        correlation_id=call.correlation.correlation_id,
        facts=_evidence(judged),
        subject=judged.subject,
        model_version=judged.model_version,
        config_digest=judged.config_digest,
    )
    return _refusal(await reviews.park(new, answer))


async def waiting(reviews: Reviews, judged: Judgement) -> None:
    """Raise `NeedsReview` where the answer to this very call waits: a retry never reaches the upstream."""
    if reviews.holds_answers:
        ticket = await reviews.waiting_release(digest_of(judged))
        if ticket is not None:
            raise _refusal(ticket)


def _refusal(ticket: ReviewTicket) -> Refusal:
    groups = ", ".join(ticket.groups)
    if ticket.state == "approved":
        return NeedsReview(
            f"approved by {groups}: send the call again with ombud-resume: {ticket.id}", ticket
        )
    return NeedsReview(
        f"needs review by {groups}; once approved, resume with ombud-resume: {ticket.id}", ticket
    )


def _evidence(judged: Judgement) -> str:
    held: dict[str, Any] = {}
    if judged.inputs is not None:
        held["input"] = dict(judged.inputs.facts)
        if judged.about is not None and judged.call.system is not None:
            # A reviewer may need to look the person up. Dropped with the rest once the review is settled.
            held["input"][judged.call.system.contract.subject] = judged.about
    if judged.outputs is not None:
        held["output"] = judged.outputs.facts
    return json.dumps(held)
