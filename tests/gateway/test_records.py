# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is written of a call, whole: for every way in which it can end."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.scene import CONFIG_DIGEST, Scene, bundle, scene, system, until
from governed import BREACH, FORBIDDEN, HOLDS, LARGE, SMALL, SURE, UNSURE, infer_response
from ombud_gateway import judgement
from ombud_gateway.call import Call, Correlation
from ombud_gateway.contract import Typed
from ombud_gateway.errors import UpstreamFailed
from ombud_gateway.identity import Credentials
from ombud_gateway.judgement import MOST_POLICIES, Judgement
from ombud_gateway.recorder import Recorder
from ombud_gateway.telemetry import Telemetry, Tracing
from ombud_ledger import Ledger, Position
from ombud_policies import Engine, Uid, Verdict

TRACE = "ab" * 16
STATE = Correlation("order-7", "run-3", 2, f"00-{TRACE}-{'cd' * 8}-01")


def who_and_what(call: Call) -> dict[str, Any]:
    """The fields of every decision and intent of the tests' call."""
    return {
        "id": call.id,
        "door": "test",
        "action": "infer",
        "method": "ModelInfer",
        "resource": 'Model::"scorer"',
        "attempt": 2,
        "request_bytes": len(call.body),
        "principal": 'Agent::"intake"',
        "principal_type": "Agent",
        "system": "lending",
        "model": "scorer",
        "correlation_id": "order-7",
        "run_id": "run-3",
        "trace_id": TRACE,
        "contract": system().contract.digest,
        "artifact_digest": "not supplied",
        "facts_contract": system().contract.digest,
    }


def said(verdict: str, stage: str, *policies: str) -> dict[str, Any]:
    """The fields of a verdict."""
    return {
        "verdict": verdict,
        "stage": stage,
        "policies": list(policies),
        "policies_total": len(policies),
        "bundle": bundle().digest,
        "entities": bundle().entities_digest,
    }


def answered(score: float) -> dict[str, Any]:
    """The fields of an answer that came back."""
    return {
        "model_version": "1",
        "config_digest": CONFIG_DIGEST,
        "response_bytes": len(infer_response(score).SerializeToString()),
        "cost_micros": 40,
        "currency": "EUR",
    }


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


async def record_of(one: Scene, amount: float) -> tuple[Call, dict[str, Any]]:
    """Judge a call that is refused; return it and its record."""
    call = one.call(amount, correlation=STATE)
    await one.refused(call)
    (record,) = one.records()
    return call, record


def test_allowed(tmp_path: Path) -> None:
    """A call let in and out is one decision with permits, steps and cost; its facts are kept apart."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(SMALL, correlation=STATE)
            await one.pipeline.judge(call)
            assert one.records() == [
                {
                    "kind": "decision",
                    **who_and_what(call),
                    **said("allow", "release", "agents-ask"),
                    **answered(SURE),
                    "outcome": "answered",
                    "status": "OK",
                    "steps": ["contract", "decide", "forward", "identify", "release"],
                }
            ]
            assert one.facts() == [
                {
                    "values": {"amount": "100.0", "score": "0.75"},
                    "request_sha256": sha256(call.body),
                    "response_sha256": sha256(infer_response(SURE).SerializeToString()),
                }
            ]

    asyncio.run(run())


def test_denied(tmp_path: Path) -> None:
    """A denied call names the policies that denied it, and no answer, model version or cost."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call, record = await record_of(one, FORBIDDEN)
            assert record == {
                "kind": "decision",
                **who_and_what(call),
                **said("deny", "infer", "large", "too-much"),
                "outcome": "refused",
                "status": "PERMISSION_DENIED",
                "reason": "DENIED",
                "steps": ["contract", "decide", "identify"],
            }

    asyncio.run(run())


def test_sent_to_review(tmp_path: Path) -> None:
    """A call that needs a human is a decision with the verdict review; the review has an entry of its own."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call, record = await record_of(one, LARGE)
            assert record == {
                "kind": "decision",
                **who_and_what(call),
                **said("review", "infer", "large"),
                "review": call.id,
                "outcome": "refused",
                "status": "FAILED_PRECONDITION",
                "reason": "REVIEW_REQUIRED",
                "steps": ["contract", "decide", "identify"],
            }
            assert one.records("review") == [
                {
                    "kind": "review",
                    "id": call.id,
                    "event": "opened",
                    "system": "lending",
                    "stage": "infer",
                    "requester": 'Agent::"intake"',
                    "groups": ["officers"],
                    "correlation_id": "order-7",
                }
            ]

    asyncio.run(run())


def test_breach(tmp_path: Path) -> None:
    """A breach of the contract has no verdict: policy was not asked."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call, record = await record_of(one, BREACH)
            expected = {
                "kind": "decision",
                **who_and_what(call),
                "breach": {"field": "amount", "bound": "within 0 to 10000"},
                "outcome": "refused",
                "status": "INVALID_ARGUMENT",
                "reason": "CONTRACT",
                "steps": ["contract", "identify"],
            }
            del expected["facts_contract"]  # nothing was typed
            assert record == expected
            assert one.facts() == [
                {"values": {}, "request_sha256": sha256(call.body), "offending": {"amount": "-1.0"}}
            ]

    asyncio.run(run())


def test_failed_upstream(tmp_path: Path) -> None:
    """A call whose upstream failed has the verdict, the upstream's status, and what it cost."""

    async def run() -> None:
        async with scene(tmp_path) as one:

            async def fail(_call: Call) -> bytes:
                await asyncio.sleep(0.001)
                raise UpstreamFailed(14, "gone")

            one.models.answer = fail
            call = one.call(SMALL, correlation=STATE)
            with pytest.raises(UpstreamFailed):
                await one.pipeline.judge(call)
            assert one.records() == [
                {
                    "kind": "decision",
                    **who_and_what(call),
                    **said("allow", "infer", "agents-ask"),
                    "outcome": "failed",
                    "status": "UNAVAILABLE",
                    "reason": "UPSTREAM",
                    "cost_micros": 40,
                    "currency": "EUR",
                    "steps": ["contract", "decide", "forward", "identify"],
                }
            ]

    asyncio.run(run())


def test_held_answer(tmp_path: Path) -> None:
    """An answer that waits for a human is a decision held at release, with what came back."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call, record = await record_of(one, HOLDS)
            assert record == {
                "kind": "decision",
                **who_and_what(call),
                **said("review", "release", "unsure"),
                **answered(UNSURE),
                "review": call.id,
                "outcome": "held",
                "status": "FAILED_PRECONDITION",
                "reason": "REVIEW_REQUIRED",
                "steps": ["contract", "decide", "forward", "identify", "release"],
            }

    asyncio.run(run())


def test_cancelled(tmp_path: Path) -> None:
    """A call whose caller left says so, with what was known when it left."""

    async def run() -> None:
        async with scene(tmp_path) as one:

            async def wait(_call: Call) -> bytes:
                await asyncio.Event().wait()
                return b""

            one.models.answer = wait
            call = one.call(SMALL, correlation=STATE)
            task = asyncio.create_task(one.pipeline.judge(call))
            await until(lambda: bool(one.models.seen))
            await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await one.recorder.drain()
            assert one.records() == [
                {
                    "kind": "decision",
                    **who_and_what(call),
                    **said("allow", "infer", "agents-ask"),
                    "outcome": "cancelled",
                    "status": "CANCELLED",
                    "reason": "CANCELLED",
                    "cost_micros": 40,
                    "currency": "EUR",
                    "steps": ["contract", "decide", "forward", "identify"],
                }
            ]

    asyncio.run(run())


def test_resumed(tmp_path: Path) -> None:
    """What an approval lets through is an intent with the verdict, and an outcome with the end."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(LARGE, correlation=STATE)
            review = await one.held(call)
            await one.approve(review)
            await one.resume(call, review)
            intent, outcome = one.records("intent", "outcome")
            resumed = replace(call, id="call-2")
            assert intent == {
                "kind": "intent",
                **who_and_what(resumed),
                **said("allow", "infer", "agents-ask"),
                "approval": review,
                "steps": ["contract", "decide", "identify"],
            }
            assert outcome == {
                "kind": "outcome",
                "id": "call-2",
                "action": "infer",
                "method": "ModelInfer",
                "system": "lending",
                "model": "scorer",
                "facts_contract": system().contract.digest,
                **said("allow", "release", "agents-ask"),
                **answered(SURE),
                "approval": review,
                "outcome": "answered",
                "status": "OK",
                "steps": ["contract", "decide", "forward", "identify", "release"],
            }

    asyncio.run(run())


def judged(verdict: Verdict) -> Judgement:
    """A judgement that got so far as to have a verdict."""
    one = Judgement(_call(), Telemetry(Tracing()), Engine(bundle()))
    one.settle(verdict, "infer")
    return one


def _call() -> Call:
    return Call(
        id="call-1",
        received=0,
        door="test",
        method="ModelInfer",
        action="infer",
        resource=Uid("Model", "scorer"),
        upstream="models",
        body=b"body",
        credentials=Credentials(),
        canonical=lambda: b"",
    )


def verdict(**more: Any) -> Verdict:
    """A verdict that lets through."""
    given: dict[str, Any] = {
        "kind": "allow",
        "policies": ("p",),
        "groups": (),
        "capture": "features",
        "redact": frozenset(),
        "errors": (),
        "bundle": "b" * 64,
        "entities": "e" * 64,
    }
    return Verdict(**{**given, **more})


def test_many_policies_are_counted() -> None:
    """A record names the first so many determining policies, and how many there were."""
    names = tuple(f"p{number:03}" for number in range(MOST_POLICIES + 9))
    body = judgement.decision(judged(verdict(policies=names)), outcome="answered", status="OK")
    assert body["policies"] == list(names[:MOST_POLICIES])
    assert body["policies_total"] == len(names)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [("features", "features", "features"), ("digest", "features", "digest"), ("features", "none", "none")],
)
def test_the_stricter_permit_says_what_is_kept(first: str, second: str, kept: str) -> None:
    """Let in by one permit and out by another, a call keeps what both allow, and names both."""
    one = judged(verdict(policies=("in",), capture=first, redact=frozenset({"a"})))
    one.settle(verdict(policies=("out",), capture=second, redact=frozenset({"b"})), "release")
    assert one.verdict is not None
    assert (one.verdict.policies, one.verdict.capture, one.verdict.redact) == (
        ("in", "out"),
        kept,
        frozenset({"a", "b"}),
    )


def test_a_denial_stands_alone() -> None:
    """A denial at release names what denied, not what had let the call in."""
    one = judged(verdict(policies=("in",)))
    one.settle(verdict(kind="deny", policies=("no",)), "release")
    assert one.verdict is not None
    assert one.verdict.policies == ("no",)


def test_facts_follow_the_permits() -> None:
    """Nothing, digests alone, or features without the redacted ones: as the permits say."""
    for capture, values in (("digest", {}), ("features", {"b": 2})):
        one = judged(verdict(capture=capture, redact=frozenset({"a"})))
        one.inputs = Typed({}, {"a": 1, "b": 2}, None)
        kept = judgement.facts(one, judgement.digests(one), reason="x")
        assert kept is not None
        assert kept.values == values
        assert kept.extra == {"request_sha256": sha256(b"body"), "reason": "x"}
    assert judgement.facts(judged(verdict(capture="none")), {}) is None


@pytest.mark.parametrize(
    ("under_way", "worked", "wait"),
    [(16, 0.9, (0.008, 16)), (16, 0.1, (0.0, 16)), (1, 0.9, (0.0, 1))],
    ids=["busy with many", "waiting for the upstream", "one caller"],
)
def test_only_a_busy_gateway_lets_records_wait(
    under_way: int, worked: float, wait: tuple[float, int]
) -> None:
    """A record waits for others where they are many and the process is what they wait for."""
    asked: list[tuple[float, int]] = []

    class Log:
        """A ledger that keeps how long an entry may wait."""

        async def append(self, *_: Any, payload: None, linger: float, company: int) -> Position:
            asked.append((linger, company))
            return Position("r0-0", 1, 1, b"", b"")

    one = Judgement(_call(), Telemetry(Tracing()), Engine(bundle()))
    one.started -= 100.0
    one.spent -= 100.0 * worked
    recorder = Recorder(cast("Ledger", Log()), lambda: 0, lambda: under_way)
    asyncio.run(recorder.end(one, "answered", "OK"))
    assert asked == [wait]
