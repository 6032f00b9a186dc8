# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Upstream: the gateway itself. Carries out control calls that policy let through."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message

from ombud.v1 import ledger_pb2, policy_pb2, review_pb2, subject_pb2
from ombud_gateway.activation import ActivePolicy, checked
from ombud_gateway.call import Answer, Call, Description, Passage
from ombud_gateway.errors import Invalid
from ombud_gateway.reviews import Review, Reviews
from ombud_gateway.upstreams.disclosures import Asked, Disclosures
from ombud_gateway.upstreams.ledger_messages import export_response, holds_response, prune_responses
from ombud_gateway.upstreams.people import People
from ombud_gateway.upstreams.proofs import Proofs
from ombud_gateway.upstreams.queries import Queries
from ombud_gateway.upstreams.retention import Retention
from ombud_ledger import Ledger

Operations = Mapping[str, Callable[[Call, str], Awaitable[Message]]]
"""What carries methods out, by name; told the call, and who makes it."""
_MOST_LISTED = 1000
_LISTED = 100


class ControlUpstream:
    """Reviews, policies, people and the ledger, as targets of judged calls; `others` bring more along."""

    def __init__(
        self,
        reviews: Reviews,
        policy: ActivePolicy,
        ledger: Ledger,
        *others: Operations,
        people: People,
        queries: Queries,
        retention: Retention,
        disclosures: Disclosures,
    ) -> None:
        self._reviews = reviews
        self._policy = policy
        self._ledger = ledger
        self._proofs = Proofs(ledger)
        self._people = people
        self._queries = queries
        self._retention = retention
        self._disclosures = disclosures
        self._streams: dict[str, Callable[[bytes, str], AsyncGenerator[Message, None]]] = {
            "LedgerService.QueryLedger": self._query,
            "LedgerService.PruneLedger": self._prune,
            "LedgerService.ExportLedger": self._export_ledger,
        }
        self._others = {name: one for operations in others for name, one in operations.items()}
        self._operations: dict[str, Callable[[bytes, str], Awaitable[Message]]] = {
            "ReviewService.ListReviews": self._list,
            "ReviewService.GetReview": self._get,
            "ReviewService.ApproveReview": self._approve,
            "ReviewService.RejectReview": self._reject,
            "PolicyService.GetActivePolicy": self._active,
            "PolicyService.ActivatePolicy": self._activate,
            "LedgerService.GetHead": self._head,
            "LedgerService.SealLedger": self._seal,
            "LedgerService.GetCheckpoint": self._checkpoint,
            "LedgerService.ProveInclusion": self._prove_inclusion,
            "LedgerService.ProveConsistency": self._prove_consistency,
            "SubjectService.ExportSubject": self._export,
            "SubjectService.EraseSubject": self._erase,
            "SubjectService.HoldSubject": self._hold,
            "SubjectService.ReleaseHold": self._release,
            "SubjectService.ListHolds": self._holds,
            "LedgerService.GetEntry": self._entry,
            "LedgerService.HoldRetention": self._hold_retention,
            "LedgerService.ReleaseRetention": self._release_retention,
            "LedgerService.ListRetentionHolds": self._retention_holds,
        }

    async def forward(self, call: Call, passage: Passage) -> Answer:
        """Carry a control call out; what it cannot do is a `Refusal`, recorded by the pipeline."""
        by = str(passage.principal)
        other = self._others.get(call.method)
        if other is not None:
            message = await other(call, by)
        else:
            message = await self._operations[call.method](call.body, by)
        return Answer(message.SerializeToString())

    async def stream(self, call: Call, passage: Passage) -> AsyncGenerator[Answer, None]:
        """Yield the answers of a control call that streams; what it cannot do is a `Refusal`."""
        messages = self._streams[call.method](call.body, str(passage.principal))
        async with aclosing(messages):
            async for message in messages:
                yield Answer(message.SerializeToString())

    async def describe(self, model: str, version: str) -> Description:
        """Say that there is no model here, and of a call that streams, that its answers are not counted."""
        return Description("not supplied", decoupled=True)

    async def _list(self, body: bytes, _by: str) -> Message:
        request = review_pb2.ListReviewsRequest.FromString(body)
        limit = min(request.page_size, _MOST_LISTED) if request.page_size > 0 else _LISTED
        found = await self._reviews.find(request.state, request.system, limit)
        return review_pb2.ListReviewsResponse(reviews=[_message(review) for review in found])

    async def _get(self, body: bytes, _by: str) -> Message:
        request = review_pb2.GetReviewRequest.FromString(body)
        review = await self._reviews.get(request.id)
        return review_pb2.GetReviewResponse(review=_message(review, facts=True))

    async def _approve(self, body: bytes, by: str) -> Message:
        request = review_pb2.ApproveReviewRequest.FromString(body)
        review = await self._settle(request, "approved", by)
        return review_pb2.ApproveReviewResponse(review=_message(review))

    async def _reject(self, body: bytes, by: str) -> Message:
        request = review_pb2.RejectReviewRequest.FromString(body)
        review = await self._settle(request, "rejected", by)
        return review_pb2.RejectReviewResponse(review=_message(review))

    async def _settle(self, request: Any, verdict: str, by: str) -> Review:
        review = await self._reviews.get(request.id)
        return await self._reviews.settle(review.id, verdict, review.group(request.group), by, request.reason)

    async def _active(self, _body: bytes, _by: str) -> Message:
        bundle = self._policy.engine.bundle
        return policy_pb2.GetActivePolicyResponse(
            digest=bundle.digest, entities_digest=bundle.entities_digest, policies=bundle.policy_ids
        )

    async def _activate(self, body: bytes, by: str) -> Message:
        request = policy_pb2.ActivatePolicyRequest.FromString(body)
        bundle = await checked(dict(request.files))
        old, new = await self._policy.activate(bundle, by=by, source="control", reason=request.reason)
        return policy_pb2.ActivatePolicyResponse(old_digest=old, new_digest=new)

    async def _head(self, _body: bytes, _by: str) -> Message:
        head = self._ledger.head
        return ledger_pb2.GetHeadResponse(log=self._ledger.log, size=head.size, chain=head.chain)

    async def _seal(self, _body: bytes, _by: str) -> Message:
        sealed = await self._ledger.seal()
        head = self._ledger.head
        return ledger_pb2.SealLedgerResponse(
            log=self._ledger.log,
            entries=sealed.last - sealed.first + 1 if sealed else 0,
            size=head.size,
            chain=head.chain,
        )

    async def _checkpoint(self, _body: bytes, _by: str) -> Message:
        checkpoint = await self._proofs.checkpoint()
        return ledger_pb2.GetCheckpointResponse(log=self._ledger.log, checkpoint=checkpoint)

    async def _prove_inclusion(self, body: bytes, _by: str) -> Message:
        request = ledger_pb2.ProveInclusionRequest.FromString(body)
        receipt = await self._proofs.receipt(request.entry)
        return ledger_pb2.ProveInclusionResponse(log=self._ledger.log, receipt=receipt)

    async def _prove_consistency(self, body: bytes, _by: str) -> Message:
        request = ledger_pb2.ProveConsistencyRequest.FromString(body)
        found = await self._proofs.consistency(request.old_size, request.new_size)
        return ledger_pb2.ProveConsistencyResponse(
            log=self._ledger.log,
            old_size=request.old_size,
            new_size=found.new_size,
            hashes=found.hashes,
            checkpoint=found.checkpoint,
        )

    async def _export(self, body: bytes, _by: str) -> Message:
        request = subject_pb2.ExportSubjectRequest.FromString(body)
        return subject_pb2.ExportSubjectResponse(document=await self._people.export(request.subject))

    async def _erase(self, body: bytes, _by: str) -> Message:
        request = subject_pb2.EraseSubjectRequest.FromString(body)
        erased = await self._people.erase(request.subject)
        ledger = erased.ledger
        return subject_pb2.EraseSubjectResponse(
            erasure=ledger.id,
            files=len(ledger.files),
            rows=ledger.rows,
            payloads=ledger.payloads,
            reviews=erased.reviews,
            remains=ledger.remains,
            complete=ledger.complete,
        )

    async def _hold(self, body: bytes, _by: str) -> Message:
        request = subject_pb2.HoldSubjectRequest.FromString(body)
        return subject_pb2.HoldSubjectResponse(hold=await self._people.hold(request.subject, request.reason))

    async def _release(self, body: bytes, _by: str) -> Message:
        request = subject_pb2.ReleaseHoldRequest.FromString(body)
        await self._people.release(request.hold)
        return subject_pb2.ReleaseHoldResponse()

    async def _holds(self, _body: bytes, _by: str) -> Message:
        found = await self._people.holds()
        holds = [
            subject_pb2.Hold(id=hold.id, subject=hold.subject, reason=hold.reason, since_us=hold.since)
            for hold in found
        ]
        return subject_pb2.ListHoldsResponse(holds=holds)

    async def _entry(self, body: bytes, _by: str) -> Message:
        request = ledger_pb2.GetEntryRequest.FromString(body)
        by = request.WhichOneof("by")
        if by is None:
            raise Invalid("MALFORMED", "neither entry nor decision is given: one must be")
        if by == "entry":
            found = await self._queries.entry(request.entry)
        else:
            found = await self._queries.entries(request.decision)
        entries = [ledger_pb2.Entry(seq=each.seq, record=each.record, chain=each.chain) for each in found]
        return ledger_pb2.GetEntryResponse(log=self._ledger.log, entries=entries)

    async def _query(self, body: bytes, _by: str) -> AsyncGenerator[Message, None]:
        request = ledger_pb2.QueryLedgerRequest.FromString(body)
        rows = self._queries.rows(request.sql, dict(request.parameters), request.as_of)
        async with aclosing(rows) as pieces:
            async for piece in pieces:
                yield ledger_pb2.QueryLedgerResponse(chunk=piece)

    async def _prune(self, body: bytes, by: str) -> AsyncGenerator[Message, None]:
        request = ledger_pb2.PruneLedgerRequest.FromString(body)
        before = request.before_us or None
        async with aclosing(self._retention.prune(by=by, before=before, dry_run=request.dry_run)) as news:
            async for said in news:
                for message in prune_responses(said):
                    yield message

    async def _export_ledger(self, body: bytes, by: str) -> AsyncGenerator[Message, None]:
        request = ledger_pb2.ExportLedgerRequest.FromString(body)
        asked = Asked(
            request.system,
            request.from_us if request.HasField("from_us") else None,
            request.to_us if request.HasField("to_us") else None,
            facts=not request.without_facts,
            payloads=request.payloads,
            recipient=request.recipient,
            reason=request.reason,
        )
        given = self._disclosures.export(asked, by=by)
        async with aclosing(given) as parts:
            async for part in parts:
                yield export_response(part, self._ledger.log)

    async def _hold_retention(self, body: bytes, by: str) -> Message:
        request = ledger_pb2.HoldRetentionRequest.FromString(body)
        at = await self._retention.hold(request.system, request.reason, by=by)
        return ledger_pb2.HoldRetentionResponse(log=at.log, entry=at.seq)

    async def _release_retention(self, body: bytes, by: str) -> Message:
        request = ledger_pb2.ReleaseRetentionRequest.FromString(body)
        at, others = await self._retention.release(request.system, request.reason, by=by)
        return ledger_pb2.ReleaseRetentionResponse(log=at.log, entry=at.seq, held_by=others)

    async def _retention_holds(self, _body: bytes, _by: str) -> Message:
        return holds_response(await self._retention.holds())


def _message(review: Review, *, facts: bool = False) -> review_pb2.Review:
    return review_pb2.Review(
        id=review.id,
        state=review.state,
        stage=review.stage,
        system=review.system,
        requester=review.principal,
        action=review.action,
        resource=review.resource,
        groups=review.groups,
        approved_groups=review.approved_groups,
        policies=review.policies,
        opened_us=review.opened,
        expires_us=review.expires,
        facts_json=review.facts if facts else "",
        correlation_id=review.correlation_id,
    )
