# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What waits for a human at a real gateway: sent, settled and looked at by name."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from tritonclient.grpc import InferenceServerClient

from integration.gateway import (
    Caller,
    Gateway,
    Wire,
    Workspace,
    amount,
    infer_request,
)
from ombud.v1 import review_pb2

NEEDS_REVIEW = "needs review by reviewers; once approved, resume with ombud-resume"
IS_APPROVED = "approved by reviewers: send the call again with ombud-resume"
_STEPS = itertools.count(1)


@pytest.fixture
def large() -> float:
    """Give an amount that needs a reviewer, and that no other test sends: a review is for the exact call."""
    return 500 + next(_STEPS) / 4


@pytest.fixture
def reviewer(gateway: Gateway) -> Iterator[Caller]:
    """Call as a reviewer."""
    with gateway.caller("reviewer") as caller:
        yield caller


def send(caller: Caller, value: float, certainty: float = 0.9, **more: Any) -> Wire:
    """Ask `echo`; `more` is metadata."""
    return caller.send("ModelInfer", infer_request("echo", amount(value, certainty)), **more)


def settle(caller: Caller, verdict: str, review: str, **fields: str) -> Wire:
    """Approve or Reject a review."""
    request = getattr(review_pb2, f"{verdict}ReviewRequest")(id=review, **fields)
    return caller.control(f"ReviewService/{verdict}Review", request)


def shown(caller: Caller, review: str) -> review_pb2.Review:
    """Look at a review."""
    answer = caller.control("ReviewService/GetReview", review_pb2.GetReviewRequest(id=review))
    return review_pb2.GetReviewResponse.FromString(answer.body).review


def calls_of(client: InferenceServerClient) -> int:
    """Count how often Triton has run `echo`."""
    return int(client.get_inference_statistics("echo").model_stats[0].inference_count)


def told(entries: list[Any]) -> list[tuple[str, str, str]]:
    """Kind, event or outcome, and reason or group of entries, in order."""
    return [
        (
            entry.kind,
            entry.record.get("event") or entry.record.get("outcome", ""),
            entry.record.get("reason") or entry.record.get("group", ""),
        )
        for entry in entries
    ]


def held_column(workspace: Workspace) -> list[bytes]:
    """Return the encrypted answers that wait in the store of reviews."""
    with sqlite3.connect(workspace.root / "reviews.sqlite") as database:
        rows = database.execute("SELECT held FROM reviews WHERE held IS NOT NULL").fetchall()
    database.close()
    return [row[0] for row in rows]
