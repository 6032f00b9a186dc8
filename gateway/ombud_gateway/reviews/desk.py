# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The review desk: opens reviews, hands an approval to the call it was given for, lets them expire.

Nothing here allows a call: a claim only lets the policies be asked again with `context.approval`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ombud_gateway.errors import Conflict, Denied, NeedsReview, NotFound, ReviewTicket, Unavailable
from ombud_gateway.reviews.parked import ParkedAnswers
from ombud_gateway.reviews.store import CONTEST, NewReview, Review, ReviewStore
from ombud_ledger import Facts, Ledger, LedgerError
from ombud_policies import Value


@dataclass(frozen=True, slots=True)
class Claimed:
    """An approval locked for one call: what policies may see of it, and the held answer at stage release."""

    review: Review
    approval: Mapping[str, Value]
    answer: bytes | None


class Reviews:
    """Parks calls and answers. `lifetime_us` is how long a review stays open, in microseconds."""

    def __init__(
        self,
        store: ReviewStore,
        parked: ParkedAnswers,
        ledger: Ledger,
        *,
        lifetime_us: int,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._parked = parked
        self._ledger = ledger
        self._lifetime = lifetime_us
        self._clock = clock
        self._held: set[str] = set()
        self._live: set[str] = set()
        self._unnoted: set[str] = set()
        self._settling = asyncio.Lock()

    async def recover(self) -> None:
        """Settle claims that a crash, or a failed commit, left open.

        A claim is used where its intent is in the ledger, else given back. Claims of calls that are under way
        are left alone.
        """
        for review in await asyncio.to_thread(self._store.claimed):
            if review.claim in self._live:
                continue
            intended = await asyncio.to_thread(self._ledger.latest, "intent", {"approval": review.id})
            settle = self._store.use if intended else self._store.unclaim
            await asyncio.to_thread(settle, review.id, review.claim)
        self._held = await asyncio.to_thread(self._store.blocking_digests, "release")

    async def park(self, new: NewReview, answer: bytes | None = None) -> ReviewTicket:
        """Open a review, or find the one that the same call waits for; a held answer is encrypted first.

        Raises `Denied` where a human has already said no.
        """
        if answer is not None:
            new = _with_answer(new, self._parked.seal(new.id, answer), answer)
        review, opened = await asyncio.to_thread(self._store.open, new)
        if opened or review.id in self._unnoted:
            self._unnoted.discard(review.id)
            try:
                await self._note(review, "opened")
            except BaseException:
                self._unnoted.add(review.id)  # the next retry of the call notes it
                raise
        if review.stage == "release":
            self._held.add(review.digest)
        return _ticket_or_refuse(review)

    async def waiting_release(self, digest: str) -> ReviewTicket | None:
        """Return the ticket of a held answer to the same call, so that a retry stays off the upstream."""
        if digest not in self._held:
            return None
        review = await asyncio.to_thread(self._store.waiting, digest, "release")
        if review is None:
            self._held.discard(digest)
            return None
        return _ticket_or_refuse(review)

    @property
    def holds_answers(self) -> bool:
        """Whether any held answer waits: only then is a digest worth computing before forwarding."""
        return bool(self._held)

    async def claim(self, review_id: str, principal: str, digest: str, claim: str) -> Claimed:
        """Lock an approval for the exact call it was given for.

        Raises `NotFound` for an unknown review or another caller's, `NeedsReview` while it is open, `Denied`
        after a rejection, `Conflict` where it is for another call, expired, claimed or used.
        """
        review = await asyncio.to_thread(self._store.get, review_id)
        if review is None or review.principal != principal:
            raise NotFound("REVIEW_UNKNOWN", "no review of this id is open to this caller")
        if review.state == "erased":
            raise Conflict("REVIEW_ERASED", "what the review was about has been erased")
        if review.digest != digest:
            raise Conflict("REVIEW_MISMATCH", "the call differs from the one that was reviewed")
        if review.expires <= self._clock() and review.state in {"open", "approved"}:
            raise Conflict("REVIEW_EXPIRED", "the review has expired; send the call again to open a new one")
        if review.state in {"open", "rejected"}:
            raise NeedsReview("the review is not decided yet", _ticket_or_refuse(review))
        if review.state != "approved":
            raise _spent(review.state)
        answer = None
        if review.held is not None:
            answer = self._parked.open(review.id, review.held)
            if hashlib.sha256(answer).hexdigest() != review.answer_sha256:
                raise Conflict("REVIEW_MISMATCH", "the held answer is not the one that was reviewed")
        if not await self._lock(review_id, claim):
            raise _spent("claimed")
        approval: dict[str, Value] = {
            "review": review.id,
            "groups": list(review.approved_groups),
            "approvers": review.approvers,
        }
        return Claimed(review, approval, answer)

    async def _lock(self, review_id: str, claim: str) -> bool:
        # Known as live before it is stored, or `recover` could take it for one that a crash left open.
        self._live.add(claim)
        locking = asyncio.ensure_future(asyncio.to_thread(self._store.claim, review_id, claim, self._clock()))
        locked = False
        try:
            locked = await asyncio.shield(locking)
        except asyncio.CancelledError:
            # The caller has gone, the thread has not: what it locked is given back.
            if await locking:
                await asyncio.to_thread(self._store.unclaim, review_id, claim)
            raise
        finally:
            if not locked:
                self._live.discard(claim)
        return locked

    async def unclaim(self, claimed: Claimed, claim: str) -> None:
        """Give an approval back: nothing was let through by it."""
        await asyncio.to_thread(self._store.unclaim, claimed.review.id, claim)
        self._live.discard(claim)

    def leave(self, claim: str) -> None:
        """Leave a claim to `recover`: whether its intent is durable is not known."""
        self._live.discard(claim)

    async def use(self, claimed: Claimed, claim: str) -> None:
        """Consume an approval; its intent is durable by now, so a crash here is mended by `recover`."""
        await asyncio.to_thread(self._store.use, claimed.review.id, claim)
        self._live.discard(claim)

    async def get(self, review_id: str) -> Review:
        """Return a review; raise `NotFound`."""
        review = await asyncio.to_thread(self._store.get, review_id)
        if review is None:
            raise NotFound("REVIEW_UNKNOWN", "no review has this id")
        return review

    async def find(self, state: str, system: str, limit: int) -> list[Review]:
        """Return reviews, newest first."""
        return await asyncio.to_thread(self._store.find, state, system, limit)

    async def settle(self, review_id: str, verdict: str, group: str, approver: str, reason: str) -> Review:
        """Record a human's verdict ("approved" or "rejected"), then let it take effect.

        The entry is durable first: a crash between leaves a verdict that its approver must repeat, never an
        approval without a record. Raises `Conflict` where the review is no longer open.
        """
        async with self._settling:
            review = await self.get(review_id)
            taken_back = verdict == "rejected" and review.state == "approved" and review.stage != CONTEST
            if review.state != "open" and not taken_back:
                raise Conflict(f"REVIEW_{review.state.upper()}", f"the review is {review.state}, not open")
            if review.expires <= self._clock():
                raise Conflict("REVIEW_EXPIRED", "the review has expired")
            if approver in review.excluded:
                raise Denied("REVIEW_NOT_ANOTHER", "who decided on the call before cannot decide its contest")
            await self._note(review, verdict, group=group, approver=approver, reason=reason)
            if verdict == "approved":
                settled = await asyncio.to_thread(
                    self._store.approve, review_id, group, approver, self._clock()
                )
            else:
                settled = await asyncio.to_thread(self._store.reject, review_id, self._clock())
            if settled is None:
                raise Conflict("REVIEW_SETTLED", "the review was settled or expired meanwhile")
            return settled

    async def contest(
        self,
        review_id: str,
        *,
        decision: str,
        system: str,
        requester: str,
        group: str,
        excluded: tuple[str, ...],
        text: str,
        subject: str,
        expires: int,
    ) -> None:
        """Open a review of what was decided on a call, by somebody who is not `excluded`.

        No call waits for it, and none can use its approval: its digest is that of no call. Approved means
        that the contest is granted, rejected that the decision stands.
        """
        new = NewReview(
            review_id,
            digest=f"contest:{review_id}"[:64],
            stage=CONTEST,
            system=system,
            principal=requester,
            action=CONTEST,
            resource=f'Decision::"{decision}"',
            groups=(group,),
            policies=(),
            opened=self._clock(),
            expires=expires,
            correlation_id="",
            facts=json.dumps({"decision": decision, "contested": text}),
            subject=subject,
            excluded=excluded,
        )
        review, _ = await asyncio.to_thread(self._store.open, new)
        await self._note(review, "opened")

    async def expire(self) -> None:
        """Expire what is past its time and record it."""
        for review in await asyncio.to_thread(self._store.expire, self._clock()):
            await self._note(review, "expired")
        await self._forget_held()

    async def of_subject(self, subject: str) -> list[Review]:
        """Return every review of a person, by pseudonym, newest first."""
        return await asyncio.to_thread(self._store.of_subject, subject)

    async def erase(self, subject: str) -> int:
        """Close every review of a person, by pseudonym, and drop what it holds; return how many there were.

        The entries come first: a crash after one leaves a review that the next attempt closes, and records
        again.
        """
        async with self._settling:
            found = await self.of_subject(subject)
            for review in found:
                await self._note(review, "erased")
            await asyncio.to_thread(self._store.erase, subject)
        await self._forget_held()
        return len(found)

    async def _forget_held(self) -> None:
        """Forget the digests for which nothing waits any more; those added meanwhile stay."""
        known = set(self._held)
        self._held -= known - await asyncio.to_thread(self._store.blocking_digests, "release")

    def new(self, review_id: str, **fields: Any) -> NewReview:
        """Describe a review that opens now and lives as long as configured."""
        now = self._clock()
        return NewReview(id=review_id, opened=now, expires=now + self._lifetime, **fields)

    async def _note(
        self, review: Review, event: str, *, group: str = "", approver: str = "", reason: str = ""
    ) -> None:
        body: dict[str, Any] = {
            "id": review.id,
            "event": event,
            "system": review.system,
            "stage": review.stage,
            "requester": review.principal,
            "groups": list(review.groups),
        }
        body.update({key: value for key, value in (("group", group), ("approver", approver)) if value})
        if review.correlation_id:
            body["correlation_id"] = review.correlation_id
        # What a human wrote of a call is about whom the call is about, and goes with that person.
        said = {"reason": reason}
        facts = (
            Facts(contract=None, values={}, extra=said, subject=review.subject or None) if reason else None
        )
        try:
            await self._ledger.append("review", body, facts)
        except LedgerError as error:
            raise Unavailable(
                "LEDGER_UNAVAILABLE", "the call could not be recorded, so it is refused"
            ) from error


def call_digest(principal: str, action: str, resource: str, method: str, canonical: bytes) -> str:
    """SHA-256, hex, over what a review binds: length-prefixed, so that no two calls share an encoding."""
    digest = hashlib.sha256(b"ombud review v1\n")
    for part in (principal.encode(), action.encode(), resource.encode(), method.encode(), canonical):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _with_answer(new: NewReview, sealed: bytes, answer: bytes) -> NewReview:
    return replace(new, held=sealed, answer_sha256=hashlib.sha256(answer).hexdigest())


def _spent(state: str) -> Conflict:
    return Conflict(f"REVIEW_{state.upper()}", f"the review is {state}: an approval is used once")


def _ticket_or_refuse(review: Review) -> ReviewTicket:
    if review.state == "rejected":
        raise Denied("REVIEW_REJECTED", "a reviewer rejected this call")
    return ReviewTicket(review.id, review.groups, review.expires, review.state)
