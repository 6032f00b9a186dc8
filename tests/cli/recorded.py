# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A small real ledger: calls of one loan application, a review and the call that followed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from ombud_ledger import Facts, Ledger, Options

ORIGIN = "acme/test/r0"
LOG = "r0-0"
START = 1_760_000_000_000_000
_CONTRACT = {"columns": [{"name": "amount", "type": "double"}, {"name": "confidence", "type": "double"}]}


def call(call_id: str, verdict: str, policies: list[str], **more: Any) -> dict[str, Any]:
    """Body of a decision or intent on the loan model."""
    return {
        "id": call_id,
        "system": "credit",
        "principal": 'Agent::"intake"',
        "action": "infer",
        "method": "ModelInfer",
        "resource": 'Model::"loans"',
        "model": "loans",
        "artifact_digest": "not supplied",
        "verdict": verdict,
        "policies": policies,
        "policies_total": len(policies),
        "correlation_id": "loan-1",
        **more,
    }


def record(root: Path) -> str:
    """Write the ledger; return its head as SIZE:HEX. Entries are one second apart."""
    ticks = itertools.count(START, 1_000_000)
    ledger = Ledger.open(
        root,
        log=LOG,
        origin=ORIGIN,
        options=Options(seal_automatically=False),
        clock=lambda: next(ticks),
        randomness=bytes,
    )
    contract = ledger.put_object(json.dumps(_CONTRACT, separators=(",", ":")).encode())

    def facts(amount: str, confidence: str) -> Facts:
        return Facts(contract, {"amount": amount, "confidence": confidence})

    answered = {"outcome": "answered", "status": "OK", "model_version": "1", "config_digest": "c0"}
    denied = {"outcome": "refused", "status": "PERMISSION_DENIED", "reason": "DENIED"}
    held = {"outcome": "refused", "status": "FAILED_PRECONDITION", "reason": "REVIEW_REQUIRED"}
    add = ledger.append_blocking
    add("decision", call("d1", "allow", ["agents-ask"], added_us=100, **answered), facts("10.0", "0.9"))
    add("decision", call("d2", "deny", ["cap"], added_us=200, **denied), facts("99.0", "0.0"))
    add("decision", call("d3", "deny", [], added_us=300, **denied))
    add("decision", call("d4", "review", ["large"], added_us=400, **held), facts("50.0", "0.0"))
    review = {"id": "d4", "system": "credit", "correlation_id": "loan-1"}
    add("review", {**review, "event": "opened", "requester": 'Agent::"intake"', "groups": ["adjusters"]})
    approval = {"method": "ReviewService/ApproveReview", "resource": 'Review::"d4"', "action": "approve"}
    add(
        "decision",
        {
            "id": "a1",
            "principal": 'User::"ada"',
            **approval,
            "verdict": "allow",
            "policies": ["adjusters-settle"],
            "outcome": "answered",
            "status": "OK",
            "added_us": 50,
        },
    )
    add("review", {**review, "event": "approved", "group": "adjusters", "approver": 'User::"ada"'})
    add("intent", call("d5", "allow", ["agents-ask"], approval="d4"), facts("50.0", "0.5"))
    add(
        "outcome",
        {
            "id": "d5",
            "system": "credit",
            "verdict": "allow",
            "policies": ["agents-ask"],
            "action": "infer",
            "model": "loans",
            **answered,
        },
    )
    breach = {"field": "amount", "bound": "at most 100"}
    add(
        "decision",
        {
            "id": "d6",
            "system": "credit",
            "principal": 'Agent::"intake"',
            "action": "infer",
            "breach": breach,
            "outcome": "refused",
            "status": "INVALID_ARGUMENT",
        },
    )
    head = ledger.head
    ledger.close()
    return f"{head.size}:{head.chain.hex()}"
