# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The way of a call: identify, contract, decide, forward, decide release, record, reply.

The pipeline holds no rule of its own. Cedar allows and denies; the contract types; the review desk parks; the
ledger remembers. A reply leaves only after its record is durable, and a refusal after identification is
recorded like an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol

from ombud_gateway import questions
from ombud_gateway.admission import Admission
from ombud_gateway.call import DURABLE, Answer, Call, Passage, Reply, Upstream, Withheld
from ombud_gateway.contract import Breach
from ombud_gateway.errors import (
    GRPC_CODES,
    BadAnswer,
    Conflict,
    Denied,
    Internal,
    Invalid,
    NeedsReview,
    Overloaded,
    Refusal,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
    code_of,
)
from ombud_gateway.identity import Credentials, Principal
from ombud_gateway.judgement import Judgement
from ombud_gateway.parking import digest_of, park, waiting
from ombud_gateway.recorder import Recorder
from ombud_gateway.replies import Replies
from ombud_gateway.reviews import Claimed, Reviews
from ombud_gateway.telemetry import Telemetry
from ombud_ledger import LedgerUnavailable
from ombud_policies import Engine, Verdict

_LOG = logging.getLogger(__name__)
_READS = frozenset({"explain", "infer", "read"})
"""Actions that need no intent before they are forwarded: asking twice does no harm."""
_CASES_AT_ONCE = 64


class Identifies(Protocol):
    """Tells who calls."""

    def principal(self, credentials: Credentials, *, anonymous: bool) -> Principal:
        """Return the principal; raise `Unauthenticated` where nobody is recognised nor welcome."""


class Pipeline:
    """Judges calls. `engine` is read once a call, so that no call is decided by a mix of bundles."""

    def __init__(
        self,
        *,
        identity: Identifies,
        engine: Callable[[], Engine],
        reviews: Reviews,
        recorder: Recorder,
        replies: Replies,
        upstreams: Mapping[str, Upstream],
        admission: Admission,
        telemetry: Telemetry,
    ) -> None:
        self._identity = identity
        self._engine = engine
        self._reviews = reviews
        self._recorder = recorder
        self._replies = replies
        self._upstreams = upstreams
        self._admission = admission
        self._telemetry = telemetry

    async def judge(self, call: Call) -> Reply:
        """Judge one call and answer it; raise `Refusal` or `UpstreamFailed`, already recorded."""
        async with self._case(call) as judged:
            # 1. Identify, contract, decide; an effect or a used approval is durable before it happens.
            claimed = await self._let_in(judged, intend=call.action not in _READS)
            # 2. Forward, unless the answer has been waiting here for a human.
            if claimed is not None and claimed.answer is not None:
                answer = Answer(claimed.answer)
            else:
                # Whom the call is about is looked up meanwhile; not where nothing may be kept in the end, not
                # even a pseudonym.
                if judged.about is not None and questions.release_keeps_some(judged):
                    self._recorder.expect(judged)
                answer = await self._forward(judged)
                # 3. May the answer leave?
                await self._release(judged, answer)
            # 4. Durable first, then the reply. A crash here loses a reply, never a record.
            position = await self._recorder.end(judged, "answered", "OK")
            reply = Reply(call.id, _told(judged, answer), position.log, position.seq)
        # 5. Its caller may want more than durable. Nobody else waits for that: its place is free again.
        return reply if call.reply_when == DURABLE else await self._replies.reached(call, reply)

    def stream(self, call: Call) -> AsyncGenerator[Reply | Withheld, None]:
        """Judge one request of a stream and yield its answers, each recorded before it leaves."""
        recorded = self._stream(call)
        return recorded if call.reply_when == DURABLE else self._replies.in_order(call, recorded)

    async def _stream(self, call: Call) -> AsyncGenerator[Reply | Withheld, None]:
        """Yield the answers to one request of a stream once they are durable.

        How many there will be is not known beforehand: the request has an intent and every answer an outcome,
        the last of them marked final.
        """
        async with self._case(call) as judged:
            claimed = await self._let_in(judged, intend=True)
            if claimed is not None and claimed.answer is not None:
                position = await self._recorder.end(judged, "answered", "OK", final=True)
                yield Reply(call.id, Answer(claimed.answer), position.log, position.seq)
                return
            single = not (
                await self._upstreams[call.upstream].describe(call.model, call.model_version)
            ).decoupled
            ended = False
            async with aclosing(self._answers(judged)) as answers:
                async for answer in answers:
                    judged.part += 1
                    ended = single
                    try:
                        await self._release(judged, answer)
                    except Refusal as refusal:
                        await self._record_refusal(judged, refusal, final=ended)
                        yield Withheld(call.id, refusal)
                        continue
                    failed = call.read_answer(answer.body).error
                    outcome, status = ("failed", "UNKNOWN") if failed else ("answered", "OK")
                    position = await self._recorder.end(judged, outcome, status, final=ended)
                    yield Reply(call.id, answer, position.log, position.seq, single)
            if not ended:
                judged.response = None
                await self._recorder.end(judged, "ended", "OK", final=True)

    @asynccontextmanager
    async def _case(self, call: Call) -> AsyncIterator[Judgement]:
        """Open a call's judgement, and see that whatever ends it is recorded or counted."""
        try:
            async with self._admission:
                judged = Judgement(call, self._telemetry, self._engine(), subject=call.subject)
                state = call.correlation
                with self._telemetry.tracing.call(call.method, state.traceparent, state.tracestate, call.id):
                    try:
                        yield judged
                    except (Unauthenticated, Overloaded):
                        raise
                    except Refusal as refusal:
                        await self._record_refusal(judged, refusal)
                        raise
                    except UpstreamFailed as failure:
                        await self._recorder.end(judged, "failed", GRPC_CODES[failure.code], "UPSTREAM")
                        raise
                    except (asyncio.CancelledError, GeneratorExit):
                        self._recorder.later(
                            self._recorder.end(judged, "cancelled", "CANCELLED", "CANCELLED")
                        )
                        raise
                    except Exception as error:
                        _LOG.exception("call %s failed inside the gateway", call.id)
                        internal = Internal(
                            "INTERNAL", "the gateway failed; its log has the detail under this id"
                        )
                        await self._record_refusal(judged, internal)
                        raise internal from error
        except (Unauthenticated, Overloaded, Unavailable) as refusal:
            # The count of what the ledger did not take is told once it works again.
            if not isinstance(refusal, Unavailable) or refusal.reason == "LEDGER_UNAVAILABLE":
                self._recorder.count(refusal.reason)
            raise

    async def _let_in(self, judged: Judgement, *, intend: bool) -> Claimed | None:
        call = judged.call
        # 1. Who calls?
        with judged.step("identify"):
            welcome = judged.engine.permits_anonymous
            judged.principal = self._identity.principal(call.credentials, anonymous=welcome)
        # 2. Is the request well-formed, within the contract, and can its reply be what is asked for?
        with judged.step("contract"):
            await _read_inputs(judged)
            self._replies.demand(call.reply_when)
        # 3. Policy decides. An approval is locked for this one call before the policies see it, and given
        #    back where they still say no.
        claimed = await self._claim(judged) if call.resume else None
        try:
            with judged.step("decide"):
                await self._decide(judged, claimed)
        except BaseException:
            if claimed is not None:
                await self._reviews.unclaim(claimed, call.id)
            raise
        # 4. Durable before any effect. A crash after this leaves an intent without an outcome; the approval
        #    it names counts as used.
        if claimed is not None:
            await self._use(judged, claimed)
        elif intend:
            await self._recorder.intent(judged)
        return claimed

    async def _claim(self, judged: Judgement) -> Claimed:
        call = judged.call
        claimed = await self._reviews.claim(call.resume, str(judged.principal), digest_of(judged), call.id)
        judged.approval = claimed.review.id
        return claimed

    async def _decide(self, judged: Judgement, claimed: Claimed | None) -> None:
        call, engine = judged.call, judged.engine
        approval = claimed.approval if claimed else None
        if claimed is not None and claimed.answer is not None:
            judged.model_version = claimed.review.model_version
            judged.config_digest = claimed.review.config_digest
            judged.response = claimed.answer
            _read_outputs(judged, Answer(claimed.answer))
            question = questions.about_release(judged, approval)
        else:
            question = questions.about_call(judged, approval)
        verdict = engine.decide(question)
        judged.settle(verdict, question.action)
        if verdict.kind == "review" and claimed is None:
            raise await self._park(judged, None)
        if verdict.kind != "allow":
            raise _refused(verdict)
        if call.shared_memory:
            verdict = engine.decide(questions.about_shared_memory(judged))
            judged.settle(verdict, "administer")
            if verdict.kind != "allow":
                raise _refused(verdict)
        if claimed is None and call.action == "infer":
            await waiting(self._reviews, judged)

    async def _use(self, judged: Judgement, claimed: Claimed) -> None:
        async def intend_and_use() -> None:
            try:
                await self._recorder.intent(judged)
            except Unavailable as refusal:
                if isinstance(refusal.__cause__, LedgerUnavailable):  # stored or not: only recovery can tell
                    self._reviews.leave(judged.call.id)
                else:
                    await self._reviews.unclaim(claimed, judged.call.id)
                raise
            await self._reviews.use(claimed, judged.call.id)

        # A caller that leaves now must not tear intent and use apart.
        task = asyncio.ensure_future(intend_and_use())
        self._recorder.follow(task)
        await asyncio.shield(task)

    async def _forward(self, judged: Judgement) -> Answer:
        call = judged.call
        with judged.step("forward"):
            answer = await self._upstreams[call.upstream].forward(call, self._passage(judged))
        judged.response, judged.requests = answer.body, answer.requests
        return answer

    async def _answers(self, judged: Judgement) -> AsyncGenerator[Answer, None]:
        call = judged.call
        async with aclosing(self._upstreams[call.upstream].stream(call, self._passage(judged))) as answers:
            while True:
                with judged.step("forward"):
                    answer = await anext(answers, None)
                if answer is None:
                    return
                judged.response = answer.body
                yield answer

    async def _release(self, judged: Judgement, answer: Answer) -> None:
        if judged.call.action not in ("infer", "explain"):
            return
        with judged.step("release"):
            _read_outputs(judged, answer)
            described = await self._upstreams[judged.call.upstream].describe(
                judged.call.model, judged.model_version
            )
            judged.config_digest = described.config_digest
            if judged.call.action == "explain":  # of no case is anything decided; `explain` was asked before
                return
            verdict = judged.engine.decide(questions.about_release(judged, None))
            judged.settle(verdict, "release")
            if verdict.kind == "review":
                raise await self._park(judged, answer.body)
            if verdict.kind != "allow":
                raise _refused(verdict)

    async def _park(self, judged: Judgement, answer: bytes | None) -> Refusal:
        await self._recorder.name(judged)  # whoever is erased takes along what waits
        subject = judged.subject
        refusal = await park(self._reviews, judged, answer)
        if judged.about is not None and subject:
            # Erased in between: no erasure would find the review any more.
            await self._recorder.name(judged, afresh=True)
            if judged.subject != subject:
                await self._reviews.erase(subject)
                return Conflict("REVIEW_ERASED", "what the review was about has been erased")
        return refusal

    def _passage(self, judged: Judgement) -> Passage:
        call, state = judged.call, judged.call.correlation
        if judged.principal is None:
            raise AssertionError("nothing is forwarded before its caller is known")
        traced = self._telemetry.tracing.outgoing(state.traceparent, state.tracestate)
        return Passage(judged.principal, (*call.metadata, *traced, ("ombud-decision-id", call.id)))

    async def _record_refusal(self, judged: Judgement, refusal: Refusal, **more: Any) -> None:
        if refusal.reason == "LEDGER_UNAVAILABLE":  # there is nowhere to write it
            return
        if judged.stage == "release" or judged.response is not None:
            outcome = "held" if isinstance(refusal, NeedsReview) else "withheld"
        else:
            outcome = "refused"
        if isinstance(refusal, Invalid | BadAnswer) and refusal.breach:
            more["breach"] = dict(refusal.breach)
        if isinstance(refusal, Breach) and not _breaches_subject(judged, refusal):
            # What is breached may be a metadata entry, whose name is no key of a record.
            more["offending"] = {refusal.field.replace("-", "_"): refusal.value}
        if isinstance(refusal, NeedsReview):
            judged.review = refusal.ticket.id
        await self._recorder.end(judged, outcome, code_of(refusal), refusal.reason, **more)


async def _read_inputs(judged: Judgement) -> None:
    call = judged.call
    if call.problem is not None:
        raise call.problem
    if call.cases:
        await _check_cases(call)
        return
    if call.system is None or call.tensors is None:
        return
    contract = call.system.contract
    try:
        judged.inputs = contract.inputs(call.tensors)
    except Breach:
        judged.about = contract.subject_of(call.tensors)  # so that erasure reaches what is kept of the breach
        raise
    judged.about = judged.inputs.subject
    missing = contract.required_outputs - call.requested_outputs if call.requested_outputs else ()
    for name in missing:
        raise Breach("outputs", ", ".join(sorted(call.requested_outputs)), f"a list that includes {name!r}")
    if call.shared_memory and not call.declared_digest:
        raise Breach("ombud-declared-digest", "missing", "the SHA-256 of what is passed by shared memory")


async def _check_cases(call: Call) -> None:
    """Hold every case of an explanation to the contract; other calls get their turn in between."""
    if call.system is None:
        raise Invalid("EXPLANATION", f"model {call.model!r} belongs to no system, so nothing types its cases")
    if call.shared_memory:
        raise Invalid("EXPLANATION", "cases of an explanation cannot be in shared memory")
    for number, case in enumerate(call.cases):
        call.system.contract.inputs(case)
        if number % _CASES_AT_ONCE == _CASES_AT_ONCE - 1:
            await asyncio.sleep(0)


def _told(judged: Judgement, answer: Answer) -> Answer:
    """Tell who explains what answered, as it is recorded: it must be what the decision came from."""
    call = judged.call
    if not call.cases:
        return answer
    artifact = (call.entry.artifact_digest if call.entry else None) or "not supplied"
    told = (
        ("ombud-model-version", judged.model_version),
        ("ombud-config-digest", judged.config_digest),
        ("ombud-artifact-digest", artifact),
    )
    return Answer(answer.body, answer.initial, (*answer.trailing, *told))


def _breaches_subject(judged: Judgement, breach: Breach) -> bool:
    """Whether the offending value should have identified a person: facts keep nothing like it."""
    system = judged.call.system
    return system is not None and breach.field == system.contract.subject


def _read_outputs(judged: Judgement, answer: Answer) -> None:
    call = judged.call
    try:
        view = call.read_answer(answer.body)
        judged.model_version = view.model_version or judged.model_version
        if call.system is not None and not call.cases and not view.error and not view.empty:
            judged.outputs = call.system.contract.outputs(view.tensors)
    except Invalid as error:
        raise BadAnswer(breach=error.breach) from error


def _refused(verdict: Verdict) -> Refusal:
    if verdict.kind == "review":
        return Conflict(
            "REVIEW_INSUFFICIENT",
            f"the approval does not cover what policies ask now: {', '.join(verdict.groups)}",
        )
    if verdict.errors:
        return Denied("DENIED", "denied: a policy could not be evaluated")
    if not verdict.policies:
        return Denied("DENIED", "denied: no policy permits this call")
    return Denied("DENIED", f"denied by policy {', '.join(verdict.policies)}")
