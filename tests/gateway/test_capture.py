# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What policy lets be kept of a call, and by which name of the person it is about."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.scene import Scene, bundle, scene, score, until
from governed import BREACH, FORBIDDEN, HOLDS, LARGE, POLICIES, SMALL, SURE, bundle_files, infer_response
from ombud_gateway.call import Call
from ombud_gateway.errors import Conflict, Invalid, NotFound, UpstreamFailed
from ombud_gateway.judgement import Judgement, payload
from ombud_gateway.telemetry import Telemetry, Tracing
from ombud_ledger import LedgerError, RecordInvalid, Vault, VaultUnusable, verify
from ombud_policies import Bundle, Engine, Uid, Verdict

VALUES = {"amount": "100.0", "score": "0.75"}


@cache
def capturing(*annotations: str) -> Bundle:
    """The bundle whose permit to ask has other annotations than `@capture("features")`."""
    return Bundle.from_files(bundle_files(POLICIES.replace('@capture("features")', " ".join(annotations))))


def digests(call: Call) -> dict[str, str]:
    """What facts hold of the bytes of a call that was answered surely."""
    return {
        "request_sha256": hashlib.sha256(call.body).hexdigest(),
        "response_sha256": hashlib.sha256(infer_response(SURE).SerializeToString()).hexdigest(),
    }


def pseudonym_of(one: Scene, subject: str = "p-1") -> str:
    """The pseudonym that the vault has for a person."""
    assert one.vault is not None
    found = one.vault.find(subject)
    assert found is not None
    return found


@pytest.mark.parametrize("capture", ["none", "digest", "features", "full"])
def test_policy_says_what_is_kept(tmp_path: Path, capture: str) -> None:
    """Nothing; digests; typed values too; and with `full` the record commits to an encrypted payload."""

    async def run() -> None:
        async with scene(tmp_path, vault=True, policies=capturing(f'@capture("{capture}")')) as one:
            call = one.call(SMALL)
            await one.pipeline.judge(call)
            (record,) = one.records()
            assert ("payload_commit" in record) is (capture == "full")
            if capture == "none":
                assert one.facts() == []
                assert one.vault is not None
                assert one.vault.find("p-1") is None, "nothing is kept of the person, not even a pseudonym"
                return
            who = pseudonym_of(one)
            values = {} if capture == "digest" else {**VALUES, "applicant": who}
            assert one.facts() == [{"values": values, "subject": who, **digests(call)}]

    asyncio.run(run())


def test_bytes_cannot_be_redacted(tmp_path: Path) -> None:
    """Where anything is redacted, `full` keeps no more than features."""

    async def run() -> None:
        policies = capturing('@capture("full")', '@redact("amount,applicant")')
        async with scene(tmp_path, vault=True, policies=policies) as one:
            call = one.call(SMALL)
            await one.pipeline.judge(call)
            assert "payload_commit" not in one.records()[0]
            who = pseudonym_of(one)
            assert one.facts() == [{"values": {"score": "0.75"}, "subject": who, **digests(call)}]

    asyncio.run(run())


def test_intent_and_outcome_share_a_payload() -> None:
    """A call of two entries has its request with the first and its answer with the second."""
    call = Call(
        id="c-1",
        received=0,
        door="test",
        method="ModelInfer",
        action="infer",
        resource=Uid("Model", "scorer"),
        upstream="models",
        body=b"asked",
        credentials=None,  # type: ignore[arg-type]
        canonical=lambda: b"",
    )
    judged = Judgement(call, Telemetry(Tracing()), Engine(bundle()), subject="a" * 32)

    def held(**how: bool) -> Any:
        found = payload(judged, **how)
        return found and (found.subject, found.request, found.response)

    assert held() is None, "nothing has said yet that it may be kept"
    judged.verdict = Verdict("allow", (), (), "full", frozenset(), (), "", "")
    assert held(answered=False) == ("a" * 32, b"asked", None)
    assert held(asked=False) is None
    judged.response = b"said"
    assert held(answered=False) == ("a" * 32, b"asked", None)
    assert held(asked=False) == ("a" * 32, b"", b"said")
    assert held() == ("a" * 32, b"asked", b"said")


def test_without_a_vault_facts_leave_the_person_out(tmp_path: Path) -> None:
    """A pseudonym is not possible, and the identifier is never kept."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            call = one.call(SMALL)
            await one.pipeline.judge(call)
            assert one.facts() == [{"values": VALUES, **digests(call)}]

    asyncio.run(run())


def test_a_person_keeps_one_pseudonym_and_nobody_has_none(tmp_path: Path) -> None:
    """Calls about the same person share it, others have their own, a call about nobody has none."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            for applicant in ("p-1", "p-2", "p-1", ""):
                await one.pipeline.judge(one.call(SMALL, applicant=applicant))
            first, second = pseudonym_of(one), pseudonym_of(one, "p-2")
            assert first != second
            assert [facts.get("subject") for facts in one.facts()] == [first, second, first, None]

    asyncio.run(run())


@pytest.mark.parametrize("amount", [FORBIDDEN, BREACH])
def test_what_is_refused_is_about_the_person_too(tmp_path: Path, amount: float) -> None:
    """A denial and a breach elsewhere in the request carry the pseudonym, so that erasure reaches them."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            await one.refused(one.call(amount))
            (facts,) = one.facts()
            assert facts["subject"] == pseudonym_of(one)
            assert facts.get("offending") == ({"amount": "-1.0"} if amount == BREACH else None)

    asyncio.run(run())


def test_an_identifier_out_of_place_is_not_kept(tmp_path: Path) -> None:
    """A breach of the very field that identifies a person leaves its value out; the caller is told of it."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            refusal = await one.refused(one.call(SMALL, applicant="p" * 2_000))
            assert "2000 bytes long, must be at most 1024 bytes" in refusal.message
            (facts,) = one.facts()
            assert sorted(facts) == ["request_sha256", "values"]

    asyncio.run(run())


@pytest.mark.parametrize("amount", [LARGE, HOLDS])
def test_a_review_is_about_the_person(tmp_path: Path, amount: float) -> None:
    """The reviewer sees whom the call is about; what the reviewer writes is kept under the pseudonym."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            review = await one.held(one.call(amount))
            who = pseudonym_of(one)
            parked = await one.reviews.get(review)
            assert (parked.subject, '"applicant": "p-1"' in parked.facts) == (who, True)
            await one.reviews.settle(review, "rejected", "officers", 'User::"olga"', "Anna P. has no income")
            said = [facts for facts in one.facts() if "reason" in facts]
            assert said == [{"values": {}, "reason": "Anna P. has no income", "subject": who}]

    asyncio.run(run())


def test_who_is_erased_meanwhile_goes_on_as_somebody_new(tmp_path: Path) -> None:
    """A call under way when its person is erased is answered, and kept under another pseudonym."""

    async def run() -> None:
        async with scene(tmp_path, vault=True, policies=capturing('@capture("full")')) as one:
            await one.pipeline.judge(one.call(SMALL))
            before = pseudonym_of(one)

            async def erase_then_answer(call: Call) -> bytes:
                erased = await one.people.erase("p-1")
                assert (erased.ledger.complete, erased.ledger.rows, erased.reviews) == (True, 1, 0)
                return await score(call)

            one.models.answer = erase_then_answer
            call = one.call(SMALL)
            await one.pipeline.judge(call)
            after = pseudonym_of(one)
            assert after != before
            assert one.facts() == [
                {"values": {**VALUES, "applicant": after}, "subject": after, **digests(call)}
            ]
        assert verify(tmp_path / "ledger").exit_code == 0

    asyncio.run(run())


def test_an_approval_of_an_erased_review_keeps_nothing(tmp_path: Path) -> None:
    """What a human was about to say of a person who is gone is recorded without a word kept."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            review = await one.held(one.call(LARGE))
            who = pseudonym_of(one)
            erased = await one.people.erase("p-1")
            assert erased.reviews == 1
            assert one.records("review")[-1]["event"] == "erased"
            late = replace(one.call(SMALL, applicant=""), action="approve", tensors=None, subject=who)
            await one.refused(late)
            assert one.facts() == []
            with pytest.raises(Conflict, match="the review is erased, not open"):
                await one.approve(review)

    asyncio.run(run())


def test_a_hold_keeps_reviews_too(tmp_path: Path) -> None:
    """Nothing is touched of a person under a legal hold; who is not known cannot be erased."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            review = await one.held(one.call(LARGE))
            hold = await one.people.hold("p-1", "a case")
            with pytest.raises(Conflict, match="a legal hold stands; release it first"):
                await one.people.erase("p-1")
            assert (await one.reviews.get(review)).state == "open"
            assert [(held.id, held.subject) for held in await one.people.holds()] == [(hold, "p-1")]
            await one.people.release(hold)
            with pytest.raises(NotFound, match="nothing is kept under this identifier"):
                await one.people.release(hold)
            await one.people.erase("p-1")
            assert (await one.reviews.get(review)).state == "erased"
            for ask in (one.people.erase, one.people.export):
                with pytest.raises(NotFound, match="nothing is kept under this identifier"):
                    await ask("p-1")
            for wrong in ("", "x" * 2_000):
                with pytest.raises(Invalid, match="subject: "):
                    await one.people.export(wrong)
            with pytest.raises(Invalid, match="reason is empty"):
                await one.people.hold("p-1", " ")

    asyncio.run(run())


def test_without_a_vault_nobody_is_known_apart(tmp_path: Path) -> None:
    """Every question about a person is refused, and says why."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            for asked in (one.people.export("p-1"), one.people.erase("p-1"), one.people.hold("p-1", "x")):
                with pytest.raises(Conflict, match="this gateway has no vault"):
                    await asked

    asyncio.run(run())


def test_a_person_is_named_while_the_upstream_works(tmp_path: Path) -> None:
    """Somebody new is durable in the vault before the answer is here; then only the record is waited for."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:

            async def once_named(call: Call) -> bytes:
                await until(lambda: one.vault is not None and one.vault.find("p-1") is not None)
                return await score(call)

            one.models.answer = once_named
            await one.pipeline.judge(one.call(SMALL))
            assert one.facts()[0]["subject"] == pseudonym_of(one)

    asyncio.run(run())


def test_nobody_is_named_for_nothing(tmp_path: Path) -> None:
    """Where the release may say that nothing is kept, there is no pseudonym before it has spoken."""
    annotated = POLICIES.replace(
        'action in [Action::"infer", Action::"release"],\n  resource == Model::"scorer"\n);',
        'action == Action::"infer",\n  resource == Model::"scorer"\n);\n\n'
        '@id("answers-leave")\n@capture("none")\n'
        'permit (principal in Group::"agents", action == Action::"release", resource == Model::"scorer");',
    )
    assert annotated != POLICIES

    async def run() -> None:
        policies = Bundle.from_files(bundle_files(annotated))
        async with scene(tmp_path, vault=True, policies=policies) as one:
            await one.pipeline.judge(one.call(SMALL))
            assert one.vault is not None
            assert one.vault.account().subjects == 0
            assert one.facts() == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("what", "error", "reason"),
    [
        ("seal_payload", VaultUnusable("the key store is gone"), "VAULT_UNAVAILABLE"),
        ("seal_payload", RecordInvalid("payload: too large"), "UNKEEPABLE"),
        ("pseudonyms", VaultUnusable("the key store is gone"), "VAULT_UNAVAILABLE"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, error: LedgerError, reason: str
) -> None:
    """The answer stays here, and of the call there is one record, without what could not be kept."""

    def fail(*_: object) -> None:
        raise error

    async def run() -> None:
        async with scene(tmp_path, vault=True, policies=capturing('@capture("full")')) as one:
            monkeypatch.setattr(Vault, what, fail)
            refusal = await one.refused(one.call(SMALL))
            (record,) = one.records()
            assert (refusal.reason, record["reason"], record["outcome"]) == (reason, reason, "withheld")
            assert "payload_commit" not in record
            assert one.facts() == []

    asyncio.run(run())


def test_an_upstream_that_fails_is_recorded_without_the_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer leaves, so what cannot be kept of the call does not hide what became of it."""

    def fail(*_: object) -> None:
        raise VaultUnusable("the key store is gone")

    async def break_down(_call: Call) -> bytes:
        raise UpstreamFailed(14, "the model server cannot be reached", ())

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            one.models.answer = break_down
            monkeypatch.setattr(Vault, "pseudonyms", fail)
            with pytest.raises(UpstreamFailed):
                await one.pipeline.judge(one.call(SMALL))
            assert [record["outcome"] for record in one.records()] == ["failed"]

    asyncio.run(run())


def test_a_review_of_somebody_erased_meanwhile_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Erased between naming and parking: the review would be one that no erasure finds."""

    async def run() -> None:
        async with scene(tmp_path, vault=True) as one:
            await one.pipeline.judge(one.call(SMALL))
            who, park = pseudonym_of(one), one.reviews.park

            async def erase_first(*given: Any) -> Any:
                await one.people.erase("p-1")
                return await park(*given)

            monkeypatch.setattr(one.reviews, "park", erase_first)
            refusal = await one.refused(one.call(LARGE))
            assert refusal.reason == "REVIEW_ERASED"
            assert [review.state for review in await one.reviews.of_subject(who)] in ([], ["erased"])

    asyncio.run(run())
