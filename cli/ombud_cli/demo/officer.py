# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The people of the demonstration: an underwriter who approves, an operator who seals; by the real API."""

from __future__ import annotations

from collections.abc import Iterable

from ombud.v1 import ledger_pb2, review_pb2
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud.v1.review_pb2_grpc import ReviewServiceStub
from ombud_cli.control import Control
from ombud_cli.demo.workspace import Workspace


class Officer:
    """Acts on a running gateway with the tokens of the demonstration's people."""

    def __init__(self, address: str, workspace: Workspace) -> None:
        self._underwriter = Control(address, workspace.tokens["underwriter"])
        self._operator = Control(address, workspace.tokens["operator"])

    def open_reviews(self) -> Iterable[review_pb2.Review]:
        """List what waits."""
        request = review_pb2.ListReviewsRequest(state="open", page_size=1000)
        return tuple(self._underwriter.ask(ReviewServiceStub, "ListReviews", request).reviews)

    def approve(self, review: str, reason: str) -> None:
        """Approve one review."""
        request = review_pb2.ApproveReviewRequest(id=review, reason=reason)
        self._underwriter.ask(ReviewServiceStub, "ApproveReview", request)

    def seal(self) -> int:
        """Seal the ledger; return how many entries were sealed."""
        reply = self._operator.ask(LedgerServiceStub, "SealLedger", ledger_pb2.SealLedgerRequest())
        return int(reply.entries)
