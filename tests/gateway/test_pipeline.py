# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The way of a call: each step in its order, nothing released unrecorded, whatever ends it recorded."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.scene import Scene, scene, until
from governed import (
    BREACH,
    FORBIDDEN,
    HOLDS,
    LARGE,
    POLICIES,
    SMALL,
    STRANGER,
    SURE,
    UNSURE,
    bundle_files,
    infer_response,
)
from ombud_gateway.call import Call, Correlation, Reply, Withheld
from ombud_gateway.contract import Breach
from ombud_gateway.errors import (
    Conflict,
    Denied,
    Internal,
    NeedsReview,
    NotFound,
    Overloaded,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
)
from ombud_ledger import verify
from ombud_policies import Bundle, Engine


def outcomes(one: Scene) -> list[tuple[str, str, str, str]]:
    """Kind, outcome, status and reason of every record."""
    return [
        (record["kind"], record.get("outcome", ""), record.get("status", ""), record.get("reason", ""))
        for record in one.records()
    ]


def test_steps_in_order(tmp_path: Path) -> None:
    """Identify, decide, forward, decide release, record: then, and only then, the reply."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(SMALL)
            reply = await one.pipeline.judge(call)
            assert one.events == [
                "engine",
                "identify",
                "decide infer",
                "forward",
                "describe",
                "decide release",
                "record",
            ]
            assert (reply.id, reply.position) == (call.id, "r0-0:1")
            assert reply.answer.body == infer_response(SURE).SerializeToString()
            assert (reply.answer.initial, reply.answer.trailing) == (
                (("initial", "1"),),
                (("trailing", "2"),),
            )

    asyncio.run(run())


def test_upstream_gets_the_bytes_as_they_came(tmp_path: Path) -> None:
    """What is forwarded is the caller's own bytes and metadata, with the decision's id and trace context."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
            call = one.call(
                SMALL,
                metadata=(("custom", "x"),),
                correlation=Correlation(traceparent=trace, tracestate="a=b"),
            )
            await one.pipeline.judge(call)
            ((forwarded, passage),) = one.models.seen
            assert forwarded.body is call.body
            assert passage.metadata == (
                ("custom", "x"),
                ("traceparent", trace),
                ("tracestate", "a=b"),
                ("ombud-decision-id", call.id),
            )

    asyncio.run(run())


def test_engine_is_read_once(tmp_path: Path) -> None:
    """Policies that change while a call is under way decide the next call, not half of this one."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            old = one.engine
            answer = one.models.answer
            stricter = POLICIES.replace('lessThan(decimal("0.5"))', 'lessThan(decimal("0.9"))')

            async def change_then_answer(call: Call) -> bytes:
                new = Engine(Bundle.from_files(bundle_files(stricter)))
                one.engine = type(old)(new, one.events)
                return await answer(call)

            one.models.answer = change_then_answer
            await one.pipeline.judge(one.call(SMALL))
            one.models.answer = answer
            await one.held(one.call(SMALL))
            assert one.events.count("engine") == 2
            assert [record["bundle"] for record in one.records()] == [
                old.bundle.digest,
                one.engine.bundle.digest,
            ]

    asyncio.run(run())


def test_reply_waits_for_its_record(tmp_path: Path) -> None:
    """While the record is not durable there is no reply, however long the upstream has answered."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            one.disk.going.clear()
            task = asyncio.create_task(one.pipeline.judge(one.call(SMALL)))
            await until(lambda: "decide release" in one.events)
            done, _ = await asyncio.wait({task}, timeout=0.05)
            assert done == set()
            one.disk.going.set()
            assert (await task).position == "r0-0:1"

    asyncio.run(run())


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("amount", [SMALL, FORBIDDEN, BREACH, LARGE, HOLDS])
def test_no_record_no_reply(tmp_path: Path, amount: float, stored: bool) -> None:
    """A ledger that cannot commit refuses every call, whatever its verdict; the refusals are counted."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            one.disk.full, one.disk.stores = True, stored
            refusal = await one.refused(one.call(amount))
            assert isinstance(refusal, Unavailable)
            assert (refusal.reason, str(refusal)) == (
                "LEDGER_UNAVAILABLE",
                "the call could not be recorded, so it is refused",
            )
            one.disk.full = False
            await until(lambda: one.ledger.state == "serving")
            await one.recorder.flush_refused()
            (refused,) = one.records("refused")
            assert refused["counts"] == {"ledger_unavailable": 1}
            await one.pipeline.judge(one.call(SMALL + 1))
        assert verify(one.root).exit_code == 0

    asyncio.run(run())


def test_denial_is_recorded_and_never_forwarded(tmp_path: Path) -> None:
    """A denied call is told which policy said so; a caller whom no policy permits is told that."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            named = await one.refused(one.call(FORBIDDEN))
            nobody = await one.refused(one.call(SMALL, caller=STRANGER))
            assert [(type(each), str(each)) for each in (named, nobody)] == [
                (Denied, "denied by policy large, too-much"),
                (Denied, "denied: no policy permits this call"),
            ]
            assert outcomes(one) == [("decision", "refused", "PERMISSION_DENIED", "DENIED")] * 2
            assert one.models.seen == []

    asyncio.run(run())


def test_breach_keeps_the_value_out_of_the_record(tmp_path: Path) -> None:
    """The caller learns field, value and bound; the record names field and bound; the value is in facts."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            refusal = await one.refused(one.call(BREACH))
            assert isinstance(refusal, Breach)
            assert refusal.message == "contract breach: field 'amount' is -1.0, must be within 0 to 10000"
            (record,) = one.records()
            assert record["breach"] == {"field": "amount", "bound": "within 0 to 10000"}
            assert "verdict" not in record
            assert one.facts()[0]["offending"] == {"amount": "-1.0"}
            assert one.events == ["engine", "identify", "record"]

    asyncio.run(run())


def test_nobody_is_counted_not_recorded(tmp_path: Path) -> None:
    """A call without a caller never reaches contract or policy; it is counted."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            for _ in range(3):
                assert isinstance(await one.refused(one.call(BREACH, caller="")), Unauthenticated)
            await one.recorder.flush_refused()
            assert one.records() == []
            (counted,) = one.records("refused")
            assert counted == {
                "kind": "refused",
                "counts": {"unauthenticated": 3},
                "from_ts": one.now[0],
                "to_ts": one.now[0],
            }

    asyncio.run(run())


def test_a_problem_is_told_to_those_who_say_who_they_are(tmp_path: Path) -> None:
    """Bytes that cannot be judged are refused after identification, with a record."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            broken = Breach("rows", "2", "one row a call")
            assert isinstance(await one.refused(one.call(SMALL, caller="", problem=broken)), Unauthenticated)
            assert await one.refused(one.call(SMALL, problem=broken)) is broken
            assert outcomes(one) == [("decision", "refused", "INVALID_ARGUMENT", "CONTRACT")]

    asyncio.run(run())


def test_upstream_failure_passes_through(tmp_path: Path) -> None:
    """The upstream's own status reaches the caller and the record."""

    async def run() -> None:
        async with scene(tmp_path) as one:

            async def fail(_call: Call) -> bytes:
                raise UpstreamFailed(5, "unknown model", (("hint", "x"),))

            one.models.answer = fail
            with pytest.raises(UpstreamFailed, match="unknown model"):
                await one.pipeline.judge(one.call(SMALL))
            assert outcomes(one) == [("decision", "failed", "NOT_FOUND", "UPSTREAM")]

    asyncio.run(run())


def test_defect_is_recorded_without_its_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bug inside refuses the call; caller and record do not learn what it said, the log does."""

    async def run() -> None:
        async with scene(tmp_path) as one:

            async def fail(_call: Call) -> bytes:
                raise RuntimeError("row of Mrs Jones")

            one.models.answer = fail
            refusal = await one.refused(one.call(SMALL))
            assert isinstance(refusal, Internal)
            assert str(refusal) == "the gateway failed; its log has the detail under this id"
            assert outcomes(one) == [("decision", "refused", "INTERNAL", "INTERNAL")]
            assert "Jones" not in repr((one.records(), one.facts()))

    with caplog.at_level(logging.ERROR, logger="ombud_gateway.pipeline"):
        asyncio.run(run())
    assert "call call-1 failed inside the gateway" in caplog.text
    assert "Mrs Jones" in caplog.text


def test_cancellation_is_recorded(tmp_path: Path) -> None:
    """A caller that leaves while the upstream works leaves a record of a cancelled call."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            never = asyncio.Event()

            async def wait(_call: Call) -> bytes:
                await never.wait()
                return b""

            one.models.answer = wait
            task = asyncio.create_task(one.pipeline.judge(one.call(SMALL)))
            await until(lambda: bool(one.models.seen))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await one.recorder.drain()
            assert outcomes(one) == [("decision", "cancelled", "CANCELLED", "CANCELLED")]
            assert one.admission.active == 0

    asyncio.run(run())


def test_cancelled_while_the_intent_is_written(tmp_path: Path) -> None:
    """A caller that leaves then leaves an intent and its outcome, not two decisions; nothing is forwarded."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            one.disk.going.clear()
            call = one.call(SMALL, action="administer", declared_digest="sound", context={})
            task = asyncio.create_task(one.pipeline.judge(replace(call, method="SharedMemory", tensors=None)))
            await until(lambda: "decide administer" in one.events)
            for _ in range(3):  # up to where the intent is awaited
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            one.disk.going.set()
            await one.recorder.drain()
            assert outcomes(one) == [
                ("intent", "", "", ""),
                ("outcome", "cancelled", "CANCELLED", "CANCELLED"),
            ]
            assert one.models.seen == []

    asyncio.run(run())


def test_effects_have_an_intent_first(tmp_path: Path) -> None:
    """What changes something has a durable intent before it is forwarded and an outcome after."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(
                SMALL, action="administer", method="SharedMemory", declared_digest="sound", tensors=None
            )
            reply = await one.pipeline.judge(call)
            assert one.events == ["engine", "identify", "decide administer", "record", "forward", "record"]
            assert reply.position == "r0-0:2"
            assert outcomes(one) == [("intent", "", "", ""), ("outcome", "answered", "OK", "")]

    asyncio.run(run())


def test_shared_memory_needs_both_yeses(tmp_path: Path) -> None:
    """Tensors that pass the gateway by need leave to infer, and leave for their declared digest."""

    async def run() -> None:
        async with scene(tmp_path) as one:

            def call(digest: str, **more: Any) -> Call:
                return one.call(SMALL, shared_memory=True, declared_digest=digest, **more)

            undeclared = await one.refused(call(""))
            assert undeclared.message == (
                "contract breach: field 'ombud-declared-digest' is missing, "
                "must be the SHA-256 of what is passed by shared memory"
            )
            assert isinstance(await one.refused(call("other")), Denied)
            assert isinstance(await one.refused(call("sound", caller=STRANGER)), Denied)
            assert one.models.seen == []
            await one.pipeline.judge(call("sound"))
            assert [question.action for question in one.engine.asked] == [
                *("infer", "administer"),
                "infer",
                *("infer", "administer", "release"),
            ]
            assert one.engine.asked[1].context == {
                "system": "lending",
                "method": "SharedMemory",
                "declared_digest": "other",
            }
            allowed = one.records()[-1]
            assert allowed["policies"] == ["agents-ask", "agents-map-memory"]

    asyncio.run(run())


def test_review_lets_one_call_through_once(tmp_path: Path) -> None:
    """Parked, approved, resumed: an intent names the approval, the model is asked once, and once only."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(LARGE)
            review = await one.held(call)
            assert review == call.id
            with pytest.raises(NeedsReview, match="the review is not decided yet"):
                await one.resume(call, review)
            await one.approve(review)
            reply = await one.resume(call, review)
            assert reply.answer.body == infer_response(SURE).SerializeToString()
            with pytest.raises(Conflict, match="the review is used"):
                await one.resume(call, review)
            assert outcomes(one) == [
                ("decision", "refused", "FAILED_PRECONDITION", "REVIEW_REQUIRED"),
                ("decision", "refused", "FAILED_PRECONDITION", "REVIEW_REQUIRED"),
                ("intent", "", "", ""),
                ("outcome", "answered", "OK", ""),
                ("decision", "refused", "FAILED_PRECONDITION", "REVIEW_USED"),
            ]
            assert [record.get("approval") for record in one.records()] == [None, None, review, review, None]
            assert len(one.models.seen) == 1
            resumed = one.engine.asked[-2]
            assert resumed.context["approval"] == {"review": review, "groups": ["officers"], "approvers": 1}

    asyncio.run(run())


def test_approval_is_for_that_call_alone(tmp_path: Path) -> None:
    """Another amount, another caller, an unknown review: none gains by an approval, nor spends it."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(LARGE)
            review = await one.held(call)
            await one.approve(review)
            with pytest.raises(Conflict, match="the call differs from the one that was reviewed"):
                await one.resume(one.call(LARGE + 1), review)
            for other, named in ((one.call(LARGE, caller=STRANGER), review), (call, "unknown")):
                with pytest.raises(NotFound, match="no review of this id is open to this caller"):
                    await one.resume(other, named)
            # Only the request's own id is not part of what was reviewed.
            await one.resume(one.call(LARGE), review)

    asyncio.run(run())


def test_approval_never_widens(tmp_path: Path) -> None:
    """Policies that say no to an approved call are obeyed, and its approval is given back."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(LARGE)
            review = await one.held(call)
            await one.approve(review)
            before = one.engine
            closed = POLICIES.replace('decimal("5000.0")', 'decimal("1000.0")')
            one.engine = type(before)(Engine(Bundle.from_files(bundle_files(closed))), one.events)
            with pytest.raises(Denied, match="denied by policy too-much"):
                await one.resume(call, review)
            named = POLICIES.replace('@review("officers")', '@review("board")').replace(
                'groups.contains("officers")', 'groups.contains("board")'
            )
            one.engine = type(before)(Engine(Bundle.from_files(bundle_files(named))), one.events)
            with pytest.raises(Conflict, match="the approval does not cover what policies ask now: board"):
                await one.resume(call, review)
            assert one.models.seen == []
            one.engine = before
            await one.resume(call, review)

    asyncio.run(run())


def test_held_answer_is_returned_without_asking_again(tmp_path: Path) -> None:
    """An answer that waits for a human is kept: retries stay off the model, resuming returns those bytes."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(HOLDS)
            review = await one.held(call)
            assert await one.held(one.call(HOLDS)) == review
            await one.approve(review)
            assert await one.held(one.call(HOLDS)) == review

            async def other(_call: Call) -> bytes:
                return bytes(infer_response(SURE).SerializeToString())

            one.models.answer = other
            reply = await one.resume(call, review)
            assert reply.answer.body == infer_response(UNSURE).SerializeToString()
            assert len(one.models.seen) == 1
            assert outcomes(one) == [
                ("decision", "held", "FAILED_PRECONDITION", "REVIEW_REQUIRED"),
                ("decision", "refused", "FAILED_PRECONDITION", "REVIEW_REQUIRED"),
                ("decision", "refused", "FAILED_PRECONDITION", "REVIEW_REQUIRED"),
                ("intent", "", "", ""),
                ("outcome", "answered", "OK", ""),
            ]

    asyncio.run(run())


def test_twenty_blind_retries_open_one_review(tmp_path: Path) -> None:
    """However many at once, the same call waits for one review; each retry is a decision that names it."""

    async def run() -> None:
        async with scene(tmp_path, in_flight=20) as one:
            reviews = await asyncio.gather(*(one.held(one.call(LARGE)) for _ in range(20)))
            assert len(set(reviews)) == 1
            assert [record["review"] for record in one.records()] == reviews
            assert [record["event"] for record in one.records("review")] == ["opened"]

    asyncio.run(run())


def test_approval_survives_what_was_not_stored(tmp_path: Path) -> None:
    """A ledger that refuses the intent without storing it costs no approval; one that may have, is asked."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(LARGE)
            review = await one.held(call)
            await one.approve(review)
            for stored in (False, True):
                one.disk.full, one.disk.stores = True, stored
                with pytest.raises(Unavailable):
                    await one.resume(call, review)
                assert [each.id for each in one.store.claimed()] == [review]
                one.disk.full = False
                await until(lambda: one.ledger.state == "serving")
                await one.reviews.recover()
                found = one.store.get(review)
                assert found is not None
                assert found.state == ("used" if stored else "approved")
            assert one.models.seen == []

    asyncio.run(run())


def test_stream_records_each_answer_before_it_leaves(tmp_path: Path) -> None:
    """A request of a stream has an intent, each answer an outcome, withheld or not; the end is marked."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            one.models.decoupled = True
            one.models.answers = [
                bytes(infer_response(score).SerializeToString()) for score in (SURE, UNSURE, SURE)
            ]
            got: list[tuple[str, int]] = []
            async for item in one.pipeline.stream(one.call(SMALL)):
                assert isinstance(item, Reply | Withheld)
                got.append((type(item).__name__, one.events.count("record")))
            # Recorded so far: the intent; then each answer, and the opening of the review of the second.
            assert got == [("Reply", 2), ("Withheld", 4), ("Reply", 5)]
            told = [
                (record["kind"], record.get("outcome"), record.get("part"), record.get("final"))
                for record in one.records()
            ]
            assert told == [
                ("intent", None, None, None),
                ("outcome", "answered", 1, False),
                ("outcome", "held", 2, False),
                ("outcome", "answered", 3, False),
                ("outcome", "ended", 3, True),
            ]

    asyncio.run(run())


def test_stream_of_a_single_answer(tmp_path: Path) -> None:
    """Where a model gives one answer a request, that answer is marked as the last."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            one.models.answers = [bytes(infer_response(SURE).SerializeToString())]
            (item,) = [item async for item in one.pipeline.stream(one.call(SMALL))]
            assert isinstance(item, Reply)
            assert item.position == "r0-0:2"
            assert [record.get("final") for record in one.records()] == [None, True]

    asyncio.run(run())


def test_shed_calls_are_counted(tmp_path: Path) -> None:
    """Past the limit of flight and queue a call is refused at once, and counted."""

    async def run() -> None:
        async with scene(tmp_path, in_flight=1, queue=0) as one:
            go = asyncio.Event()
            answer = one.models.answer

            async def wait(call: Call) -> bytes:
                await go.wait()
                return await answer(call)

            one.models.answer = wait
            first = asyncio.create_task(one.pipeline.judge(one.call(SMALL)))
            await until(lambda: bool(one.models.seen))
            assert isinstance(await one.refused(one.call(SMALL)), Overloaded)
            go.set()
            await first
            await one.recorder.flush_refused()
            assert [record["counts"] for record in one.records("refused")] == [{"overloaded": 1}]

    asyncio.run(run())
