# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Policy parks the answer, not the call: Triton has run, and runs no second time."""

from __future__ import annotations

import hashlib
import json
import sqlite3

from tritonclient.grpc import InferenceServerClient

from integration.gateway import (
    Caller,
    Workspace,
    amount,
    direct,
    infer_request,
    plain,
)
from integration.reviews import calls_of, held_column, send, settle, shown, told
from ombud_cli.demo.upstream import ModelServer


def test_held_answer_is_returned_without_asking_triton_again(
    agent: Caller,
    reviewer: Caller,
    triton: ModelServer,
    triton_client: InferenceServerClient,
    large: float,
) -> None:
    """Retries wait for the held answer; the resumption gets its very bytes."""
    value = large - 500
    own = direct(triton, "ModelInfer", infer_request("echo", amount(value, 0.25))).body
    before = calls_of(triton_client)

    held = send(agent, value, 0.25)
    retried = send(agent, value, 0.25)
    settle(reviewer, "Approve", held.decision)
    answer = send(agent, value, 0.25, ombud_resume=held.decision)
    again = send(agent, value, 0.25, ombud_resume=held.decision)

    assert calls_of(triton_client) == before + 1
    assert [(end.code, end.about.get("review_id")) for end in (held, retried)] == [
        ("FAILED_PRECONDITION", held.decision)
    ] * 2
    assert (answer.code, answer.body) == ("OK", own)
    assert (again.code, again.reason) == ("FAILED_PRECONDITION", "REVIEW_USED")
    entries = agent.entries()
    assert told(entries) == [
        ("review", "opened", ""),
        ("decision", "held", "REVIEW_REQUIRED"),
        ("decision", "refused", "REVIEW_REQUIRED"),
        ("review", "approved", "reviewers"),
        ("intent", "", ""),
        ("outcome", "answered", ""),
        ("decision", "refused", "REVIEW_USED"),
    ]
    first, outcome = entries[1], entries[5]
    bound = ("model_version", "config_digest", "response_bytes")
    assert {key: first.record[key] for key in bound} == {key: outcome.record[key] for key in bound}
    digests = [entry.facts["response_sha256"] for entry in (first, outcome) if entry.facts]
    assert digests == [hashlib.sha256(own).hexdigest()] * 2
    assert "forward" not in outcome.record["steps"]
    assert plain(outcome)["policies"] == ["callers-infer"]


def test_reviewer_sees_what_was_asked_and_answered(agent: Caller, reviewer: Caller, large: float) -> None:
    """Before deciding, a reviewer reads typed inputs and outputs."""
    held = send(agent, large - 500, 0.125)

    review = shown(reviewer, held.decision)

    assert (review.stage, json.loads(review.facts_json)) == (
        "release",
        {
            "input": {"amount": str(large - 500), "certainty": "0.125"},
            "output": {"answer": str(large - 500), "confidence": "0.125"},
        },
    )


def test_used_answer_frees_its_place(
    agent: Caller, reviewer: Caller, triton_client: InferenceServerClient, large: float
) -> None:
    """After the answer is out, the same question is a new call and a new review."""
    held = send(agent, large - 500, 0.25)
    settle(reviewer, "Approve", held.decision)
    send(agent, large - 500, 0.25, ombud_resume=held.decision)
    before = calls_of(triton_client)

    anew = send(agent, large - 500, 0.25)

    assert (anew.reason, anew.about["review_id"]) == ("REVIEW_REQUIRED", anew.decision)
    assert calls_of(triton_client) == before + 1


def test_altered_held_answer_is_not_returned(agent: Caller, reviewer: Caller, large: float) -> None:
    """Whoever changes the parked bytes at rest stops the call, and the approval is not used up."""
    held = send(agent, large - 500, 0.25)
    settle(reviewer, "Approve", held.decision)
    _flip_held(agent.gateway.workspace, held.decision)

    refused = send(agent, large - 500, 0.25, ombud_resume=held.decision)

    assert (refused.code, refused.reason, refused.text) == (
        "DATA_LOSS",
        "REVIEW_BROKEN",
        f"the held answer cannot be opened [ombud-decision-id: {refused.decision}]",
    )
    assert shown(reviewer, held.decision).state == "approved"


def test_held_answers_are_encrypted_at_rest(agent: Caller, large: float) -> None:
    """The answer's bytes are nowhere in the database of reviews."""
    mark = b"a-mark-that-would-be-seen"
    request = infer_request("echo", amount(large - 500, 0.25, b"anna", mark))

    assert agent.send("ModelInfer", request).reason == "REVIEW_REQUIRED"

    root = agent.gateway.workspace.root
    stored = held_column(agent.gateway.workspace)
    assert stored
    assert not [one for one in stored if mark in one]
    assert (root / "reviews.key").stat().st_mode & 0o077 == 0


def test_rejected_answer_is_dropped(agent: Caller, reviewer: Caller, large: float) -> None:
    """A rejection ends the answer: its bytes are gone from the database."""
    held = send(agent, large - 500, 0.25)
    settle(reviewer, "Reject", held.decision)

    retried = send(agent, large - 500, 0.25)

    assert (retried.code, retried.reason) == ("PERMISSION_DENIED", "REVIEW_REJECTED")
    with sqlite3.connect(agent.gateway.workspace.root / "reviews.sqlite") as database:
        row = database.execute(
            "SELECT state, held, facts FROM reviews WHERE id = ?", (held.decision,)
        ).fetchone()
    database.close()
    assert row == ("rejected", None, "")


def _flip_held(workspace: Workspace, review: str) -> None:
    with sqlite3.connect(workspace.root / "reviews.sqlite", timeout=10) as database:
        (held,) = database.execute("SELECT held FROM reviews WHERE id = ?", (review,)).fetchone()
        altered = held[:-1] + bytes([held[-1] ^ 1])
        database.execute("UPDATE reviews SET held = ? WHERE id = ?", (altered, review))
    database.close()
