# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is written of incidents and requests goes with the person, and what is asked can always be ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.scene import START, system
from governed import AGENT, OFFICER, OPERATOR
from ombud_gateway.errors import Conflict, Denied, Invalid, Refusal
from ombud_gateway.incidents import Change, Incidents
from ombud_gateway.matters import LONGEST_TEXT, Matter, Matters
from ombud_gateway.requests import Asked, Requests
from ombud_gateway.reviews import ParkedAnswers, Reviews, ReviewStore
from ombud_gateway.subjects import Pseudonyms
from ombud_gateway.systems import Systems
from ombud_ledger import Facts, Ledger, Vault

DAY: Final = 86_400_000_000


@dataclass
class Desk:
    """Requests and incidents of one system over a real ledger, vault and store of reviews."""

    ledger: Ledger
    vault: Vault
    store: ReviewStore
    now: int = START
    calls: int = 0
    reviews: Reviews = field(init=False)
    requests: Requests = field(init=False)
    incidents: Incidents = field(init=False)

    def __post_init__(self) -> None:
        systems = Systems([system()])

        def matters(kind: str) -> Matters:
            return Matters(self.ledger, systems, kind, lambda: self.now)

        parked = ParkedAnswers(b"k" * 32)
        self.reviews = Reviews(self.store, parked, self.ledger, lifetime_us=DAY, clock=lambda: self.now)
        pseudonyms = Pseudonyms(self.vault, lambda: self.now / 1_000_000)
        self.requests = Requests(matters("request"), self.ledger, self.reviews, pseudonyms)
        self.incidents = Incidents(matters("incident"))

    async def decide(self, decision: str, person: str = "", *, facts: bool = True) -> None:
        """Record a call about a person, with or without facts."""
        body = {"id": decision, "system": "lending", "action": "infer", "principal": AGENT}
        subject = self.vault.pseudonym(person) if person else None
        await self.ledger.append("decision", body, Facts(None, {}, {}, subject) if facts else None)

    async def ask(self, category: str, **asked: Any) -> Matter:
        """Open a request that came yesterday."""
        self.calls += 1
        new = Asked(category, asked.pop("received", self.now - DAY), **asked)
        return await self.requests.open("lending", new, by=OPERATOR, call=f"asked-{self.calls}")

    async def answer(self, request: Matter, identity: str = "", text: str = "") -> Matter:
        """Answer a request."""
        return await self.requests.answer(
            "lending", request.id, None, (identity, text), by=OPERATOR, call=f"{request.id}-answer"
        )

    async def close(self, request: Matter, reason: str = "") -> Matter:
        """Close a request."""
        return await self.requests.close(
            "lending", request.id, reason, by=OPERATOR, call=f"{request.id}-close"
        )

    async def extend(self, request: Matter, reason: str = "") -> Matter:
        """Extend a request's deadline."""
        return await self.requests.extend(
            "lending", request.id, reason, by=OPERATOR, call=f"{request.id}-extend"
        )

    async def contest(self, **asked: Any) -> Matter:
        """Contest the call `d-1` before the officers, by somebody whose passport was looked at."""
        return await self.ask("contest", decisions=("d-1",), group="officers", identity="passport", **asked)

    async def happened(self, *decisions: str, text: str = "") -> Matter:
        """Open an incident about decisions."""
        self.calls += 1
        change = Change("death", decisions=decisions, text=text)
        return await self.incidents.open(
            "lending", self.now - DAY, change, by=OPERATOR, call=f"incident-{self.calls}"
        )

    async def tell(self, incident: Matter, text: str) -> Matter:
        """Write more of an incident."""
        return await self.incidents.update(
            "lending", incident.id, Change(text=text), by=OPERATOR, call=f"{incident.id}-more"
        )

    def beside(self, store: ReviewStore) -> Desk:
        """Return a desk over the same ledger, with another store of reviews."""
        return Desk(self.ledger, self.vault, store, self.now)

    async def erase(self, person: str) -> None:
        """Erase a person."""
        await asyncio.to_thread(self.ledger.erase, person)


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """Open a desk in a folder."""
    vault = Vault.create(folder / "vault", folder / "vault-keys")
    ledger = Ledger.open(folder / "ledger", log="r0-0", origin="acme/t/r0", vault=vault, clock=lambda: START)
    store = ReviewStore(f"sqlite:///{folder / 'reviews.sqlite'}")
    try:
        yield Desk(ledger, vault, store)
    finally:
        ledger.close()
        store.close()
        vault.close()


def run(folder: Path, story: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    """Let a story happen at a desk."""

    async def told() -> None:
        async with desk(folder) as here:
            await story(here)

    asyncio.run(told())


async def refused(work: Coroutine[Any, Any, object], kind: type[Refusal], reason: str) -> None:
    """Demand that work is refused so."""
    with pytest.raises(kind) as refusal:
        await work
    assert refusal.value.reason == reason


def texts(matter: Matter) -> list[str]:
    """Return what was written of a matter."""
    return [note.text for note in matter.notes]


def test_a_request_opened_without_a_word_remembers_who_asks(tmp_path: Path) -> None:
    """What is written when it is answered goes with the person."""

    async def story(here: Desk) -> None:
        opened = await here.ask("access", subject="jane")
        answered = await here.answer(opened, "passport of Jane Doe", "sent to Main St 1")
        assert answered.subject == here.vault.pseudonym("jane")
        await here.erase("jane")
        assert texts(await here.requests.matters.get("lending", opened.id)) == ["", ""]

    run(tmp_path, story)


@pytest.mark.parametrize("identity", ["", "passport"])
def test_a_request_of_somebody_erased_is_answered_without_a_word(tmp_path: Path, identity: str) -> None:
    """How identity was checked need not be said and is not kept; who checked it is."""

    async def story(here: Desk) -> None:
        opened = await here.ask("erasure", subject="ida", text="erase me")
        await here.erase("ida")
        await refused(here.answer(opened, text="done"), Conflict, "SUBJECT_ERASED")
        answered = await here.answer(opened, identity)
        assert answered.record.get("identity_by") == (OPERATOR if identity else None)
        assert (answered.state, texts(answered)) == ("answered", ["", ""])
        assert (await here.close(answered)).state == "closed"

    run(tmp_path, story)


def test_a_request_of_somebody_erased_is_closed_unanswered_without_a_word(tmp_path: Path) -> None:
    """A reason is demanded of others only."""

    async def story(here: Desk) -> None:
        opened = await here.ask("access", subject="ida")
        await refused(here.close(opened), Invalid, "REASON")
        await refused(here.answer(opened), Invalid, "IDENTITY")
        await here.erase("ida")
        await refused(here.close(opened, "erased"), Conflict, "SUBJECT_ERASED")
        assert (await here.close(opened)).state == "closed"

    run(tmp_path, story)


def test_a_request_of_somebody_erased_is_extended_without_a_word(tmp_path: Path) -> None:
    """Of others it must be said why."""

    async def story(here: Desk) -> None:
        opened = await here.ask("access", subject="ida")
        await refused(here.extend(opened), Invalid, "REASON")
        await here.erase("ida")
        await refused(here.extend(opened, "many documents"), Conflict, "SUBJECT_ERASED")
        assert (await here.extend(opened)).record["extended"]

    run(tmp_path, story)


def test_who_asks_must_be_somebody_that_calls_could_name(tmp_path: Path) -> None:
    """An identifier that is none is the caller's mistake, not the vault's."""

    async def story(here: Desk) -> None:
        await refused(here.ask("access", subject="x" * 2_000), Invalid, "SUBJECT")

    run(tmp_path, story)


def test_nothing_is_written_of_a_request_that_is_tied_to_nobody(tmp_path: Path) -> None:
    """Facts that were never kept tell nobody; whoever names the person can write."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", facts=False)
        await refused(here.ask("explanation", decisions=("d-1",), text="why?"), Conflict, "UNTIED")
        opened = await here.ask("explanation", decisions=("d-1",))
        await refused(here.answer(opened, text="so"), Conflict, "UNTIED")
        assert (await here.answer(opened)).state == "answered"
        named = await here.ask("explanation", decisions=("d-1",), subject="jane", text="why?")
        assert named.subject == here.vault.pseudonym("jane")

    run(tmp_path, story)


def test_nothing_is_written_of_an_incident_about_somebody_erased(tmp_path: Path) -> None:
    """It is closed without a word; before, a reason is demanded."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", "emil")
        opened = await here.happened("d-1", text="emil fell ill")
        await refused(close_incident(here, opened), Invalid, "REASON")
        await here.erase("emil")
        await refused(here.tell(opened, "Emil, Main St 1, died"), Conflict, "SUBJECT_ERASED")
        await refused(here.happened("d-1", text="again"), Conflict, "SUBJECT_ERASED")
        assert (await close_incident(here, opened)).state == "closed"

    run(tmp_path, story)


def test_nothing_is_written_of_an_incident_whose_people_nothing_tells(tmp_path: Path) -> None:
    """Of several known people a text is tied to nobody, and of a call about nobody too."""

    async def story(here: Desk) -> None:
        await here.decide("unkept", facts=False)
        await here.decide("nobody")
        for person in ("ada", "bert", "carl"):
            await here.decide(f"of-{person}", person)
        await refused(here.happened("unkept", text="x"), Conflict, "UNTIED")
        await refused(here.happened("unkept", "of-ada", text="x"), Conflict, "UNTIED")
        assert texts(await here.happened("nobody", text="x")) == ["text: x"]
        several = await here.happened("of-ada", "of-bert", "of-carl", text="x")
        assert several.subject is None
        await here.erase("carl")
        assert texts(await here.tell(several, "y")) == ["text: x", "text: y"]

    run(tmp_path, story)


def close_incident(here: Desk, incident: Matter) -> Coroutine[Any, Any, Matter]:
    """Close an incident without a word."""
    return here.incidents.close("lending", incident.id, "", by=OPERATOR, call=f"{incident.id}-close")


def test_a_contest_that_is_refused_opens_no_review(tmp_path: Path) -> None:
    """Its texts and its group are looked at first."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", "gina")
        asking = here.ask("contest", decisions=("d-1",), group="g" * 300)
        await refused(asking, Invalid, "GROUP")
        long = "x" * (LONGEST_TEXT + 1)
        for texts in ({"text": long}, {"identity": long}):
            asking = here.ask("contest", decisions=("d-1",), group="officers", **texts)
            await refused(asking, Invalid, "TEXT")
        assert here.store.find("", "", 10) == []

    run(tmp_path, story)


def test_a_contest_recorded_late_can_still_be_decided(tmp_path: Path) -> None:
    """Its review runs from when it was recorded; its deadline, from receipt."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", "gina")
        contest = await here.contest(received=here.now - 130 * DAY)
        assert contest.deadline(here.now) == "overdue"
        await refused(here.answer(contest), Conflict, "CONTEST_OPEN")
        await here.reviews.settle(contest.id, "approved", "officers", OFFICER, "")
        assert (await here.answer(contest)).record["review_state"] == "approved"

    run(tmp_path, story)


def test_a_contest_whose_review_has_expired_can_be_answered(tmp_path: Path) -> None:
    """The record says that nobody decided it."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", "gina")
        contest = await here.contest()
        here.now += 100 * DAY
        await here.reviews.expire()
        answered = await here.answer(contest)
        assert (answered.state, answered.record["review_state"]) == ("answered", "expired")

    run(tmp_path, story)


def test_a_contest_of_somebody_erased_meanwhile_leaves_no_review(tmp_path: Path) -> None:
    """Whom the pseudonym is still at hand of: no other erasure would find what was contested."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", facts=False)
        await here.ask("access", subject="gina")
        await here.erase("gina")
        await refused(here.contest(subject="gina", text="Gina objects"), Conflict, "SUBJECT_ERASED")
        assert [(each.state, each.facts) for each in here.store.find("", "", 10)] == [("erased", "")]

    run(tmp_path, story)


def test_a_second_contest_is_decided_by_a_third_person(tmp_path: Path) -> None:
    """Who settled the first one decided on the call, too."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", "gina")
        first = await here.contest()
        await here.reviews.settle(first.id, "rejected", "officers", OFFICER, "")
        second = await here.contest()
        again = here.reviews.settle(second.id, "rejected", "officers", OFFICER, "")
        await refused(again, Denied, "REVIEW_NOT_ANOTHER")

    run(tmp_path, story)


def test_a_contest_that_was_granted_stays_so(tmp_path: Path) -> None:
    """No call waits for it, so nothing is there to be taken back; who asks may have been told."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", "gina")
        contest = await here.contest()
        await here.reviews.settle(contest.id, "approved", "officers", OFFICER, "")
        back = here.reviews.settle(contest.id, "rejected", "officers", OFFICER, "")
        await refused(back, Conflict, "REVIEW_APPROVED")
        assert here.store.reject(contest.id, here.now) is None
        assert await here.requests.review_state(contest) == "approved"

    run(tmp_path, story)


def test_the_ledger_tells_of_a_contest_whose_review_lies_elsewhere(tmp_path: Path) -> None:
    """Another gateway's store has it, or none any more: what was decided there counts, or that nobody did."""

    async def story(here: Desk) -> None:
        await here.decide("d-1", "gina")
        decided, open_ = await here.contest(), await here.contest()
        await here.reviews.settle(decided.id, "rejected", "officers", OFFICER, "")
        elsewhere = ReviewStore(f"sqlite:///{tmp_path / 'others.sqlite'}")
        try:
            there = here.beside(elsewhere)
            assert (await there.answer(decided)).record["review_state"] == "rejected"
            await refused(there.answer(open_), Conflict, "CONTEST_OPEN")
            there.now += 100 * DAY
            assert (await there.answer(open_)).record["review_state"] == "expired"
        finally:
            elsewhere.close()

    run(tmp_path, story)
