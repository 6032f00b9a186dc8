# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The review desk: what is recorded of reviews, who gets an approval, and what a crash may leave behind."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scene import LIFETIME, Scene, scene, until
from ombud_gateway.errors import Broken, Conflict, Denied, NeedsReview, NotFound, Unavailable
from ombud_gateway.reviews import NewReview, ParkedAnswers, call_digest, key_from_file
from ombud_ledger import verify

DIGEST = "d" * 64
AGENT, OLGA = 'Agent::"intake"', 'User::"olga"'


def new(one: Scene, name: str = "r-1", **more: Any) -> NewReview:
    """Describe a review that opens now."""
    given: dict[str, Any] = {
        "digest": DIGEST,
        "stage": "infer",
        "system": "lending",
        "principal": AGENT,
        "action": "infer",
        "resource": 'Model::"scorer"',
        "groups": ("officers",),
        "policies": ("large",),
        "correlation_id": "",
        "facts": "{}",
    }
    return one.reviews.new(name, **{**given, **more})


@asynccontextmanager
async def approved(folder: Path, answer: bytes | None = None) -> AsyncIterator[Scene]:
    """A scene with one approved review, `r-1`."""
    async with scene(folder) as one:
        await one.reviews.park(new(one, stage="release" if answer else "infer"), answer)
        await one.reviews.settle("r-1", "approved", "officers", OLGA, "fine by me")
        yield one


def state(one: Scene) -> str:
    """The state of `r-1`."""
    review = one.store.get("r-1")
    assert review is not None
    return review.state


def test_every_move_has_its_entry(tmp_path: Path) -> None:
    """Opened, approved, expired, rejected: each is an entry; a reason given in words is in facts."""

    async def run() -> None:
        async with approved(tmp_path) as one:
            one.now[0] += LIFETIME
            await one.reviews.expire()
            await one.reviews.park(new(one, "r-2"))
            await one.reviews.settle("r-2", "rejected", "officers", OLGA, "")
            about = {
                "kind": "review",
                "system": "lending",
                "stage": "infer",
                "requester": AGENT,
                "groups": ["officers"],
            }
            by = {"group": "officers", "approver": OLGA}
            entries = one.records("review")
            assert [{k: v for k, v in entry.items() if k != "facts_contract"} for entry in entries] == [
                {**about, "id": "r-1", "event": "opened"},
                {**about, "id": "r-1", "event": "approved", **by},
                {**about, "id": "r-1", "event": "expired"},
                {**about, "id": "r-2", "event": "opened"},
                {**about, "id": "r-2", "event": "rejected", **by},
            ]
            assert [facts.get("reason") for facts in one.facts()] == ["fine by me"]

    asyncio.run(run())


def test_a_rejected_call_is_denied_until_it_expires(tmp_path: Path) -> None:
    """A retry of a rejected call, or its resumption, is told that a reviewer said no."""

    async def run() -> None:
        async with approved(tmp_path) as one:
            await one.reviews.settle("r-1", "rejected", "officers", OLGA, "")
            with pytest.raises(Denied, match="a reviewer rejected this call"):
                await one.reviews.park(new(one, "r-2"))
            with pytest.raises(Denied, match="a reviewer rejected this call"):
                await one.reviews.claim("r-1", AGENT, DIGEST, "call-2")
            with pytest.raises(Conflict, match="the review is rejected, not open"):
                await one.reviews.settle("r-1", "approved", "officers", OLGA, "")
            one.now[0] += LIFETIME
            await one.reviews.expire()
            assert (await one.reviews.park(new(one, "r-2"))).state == "open"

    asyncio.run(run())


def test_a_clock_set_back(tmp_path: Path) -> None:
    """What expired stays expired, what was used stays used, and records stay in order."""

    async def run() -> None:
        async with approved(tmp_path) as one:
            opened = one.now[0]
            one.now[0] = opened - LIFETIME
            claimed = await one.reviews.claim("r-1", AGENT, DIGEST, "call-2")
            await one.reviews.use(claimed, "call-2")
            with pytest.raises(Conflict, match="used"):
                await one.reviews.claim("r-1", AGENT, DIGEST, "call-3")
            await one.reviews.park(new(one, "r-2", digest="e" * 64))
            one.now[0] += LIFETIME
            await one.reviews.expire()
            one.now[0] -= LIFETIME
            with pytest.raises(Conflict, match="the review is expired, not open"):
                await one.reviews.settle("r-2", "approved", "officers", OLGA, "")
            assert [entry["event"] for entry in one.records("review")][-2:] == ["opened", "expired"]
        assert verify(tmp_path / "ledger").exit_code == 0

    asyncio.run(run())


def test_verdicts_come_in_time_and_once(tmp_path: Path) -> None:
    """An unknown, expired or settled review takes no verdict; of two at the same moment, one is recorded."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            with pytest.raises(NotFound, match="no review has this id"):
                await one.reviews.settle("r-1", "approved", "officers", OLGA, "")
            await one.reviews.park(new(one))
            got = await asyncio.gather(
                *(
                    one.reviews.settle("r-1", "approved", "officers", f'User::"u{number}"', "")
                    for number in range(5)
                ),
                return_exceptions=True,
            )
            assert [type(each) for each in got[1:]] == [Conflict] * 4
            assert [entry["event"] for entry in one.records("review")] == ["opened", "approved"]
            await one.reviews.park(new(one, "r-2", digest="e" * 64))
            one.now[0] += LIFETIME
            with pytest.raises(Conflict, match="the review has expired"):
                await one.reviews.settle("r-2", "approved", "officers", OLGA, "")

    asyncio.run(run())


def test_who_gets_an_approval(tmp_path: Path) -> None:
    """Only the exact call of the same caller, while it holds, once."""

    async def run() -> None:
        async with approved(tmp_path) as one:
            claim = one.reviews.claim
            for review, principal in (("r-0", AGENT), ("r-1", OLGA)):
                with pytest.raises(NotFound):
                    await claim(review, principal, DIGEST, "call-2")
            with pytest.raises(Conflict, match="the call differs"):
                await claim("r-1", AGENT, "e" * 64, "call-2")
            claimed = await claim("r-1", AGENT, DIGEST, "call-2")
            assert claimed.approval == {"review": "r-1", "groups": ["officers"], "approvers": 1}
            assert claimed.answer is None
            with pytest.raises(Conflict, match="the review is claimed"):
                await claim("r-1", AGENT, DIGEST, "call-3")
            await one.reviews.unclaim(claimed, "call-2")
            again = await claim("r-1", AGENT, DIGEST, "call-3")
            await one.reviews.use(again, "call-3")
            with pytest.raises(Conflict, match="the review is used"):
                await claim("r-1", AGENT, DIGEST, "call-4")
            await one.reviews.park(new(one, "r-2"))
            with pytest.raises(NeedsReview, match="the review is not decided yet"):
                await claim("r-2", AGENT, DIGEST, "call-5")
            one.now[0] += LIFETIME
            with pytest.raises(Conflict, match="the review has expired"):
                await claim("r-2", AGENT, DIGEST, "call-5")

    asyncio.run(run())


def test_one_of_many_resuming_calls_claims(tmp_path: Path) -> None:
    """Of twenty calls that resume at once, one gets the approval."""

    async def run() -> None:
        async with approved(tmp_path) as one:
            got = await asyncio.gather(
                *(one.reviews.claim("r-1", AGENT, DIGEST, f"call-{number}") for number in range(20)),
                return_exceptions=True,
            )
            assert sorted(type(each).__name__ for each in got) == ["Claimed", *["Conflict"] * 19]

    asyncio.run(run())


def test_a_caller_that_leaves_gives_its_claim_back(tmp_path: Path) -> None:
    """Cancelled at any step of claiming, a call leaves the approval to the next."""

    async def run() -> None:
        async with approved(tmp_path) as one:
            for steps in range(12):
                claiming = asyncio.create_task(one.reviews.claim("r-1", AGENT, DIGEST, f"call-{steps}"))
                for _ in range(steps):
                    await asyncio.sleep(0.0005)
                claiming.cancel()
                try:
                    claimed = await claiming
                except asyncio.CancelledError:
                    assert state(one) == "approved"
                else:
                    await one.reviews.unclaim(claimed, f"call-{steps}")

    asyncio.run(run())


def test_recovery_settles_what_a_crash_left(tmp_path: Path) -> None:
    """A claim without an intent in the ledger is given back, one with it is used, a live one left alone."""

    async def run() -> None:
        async with approved(tmp_path) as one:
            assert one.store.claim("r-1", "call-of-a-dead-process", one.now[0])
            await one.reviews.recover()
            assert state(one) == "approved"
            claimed = await one.reviews.claim("r-1", AGENT, DIGEST, "call-2")
            await one.reviews.recover()
            assert state(one) == "claimed"
            one.reviews.leave("call-2")
            await one.ledger.append("intent", {"id": "call-2", "approval": claimed.review.id})
            await one.reviews.recover()
            assert state(one) == "used"

    asyncio.run(run())


def test_a_full_disk_leaves_no_review_untold(tmp_path: Path) -> None:
    """A review whose entry could not be written is told of by the next retry, once."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            one.disk.full = True
            with pytest.raises(Unavailable, match="could not be recorded"):
                await one.reviews.park(new(one))
            one.disk.full = False
            await until(lambda: one.ledger.state == "serving")
            for name in ("r-2", "r-3"):
                assert (await one.reviews.park(new(one, name))).id == "r-1"
            assert [entry["event"] for entry in one.records("review")] == ["opened"]

    asyncio.run(run())


def test_a_held_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    """A held answer lies encrypted, comes back byte for byte, and is gone once used."""

    async def run() -> None:
        async with approved(tmp_path, answer=b"the answer") as one:
            held = one.store.get("r-1")
            assert held is not None
            assert held.held is not None
            assert b"the answer" not in held.held
            assert b"the answer" not in (tmp_path / "reviews.sqlite").read_bytes()
            assert one.reviews.holds_answers
            ticket = await one.reviews.waiting_release(DIGEST)
            assert ticket is not None
            assert (ticket.id, ticket.state) == ("r-1", "approved")
            assert await one.reviews.waiting_release("e" * 64) is None
            claimed = await one.reviews.claim("r-1", AGENT, DIGEST, "call-2")
            assert claimed.answer == b"the answer"
            await one.reviews.use(claimed, "call-2")
            assert await one.reviews.waiting_release(DIGEST) is None
            assert not one.reviews.holds_answers
            used = one.store.get("r-1")
            assert used is not None
            assert used.held is None

    asyncio.run(run())


def test_a_changed_answer_is_not_let_out(tmp_path: Path) -> None:
    """An answer changed at rest, or swapped for another review's, is broken; no claim is left behind."""

    async def run() -> None:
        async with approved(tmp_path, answer=b"the answer") as one:
            other = ParkedAnswers(b"k" * 32).seal("r-1", b"another")
            for sealed, error in ((other, Conflict), (b"x" * 40, Broken)):
                with one.store._engine.begin() as connection:
                    connection.exec_driver_sql("UPDATE reviews SET held = ?", (sealed,))
                with pytest.raises(error):
                    await one.reviews.claim("r-1", AGENT, DIGEST, "call-2")
                assert state(one) == "approved"

    asyncio.run(run())


@given(answer=st.binary(max_size=200), at=st.integers(0), flip=st.integers(1, 255))
def test_every_changed_byte_is_broken(answer: bytes, at: int, flip: int) -> None:
    """Nonce, ciphertext or tag: no byte of a sealed answer can change, nor can its review's id."""
    parked = ParkedAnswers(b"k" * 32)
    sealed = bytearray(parked.seal("r-1", answer))
    assert parked.open("r-1", bytes(sealed)) == answer
    with pytest.raises(Broken, match="the held answer cannot be opened"):
        parked.open("r-2", bytes(sealed))
    sealed[at % len(sealed)] ^= flip
    with pytest.raises(Broken):
        parked.open("r-1", bytes(sealed))


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_a_truncated_answer_is_broken(length: int) -> None:
    """What is too short to be a sealed answer is broken, not a crash."""
    parked = ParkedAnswers(b"k" * 32)
    with pytest.raises(Broken):
        parked.open("r-1", parked.seal("r-1", b"")[:length])


def test_key_file(tmp_path: Path) -> None:
    """The key is made once, for its owner's eyes, and read from then on; a wrong one is refused."""
    path = tmp_path / "keys" / "review.key"
    key = key_from_file(path)
    assert len(key) == 32
    assert key_from_file(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert key.hex() not in repr(ParkedAnswers(key))
    with pytest.raises(ValueError, match="got 3 bytes, expected 32"):
        ParkedAnswers(b"key")


@given(st.lists(st.tuples(*(st.text(max_size=3),) * 4, st.binary(max_size=3)), min_size=2, unique=True))
def test_no_two_calls_share_a_digest(calls: list[tuple[str, str, str, str, bytes]]) -> None:
    """Whatever moves from one part of a call to the next, the digest differs."""
    assert len({call_digest(*call) for call in calls}) == len(calls)


def test_new_review_lives_as_long_as_configured(tmp_path: Path) -> None:
    """A review opens now and expires a lifetime later."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            review = new(one)
            assert (review.opened, review.expires) == (one.now[0], one.now[0] + LIFETIME)
            assert replace(review, id="r-2") == new(one, "r-2")

    asyncio.run(run())
