# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Calls and answers that wait for a human: parked, settled through the control API, resumed once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from integration.gateway import (
    Caller,
    Gateway,
    Workspace,
    activate,
    amount,
    direct,
    infer_request,
    plain,
    until,
)
from integration.reviews import IS_APPROVED, NEEDS_REVIEW, calls_of, held_column, send, settle, shown, told
from ombud.v1 import policy_pb2, review_pb2
from ombud_cli.demo.upstream import ModelServer


def test_curable_denial_parks_the_call(agent: Caller, reviewer: Caller, large: float) -> None:
    """The caller learns what to wait for, in text and ErrorInfo; the reviewer sees what it is about."""
    parked = send(agent, large)

    opened, decision = agent.entries()
    review = shown(reviewer, parked.decision)
    assert (parked.code, parked.text) == (
        "FAILED_PRECONDITION",
        f"{NEEDS_REVIEW}: {parked.decision} [ombud-decision-id: {parked.decision}]",
    )
    assert (parked.reason, parked.about) == (
        "REVIEW_REQUIRED",
        {
            "decision_id": parked.decision,
            "review_id": parked.decision,
            "groups": "reviewers",
            "state": "open",
            "expires_us": str(review.expires_us),
        },
    )
    assert plain(opened) == {
        "kind": "review",
        "id": parked.decision,
        "event": "opened",
        "system": "study",
        "stage": "infer",
        "requester": 'Agent::"agent"',
        "groups": ["reviewers"],
        "correlation_id": agent.correlation,
    }
    assert plain(decision) == agent.judged("echo") | {
        "kind": "decision",
        "id": parked.decision,
        "verdict": "review",
        "stage": "infer",
        "policies": ["large-amount"],
        "policies_total": 1,
        "review": parked.decision,
        "outcome": "refused",
        "status": "FAILED_PRECONDITION",
        "reason": "REVIEW_REQUIRED",
        "steps": ["contract", "decide", "identify"],
    }
    assert json.loads(review.facts_json) == {
        "input": {"amount": str(large), "certainty": "0.8999999761581421"}
    }
    review.facts_json = ""
    assert review == review_pb2.Review(
        id=parked.decision,
        state="open",
        stage="infer",
        system="study",
        requester='Agent::"agent"',
        action="infer",
        resource='Model::"echo"',
        groups=["reviewers"],
        policies=["large-amount"],
        opened_us=review.opened_us,
        expires_us=review.opened_us + 86_400_000_000,
        correlation_id=agent.correlation,
    )


def test_unmodified_client_reads_what_to_do(agent: Caller, large: float) -> None:
    """`tritonclient` hides trailers, so the status text has both ids."""
    with pytest.raises(InferenceServerException) as raised:
        agent.client.infer("echo", amount(large), headers=agent.headers())

    decision = agent.entries()[-1].record["id"]
    assert raised.value.status() == "StatusCode.FAILED_PRECONDITION"
    assert f"ombud-resume: {decision} [ombud-decision-id: {decision}]" in raised.value.message()


def test_approved_call_goes_through_once(
    agent: Caller, reviewer: Caller, triton: ModelServer, triton_client: InferenceServerClient, large: float
) -> None:
    """Approval and resumption are recorded around one call of Triton; a second resumption is refused."""
    parked = send(agent, large)
    approved = settle(reviewer, "Approve", parked.decision, reason="they are known to us")
    before = calls_of(triton_client)

    answer = send(agent, large, ombud_resume=parked.decision)
    again = send(agent, large, ombud_resume=parked.decision)

    assert review_pb2.ApproveReviewResponse.FromString(approved.body).review.state == "approved"
    assert calls_of(triton_client) == before + 1
    assert (answer.code, answer.body) == (
        "OK",
        direct(triton, "ModelInfer", infer_request("echo", amount(large))).body,
    )
    assert (again.code, again.reason, again.text) == (
        "FAILED_PRECONDITION",
        "REVIEW_USED",
        f"the review is used: an approval is used once [ombud-decision-id: {again.decision}]",
    )
    entries = agent.entries()
    assert told(entries) == [
        ("review", "opened", ""),
        ("decision", "refused", "REVIEW_REQUIRED"),
        ("review", "approved", "reviewers"),
        ("intent", "", ""),
        ("outcome", "answered", ""),
        ("decision", "refused", "REVIEW_USED"),
    ]
    assert (entries[2].record["approver"], entries[2].facts) == (
        'User::"reviewer"',
        {"reason": "they are known to us", "values": {}},
    )
    verdict = {
        "verdict": "allow",
        "policies": ["callers-infer"],
        "policies_total": 1,
        "approval": parked.decision,
    }
    assert plain(entries[3]) == agent.judged("echo") | verdict | {
        "kind": "intent",
        "id": answer.decision,
        "stage": "infer",
        "steps": ["contract", "decide", "identify"],
    }
    outcome = plain(entries[4])
    expected = verdict | {"kind": "outcome", "id": answer.decision, "stage": "release", "outcome": "answered"}
    assert {key: outcome[key] for key in expected} == expected
    assert shown(reviewer, parked.decision).state == "used"


def test_settling_is_itself_judged_and_recorded(agent: Caller, reviewer: Caller, large: float) -> None:
    """An approval has an intent and an outcome of its own, under the reviewer's name."""
    parked = send(agent, large)

    settle(reviewer, "Approve", parked.decision)

    intent, outcome = reviewer.entries()
    bundle, entities = reviewer.gateway.workspace.digests()
    verdict = {
        "verdict": "allow",
        "stage": "approve",
        "policies": ["reviewers-settle"],
        "policies_total": 1,
        "bundle": bundle,
        "entities": entities,
    }
    assert plain(intent) == verdict | {
        "kind": "intent",
        "id": intent.record["id"],
        "door": "control-grpc",
        "action": "approve",
        "method": "ReviewService.ApproveReview",
        "resource": f'Review::"{parked.decision}"',
        "attempt": 1,
        "principal": 'User::"reviewer"',
        "principal_type": "User",
        "correlation_id": reviewer.correlation,
        "steps": ["contract", "decide", "identify"],
    }
    assert plain(outcome) == verdict | {
        "kind": "outcome",
        "id": intent.record["id"],
        "action": "approve",
        "method": "ReviewService.ApproveReview",
        "outcome": "answered",
        "status": "OK",
        "steps": ["contract", "decide", "forward", "identify"],
    }


def test_undecided_review_cannot_be_resumed(agent: Caller, large: float) -> None:
    """Resuming before a human has decided says so, and names the same review."""
    parked = send(agent, large)

    early = send(agent, large, ombud_resume=parked.decision)

    assert (early.code, early.reason, early.about["review_id"], early.about["state"]) == (
        "FAILED_PRECONDITION",
        "REVIEW_REQUIRED",
        parked.decision,
        "open",
    )


def test_approval_binds_the_exact_call(agent: Caller, reviewer: Caller, large: float) -> None:
    """Another argument is another call; another request id is not."""
    parked = send(agent, large)
    settle(reviewer, "Approve", parked.decision)

    changed = send(agent, large + 0.125, ombud_resume=parked.decision)
    renamed = agent.send(
        "ModelInfer", infer_request("echo", amount(large), id="renamed"), ombud_resume=parked.decision
    )

    assert (changed.code, changed.reason, changed.text) == (
        "FAILED_PRECONDITION",
        "REVIEW_MISMATCH",
        f"the call differs from the one that was reviewed [ombud-decision-id: {changed.decision}]",
    )
    assert renamed.code == "OK"


@pytest.mark.parametrize("whose", ["another's", "nobody's"])
def test_review_of_others_is_unknown(gateway: Gateway, agent: Caller, whose: str, large: float) -> None:
    """A caller cannot tell another's review from one that does not exist."""
    review = send(agent, large).decision if whose == "another's" else "01900000-0000-7000-8000-000000000000"
    with gateway.caller("other") as other:
        refused = send(other, large, ombud_resume=review)

    assert (refused.code, refused.reason, refused.text) == (
        "NOT_FOUND",
        "REVIEW_UNKNOWN",
        f"no review of this id is open to this caller [ombud-decision-id: {refused.decision}]",
    )


def test_rejected_call_stays_out(agent: Caller, reviewer: Caller, large: float) -> None:
    """After a rejection, retries and resumptions are denied; no second review opens."""
    parked = send(agent, large)
    settle(reviewer, "Reject", parked.decision, reason="no")

    endings = [send(agent, large), send(agent, large, ombud_resume=parked.decision)]

    assert [(end.code, end.reason) for end in endings] == [("PERMISSION_DENIED", "REVIEW_REJECTED")] * 2
    assert told(agent.entries()) == [
        ("review", "opened", ""),
        ("decision", "refused", "REVIEW_REQUIRED"),
        ("review", "rejected", "reviewers"),
        ("decision", "refused", "REVIEW_REJECTED"),
        ("decision", "refused", "REVIEW_REJECTED"),
    ]
    late = settle(reviewer, "Approve", parked.decision)
    assert (late.code, late.reason) == ("FAILED_PRECONDITION", "REVIEW_REJECTED")


def test_twenty_blind_retries_open_one_review(agent: Caller, reviewer: Caller, large: float) -> None:
    """Retries at the same moment all learn the same review; each is recorded, the review opens once."""
    with ThreadPoolExecutor(20) as pool:
        endings = list(pool.map(lambda _: send(agent, large), range(20)))

    assert {(end.code, end.reason) for end in endings} == {("FAILED_PRECONDITION", "REVIEW_REQUIRED")}
    reviews = {end.about["review_id"] for end in endings}
    assert len(reviews) == 1
    entries = told(agent.entries())
    assert entries.count(("review", "opened", "")) == 1
    assert entries.count(("decision", "refused", "REVIEW_REQUIRED")) == 20
    listed = reviewer.control("ReviewService/ListReviews", review_pb2.ListReviewsRequest(page_size=1000))
    about = review_pb2.ListReviewsResponse.FromString(listed.body).reviews
    assert [one.id for one in about if one.correlation_id == agent.correlation] == [*reviews]


def test_concurrent_resumptions_use_an_approval_once(
    agent: Caller, reviewer: Caller, triton_client: InferenceServerClient, large: float
) -> None:
    """Of several resumptions at the same moment one is answered, and Triton is called once."""
    parked = send(agent, large)
    settle(reviewer, "Approve", parked.decision)
    before = calls_of(triton_client)

    with ThreadPoolExecutor(8) as pool:
        endings = list(pool.map(lambda _: send(agent, large, ombud_resume=parked.decision), range(8)))

    answered = [end for end in endings if end.code == "OK"]
    refused = {(end.code, end.reason) for end in endings if end.code != "OK"}
    assert len(answered) == 1
    assert refused <= {("FAILED_PRECONDITION", "REVIEW_CLAIMED"), ("FAILED_PRECONDITION", "REVIEW_USED")}
    assert calls_of(triton_client) == before + 1


def test_every_named_group_must_approve(
    gateway: Gateway, agent: Caller, reviewer: Caller, large: float
) -> None:
    """Two forbids name two groups: one approval leaves the review open, and each needs its own permit."""
    value = large + 200
    parked = send(agent, value)

    with gateway.caller("senior") as senior:
        unnamed = settle(reviewer, "Approve", parked.decision)
        foreign = settle(reviewer, "Approve", parked.decision, group="seniors")
        first = settle(reviewer, "Approve", parked.decision, group="reviewers")
        early = send(agent, value, ombud_resume=parked.decision)
        second = settle(senior, "Approve", parked.decision, group="seniors")
        answer = send(agent, value, ombud_resume=parked.decision)

    assert parked.about["groups"] == "reviewers,seniors"
    assert [(end.code, end.reason) for end in (unnamed, foreign, first, early, second, answer)] == [
        ("INVALID_ARGUMENT", "GROUP"),
        ("PERMISSION_DENIED", "DENIED"),
        ("OK", ""),
        ("FAILED_PRECONDITION", "REVIEW_REQUIRED"),
        ("OK", ""),
        ("OK", ""),
    ]
    assert [row for row in told(agent.entries()) if row[0] == "review"] == [
        ("review", "opened", ""),
        ("review", "approved", "reviewers"),
        ("review", "approved", "seniors"),
    ]


def test_callers_cannot_look_at_or_settle_reviews(agent: Caller, large: float) -> None:
    """The control plane is judged like any call: nothing permits the agent."""
    parked = send(agent, large)

    endings = [
        settle(agent, "Approve", parked.decision),
        settle(agent, "Reject", parked.decision),
        agent.control("ReviewService/ListReviews", review_pb2.ListReviewsRequest()),
        agent.control("ReviewService/GetReview", review_pb2.GetReviewRequest(id=parked.decision)),
    ]

    assert [(end.code, end.reason) for end in endings] == [("PERMISSION_DENIED", "DENIED")] * 4


def test_settled_review_cannot_be_settled_again(agent: Caller, reviewer: Caller, large: float) -> None:
    """A second approval is refused; nothing is recorded as approved twice."""
    parked = send(agent, large)
    settle(reviewer, "Approve", parked.decision)

    again = settle(reviewer, "Approve", parked.decision)

    assert (again.code, again.reason, again.text) == (
        "FAILED_PRECONDITION",
        "REVIEW_APPROVED",
        f"the review is approved, not open [ombud-decision-id: {again.decision}]",
    )
    assert told(agent.entries()).count(("review", "approved", "reviewers")) == 1


def test_approval_can_be_taken_back(agent: Caller, reviewer: Caller, large: float) -> None:
    """Rejecting an approved review before it is used keeps the call out."""
    parked = send(agent, large)
    settle(reviewer, "Approve", parked.decision)
    settle(reviewer, "Reject", parked.decision)

    refused = send(agent, large, ombud_resume=parked.decision)

    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "REVIEW_REJECTED")


def test_retry_of_an_approved_call_is_told_how_to_resume(
    agent: Caller, reviewer: Caller, large: float
) -> None:
    """A blind retry does not use the approval up; it learns that it is there."""
    parked = send(agent, large)
    settle(reviewer, "Approve", parked.decision)

    retried = send(agent, large)

    assert (retried.code, retried.text) == (
        "FAILED_PRECONDITION",
        f"{IS_APPROVED}: {parked.decision} [ombud-decision-id: {retried.decision}]",
    )
    assert retried.about["state"] == "approved"


def test_request_with_unknown_fields_cannot_be_reviewed(agent: Caller, large: float) -> None:
    """What no reviewer could see is not put before one."""
    request = infer_request("echo", amount(large)).SerializeToString() + b"\xf8\x3f\x01"

    refused = agent.send("ModelInfer", request)

    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "UNREVIEWABLE")
    assert told(agent.entries()) == [("decision", "refused", "UNREVIEWABLE")]


STRICTER = (
    '@id("nothing-large") forbid (principal, action == Action::"infer", resource) when {{ {} }};\n'.format(
        'context.input has amount && context.input.amount.greaterThan(decimal("600.0"))'
    )
)


def test_policies_are_asked_afresh_at_resumption(triton: ModelServer, tmp_path: Path) -> None:
    """A stricter bundle between approval and resumption denies, and gives the approval back."""
    with (
        Gateway(Workspace(tmp_path, triton.grpc_address)) as gateway,
        gateway.caller("agent") as agent,
        gateway.caller("reviewer") as reviewer,
        gateway.caller("owner") as owner,
    ):
        parked = send(agent, 650)
        settle(reviewer, "Approve", parked.decision)
        stricter = policy_pb2.ActivatePolicyResponse.FromString(
            activate(owner, gateway.workspace.bundle, STRICTER).body
        )
        refused = send(agent, 650, ombud_resume=parked.decision)
        state = shown(reviewer, parked.decision).state
        activate(owner, gateway.workspace.bundle)
        answer = send(agent, 650, ombud_resume=parked.decision)

        assert (refused.code, refused.text) == (
            "PERMISSION_DENIED",
            f"denied by policy nothing-large [ombud-decision-id: {refused.decision}]",
        )
        assert (state, answer.code) == ("approved", "OK")
        entries = agent.entries()
        assert told(entries) == [
            ("review", "opened", ""),
            ("decision", "refused", "REVIEW_REQUIRED"),
            ("review", "approved", "reviewers"),
            ("decision", "refused", "DENIED"),
            ("intent", "", ""),
            ("outcome", "answered", ""),
        ]
        old = gateway.workspace.digests()[0]
        assert [entry.record.get("bundle") for entry in entries] == [
            None,
            old,
            None,
            stricter.new_digest,
            old,
            old,
        ]
        assert entries[3].record["approval"] == parked.decision


def test_review_expires(triton: ModelServer, tmp_path: Path) -> None:
    """Past its time an approval is worth nothing, held answers are dropped, and the place is free again."""
    workspace = Workspace(tmp_path, triton.grpc_address, review={"expiry_seconds": 1.5})
    with (
        Gateway(workspace) as gateway,
        gateway.caller("agent") as agent,
        gateway.caller("reviewer") as reviewer,
    ):
        parked, held = send(agent, 600), send(agent, 1, 0.25)
        settle(reviewer, "Approve", parked.decision)

        def expired() -> bool:
            return shown(reviewer, parked.decision).state == shown(reviewer, held.decision).state == "expired"

        until(expired, "expiry")
        late = [
            send(agent, 600, ombud_resume=parked.decision),
            send(agent, 1, 0.25, ombud_resume=held.decision),
            settle(reviewer, "Approve", held.decision),
        ]
        anew = send(agent, 600)

        assert [(end.code, end.reason) for end in late] == [("FAILED_PRECONDITION", "REVIEW_EXPIRED")] * 3
        assert (anew.reason, anew.about["review_id"]) == ("REVIEW_REQUIRED", anew.decision)
        assert held_column(workspace) == []
        assert told(agent.entries()).count(("review", "expired", "")) == 2
