# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What people ask of whoever answers for a system: access, erasure, explanation, that a human decides again.

An answer is due within a month of receipt, or three where that was said in time, with why (GDPR, Article
12(3)). A contest is decided by a review that nobody may settle who decided on the call before.
"""

from __future__ import annotations

import asyncio
import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from ombud_gateway.errors import Conflict, Invalid, NotFound, Unavailable
from ombud_gateway.matters import Matter, Matters, Tie, erased
from ombud_gateway.reviews import Reviews
from ombud_gateway.subjects import Pseudonyms
from ombud_ledger import Ledger, LedgerError, RecordInvalid, SubjectErased, cases, matters

CATEGORIES: Final = MappingProxyType(
    {"access": "15", "erasure": "17", "explanation": "86", "contest": "22(3)"}
)
"""Articles by category: of the GDPR, and 86 of the AI Act, which sets no deadline of its own."""
_MONTHS: Final = 1
_EXTENDED: Final = 3
_LONGEST_GROUP: Final = 256
"""Characters, as a record takes them."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OVER: Final = frozenset({"approved", "rejected", "expired", "erased"})
"""States of a review that nobody decides any more: who asks is told, whatever became of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks. `subject` is how calls name the person; `group` decides a contest."""

    category: str
    received: int  # microseconds UTC
    subject: str = ""
    decisions: Sequence[str] = ()
    identity: str = ""
    text: str = ""
    group: str = ""


class Requests:
    """Opens, extends, answers and closes requests. Raises Refusal."""

    def __init__(self, matters: Matters, ledger: Ledger, reviews: Reviews, pseudonyms: Pseudonyms) -> None:
        self.matters = matters
        self._ledger = ledger
        self._reviews = reviews
        self._pseudonyms = pseudonyms

    async def open(self, system: str, asked: Asked, *, by: str, call: str) -> Matter:
        """Open a request; its id is that of the control call, and of a contest's review."""
        self.matters.demand_system(system)
        self.matters.demand_time("received", asked.received)
        if asked.category not in CATEGORIES:
            expected = f"must be one of {', '.join(CATEGORIES)}"
            raise Invalid("CATEGORY", f"category is {asked.category!r}, {expected}")
        contests = asked.category == "contest"
        if contests and (len(asked.decisions) != 1 or not asked.group):
            raise Invalid("CONTEST", "a contest must name one decision, and the group that decides it")
        if len(asked.group) > _LONGEST_GROUP:
            expected = f"must be at most {_LONGEST_GROUP}"
            raise Invalid("GROUP", f"group has {len(asked.group)} characters, {expected}")
        if not asked.subject and not asked.decisions:
            raise Invalid("SUBJECT", "neither subject nor decisions are given: one must say who asks")
        found = await self.matters.calls(system, list(dict.fromkeys(asked.decisions)))
        tie = await self._tie(system, asked, found)
        texts = {"asked": asked.text, "identity": asked.identity}
        tie.demand(texts)  # before a review is opened: what is refused leaves nothing behind
        body: dict[str, Any] = {
            "id": call,
            "event": "opened",
            "state": "open",
            "system": system,
            "category": asked.category,
            "began_at": asked.received,
            "due_at": months_after(asked.received, _MONTHS),
            "decisions": [case.id for case in found],
            "by": by,
            "call": call,
        }
        if asked.identity:
            body["identity_by"] = by
        if contests:
            body["review"] = call

        async def work() -> Matter:
            # The review comes first: a crash after it leaves one without a request, which expires; the other
            # order would leave a request that nobody decides.
            if contests:
                await self._contest(body, found[0], asked, tie.subject)
            try:
                return await self.matters.append(body, texts, tie, remember=True)
            except Conflict as refused:
                # Erased since `tie` was found: no other erasure would find the review any more.
                if contests and tie.subject and isinstance(refused.__cause__, SubjectErased):
                    await self._reviews.erase(tie.subject)
                raise

        return await self.matters.change(work)

    async def extend(self, system: str, request: str, reason: str, *, by: str, call: str) -> Matter:
        """Extend a deadline by two months, once, before it has passed; why must be said if it may."""

        async def work() -> Matter:
            found = await self._at(system, request, "open")
            tie = await self._tie_of(found)
            if not reason.strip() and not tie.bar:
                raise Invalid("REASON", "reason is empty, expected why it takes longer")
            body = self._next(found, "extended", "open", by, call)
            if body.get("extended"):
                raise Conflict("REQUEST_EXTENDED", f"request {found.id} was extended already, at most once")
            if self.matters.clock() > body["due_at"]:
                raise Conflict("REQUEST_OVERDUE", f"request {found.id} is overdue: too late to extend it")
            body |= {"extended": True, "due_at": months_after(body["began_at"], _EXTENDED)}
            return await self.matters.append(body, {"reason": reason}, tie)

        return await self.matters.change(work)

    async def answer(
        self, system: str, request: str, answered: int | None, texts: tuple[str, str], *, by: str, call: str
    ) -> Matter:
        """Say that a request was answered, by default now; `texts` say how identity was checked, and what.

        Where nothing may be written any more, how identity was checked need not be said and is not kept; that
        it was, and by whom, is.
        """
        identity, text = texts

        async def work() -> Matter:
            found = await self._at(system, request, "open")
            body = self._next(found, "answered", "answered", by, call)
            at = self.matters.clock() if answered is None else answered
            self.matters.demand_time("answered", at, since=body["began_at"])
            if identity:
                body["identity_by"] = by
            tie = await self._tie_of(found)
            if "identity_by" not in body and not tie.bar:
                raise Invalid("IDENTITY", "nobody checked who asks: say how identity was checked")
            if "review" in body:
                body["review_state"] = await self.review_state(found)
                if body["review_state"] not in _OVER:
                    must = "must be approved or rejected first, or expire"
                    settle = f"review {body['review']} is {body['review_state']}; it {must}"
                    raise Conflict("CONTEST_OPEN", settle)
            body["met_at"] = at
            kept = "" if tie.bar else identity
            return await self.matters.append(body, {"answer": text, "identity": kept}, tie)

        return await self.matters.change(work)

    async def close(self, system: str, request: str, reason: str, *, by: str, call: str) -> Matter:
        """Close a request for good; why must be said of one that was not answered, if it may be written."""

        async def work() -> Matter:
            found = await self._at(system, request, "open", "answered")
            tie = await self._tie_of(found)
            if found.state == "open" and not reason.strip() and not tie.bar:
                raise Invalid("REASON", "reason is empty, expected why it is closed without an answer")
            body = self._next(found, "closed", "closed", by, call)
            return await self.matters.append(body, {"reason": reason}, tie)

        return await self.matters.change(work)

    async def review_state(self, found: Matter) -> str:
        """Return how the review of a contest stands, as its answer keeps it; empty for any other request.

        Where it lies in the store of another gateway, or in none any more, the ledger tells.
        """
        record = found.record
        if "review" not in record or "review_state" in record:
            return str(record.get("review_state", ""))
        try:
            return (await self._reviews.get(record["review"])).state
        except NotFound:
            told = await self._said_of(record["review"])
        over = [event for each in told if (event := str(each.record.get("event"))) in _OVER]
        if over:
            return over[-1]
        ends = months_after(found.notes[0].at, _EXTENDED)  # the review was opened with the request
        return "expired" if self.matters.clock() > ends else "open"

    async def _tie(self, system: str, asked: Asked, found: Sequence[cases.Case]) -> Tie:
        subjects = {case.subject for case in found if case.subject}
        if asked.subject:
            try:
                named = await self._pseudonyms.of(asked.subject)
            except RecordInvalid as error:
                raise Invalid("SUBJECT", str(error)) from error
            except LedgerError as error:
                raise Unavailable("VAULT_UNAVAILABLE", "the vault cannot work now") from error
            if not named:
                raise Conflict("NO_VAULT", "this gateway has no vault, so it knows no people apart")
            subjects.add(named)
        if len(subjects) > 1:
            raise Invalid("SUBJECT", "the decisions are not all about the one person who asks")
        if any(case.facts == "erased" for case in found):
            raise erased()
        if subjects:
            return Tie(subjects.pop())
        return await self.matters.tie(system, [case.id for case in found])

    async def _tie_of(self, found: Matter) -> Tie:
        """Say whom an open request is tied to."""
        if found.erased:
            return Tie(None, "erased")
        if found.subject is not None:
            return Tie(found.subject)
        if not found.record["decisions"]:  # its opening kept no facts of who was named: nothing tells
            return Tie(None, "untied")
        return await self.matters.tie(str(found.record["system"]), found.record["decisions"])

    async def _contest(
        self, body: dict[str, Any], case: cases.Case, asked: Asked, subject: str | None
    ) -> None:
        decided = await self._deciders(case)
        await self._reviews.contest(
            body["id"],
            decision=case.id,
            system=body["system"],
            requester=body["by"],
            group=asked.group,
            excluded=decided,
            text=asked.text,
            subject=subject or "",
            # Not from receipt: a contest that was recorded late is decided late, rather than never.
            expires=months_after(self.matters.clock(), _EXTENDED),
        )

    async def _deciders(self, case: cases.Case) -> tuple[str, ...]:
        """Return who made the call, and who settled its reviews, and earlier contests of it.

        Another person decides a contest of it.
        """
        asked = await self.matters.find(case.system)
        earlier = [each for each in asked if "review" in each.record and case.id in each.record["decisions"]]
        decided = {case.principal}
        for review in {case.id, *case.reviews, *(str(each.record["review"]) for each in earlier)}:
            told = await self._said_of(review)
            decided |= {str(each.record["approver"]) for each in told if "approver" in each.record}
        return tuple(sorted(decided))

    async def _said_of(self, review: str) -> list[matters.Stated]:
        try:
            return await asyncio.to_thread(matters.stated, self._ledger.place, "review", review)
        except LedgerError as error:
            raise Unavailable("LEDGER_UNREADABLE", "the ledger cannot be searched now") from error

    async def _at(self, system: str, request: str, *states: str) -> Matter:
        found = await self.matters.get(system, request)
        if found.state not in states:
            expected = " or ".join(states)
            raise Conflict("REQUEST_STATE", f"request {found.id} is {found.state}, must be {expected}")
        return found

    def _next(self, found: Matter, event: str, state: str, by: str, call: str) -> dict[str, Any]:
        kept = (
            "id", "system", "category", "began_at", "due_at", "decisions", "identity_by", "review",
            "review_state", "extended", "met_at",
        )  # fmt: skip
        body = {name: found.record[name] for name in kept if name in found.record}
        return {**body, "event": event, "state": state, "by": by, "call": call}


def months_after(micros: int, months: int) -> int:
    """Return the same time of day so many months later, on the month's last day where it has no such day."""
    begun = _EPOCH + timedelta(microseconds=micros)
    year, month = divmod(begun.year * 12 + begun.month - 1 + months, 12)
    day = min(begun.day, calendar.monthrange(year, month + 1)[1])
    return (begun.replace(year=year, month=month + 1, day=day) - _EPOCH) // timedelta(microseconds=1)
