# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the pipeline knows of one call while it is under way, and how that becomes a record and its facts."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ombud_gateway.call import DURABLE, Call
from ombud_gateway.contract import Typed
from ombud_gateway.identity import Principal
from ombud_gateway.telemetry import Telemetry
from ombud_ledger import Facts, Payload
from ombud_policies import Engine, Verdict

MOST_POLICIES = 32
"""Determining policies named in a record; their number is always given."""
_TYPED = frozenset({"features", "full"})


@dataclass(slots=True)
class Judgement:
    """One call under judgement. Each step writes what it found; nothing is taken back.

    `about` is how the caller names the person that the call is about; `subject` is that person's pseudonym,
    the only one of the two that facts hold.
    """

    call: Call
    telemetry: Telemetry
    engine: Engine
    principal: Principal | None = None
    inputs: Typed | None = None
    outputs: Typed | None = None
    about: str | None = None
    subject: str = ""
    verdict: Verdict | None = None
    admitted: Verdict | None = None
    stage: str = ""
    review: str = ""
    approval: str = ""
    model_version: str = ""
    config_digest: str = ""
    response: bytes | None = None
    requests: int = 1
    """How many requests the upstream's answer took."""
    intended: bool = False
    unkeepable: bool = False
    """Facts or payload could not be stored: what is left is the record."""
    charged: bool = False
    part: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    spent: float = field(default_factory=time.process_time)

    def step(self, name: str) -> Step:
        """Time one step, with a span where tracing is on."""
        return Step(self, name)

    def settle(self, verdict: Verdict, stage: str) -> None:
        """Keep what policy said at a stage; what let the call in stays named when its answer is let out."""
        if verdict.kind == "allow":
            verdict = verdict.joined(self.admitted) if self.admitted else verdict
            self.admitted = self.admitted if stage == "release" else verdict
        self.verdict, self.stage = verdict, stage

    def seconds(self) -> float:
        """Seconds since the call was received."""
        return time.perf_counter() - self.started

    def busy(self) -> bool:
        """Say whether the process worked for half of that time: it, not the upstream, is waited for."""
        return 2 * (time.process_time() - self.spent) >= self.seconds()


class Step:
    """Context manager behind `Judgement.step`; a step entered twice adds up."""

    __slots__ = ("_judged", "_name", "_span", "_start")

    def __init__(self, judged: Judgement, name: str) -> None:
        self._judged = judged
        self._name = name

    def __enter__(self) -> None:
        self._span = self._judged.telemetry.tracing.step(self._name)
        self._start = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        spent = time.perf_counter() - self._start
        steps = self._judged.steps
        steps[self._name] = steps.get(self._name, 0) + int(spent * 1e6)
        if self._span is not None:
            self._span.end()


def decision(
    judged: Judgement, *, outcome: str, status: str, reason: str = "", **more: Any
) -> dict[str, Any]:
    """Body of a `decision`: who, what, verdict and outcome in one entry."""
    return {**_who_and_what(judged), **_verdict(judged), **_end(judged, outcome, status, reason), **more}


def intent(judged: Judgement) -> dict[str, Any]:
    """Body of an `intent`: durable before anything is forwarded."""
    body = {**_who_and_what(judged), **_verdict(judged), "steps": dict(judged.steps)}
    _put(body, "model_version", judged.model_version)
    return body


def outcome(judged: Judgement, *, outcome: str, status: str, reason: str = "", **more: Any) -> dict[str, Any]:
    """Body of an `outcome`: what became of an intent; a stream has one per answer."""
    call = judged.call
    body: dict[str, Any] = {"id": call.id, "action": call.action, "method": call.method}
    _put(body, "system", call.system.name if call.system else "")
    _put(body, "model", call.model)
    return {**body, **_verdict(judged), **_end(judged, outcome, status, reason), **more}


def keeps_nothing(judged: Judgement) -> bool:
    """Whether nothing of the call is kept beside its record.

    Cases of an explanation are mixed from several people's: nobody's erasure would find them.
    """
    if judged.call.names or judged.call.cases or judged.unkeepable:
        return True
    return judged.verdict is not None and judged.verdict.capture == "none"


def digests(judged: Judgement, *, answered: bool = True) -> dict[str, str]:
    """Digests of what a call carried, as facts hold them; takes as long as there are bytes."""
    found = {"request_sha256": hashlib.sha256(judged.call.body).hexdigest()}
    if answered and judged.response is not None:
        found["response_sha256"] = hashlib.sha256(judged.response).hexdigest()
    return found


def facts(
    judged: Judgement, hashed: Mapping[str, str], *, answered: bool = True, **extra: Any
) -> Facts | None:
    """Erasable facts of a call, its `digests` in `hashed`, as far as the permits let them be kept.

    Those of an intent leave out the answer, which is its outcome's.
    """
    if keeps_nothing(judged):
        return None
    capture = judged.verdict.capture if judged.verdict else "features"
    held: dict[str, Any] = {**hashed, **extra}
    values: dict[str, str | int | bool] = {}
    if capture in _TYPED:
        redact = judged.verdict.redact if judged.verdict else frozenset()
        if judged.subject and judged.inputs is not None and judged.call.system is not None:
            field = judged.call.system.contract.subject
            if field is not None and field not in redact:
                values[field] = judged.subject
        for typed in (judged.inputs, judged.outputs if answered else None):
            if typed is None:
                continue
            values.update({name: value for name, value in typed.facts.items() if name not in redact})
    contract = judged.call.system.contract.digest if judged.call.system and values else None
    return Facts(contract=contract, values=values, extra=held, subject=judged.subject or None)


def payload(judged: Judgement, *, asked: bool = True, answered: bool = True) -> Payload | None:
    """What a call carried, where every determining permit says `full`; the ledger encrypts it.

    Bytes cannot be redacted, so there is none where anything is. An intent has the request and its outcomes
    have the answers, so each leaves out the other: then the request is empty.
    """
    verdict, call = judged.verdict, judged.call
    if verdict is None or verdict.capture != "full" or verdict.redact or keeps_nothing(judged):
        return None
    response = judged.response if answered else None
    if not asked and response is None:
        return None
    return Payload(judged.subject or None, call.body if asked else b"", response)


def _who_and_what(judged: Judgement) -> dict[str, Any]:
    call, correlation = judged.call, judged.call.correlation
    body: dict[str, Any] = {
        "id": call.id,
        "door": call.door,
        "action": call.action,
        "method": call.method,
        "resource": str(call.resource),
        "attempt": correlation.attempt,
        "request_bytes": len(call.body),
    }
    if judged.principal is not None:
        body["principal"] = str(judged.principal)
        body["principal_type"] = judged.principal.type
    _put(body, "system", call.system.name if call.system else "")
    _put(body, "model", call.model)
    _put(body, "correlation_id", correlation.correlation_id)
    _put(body, "run_id", correlation.run_id)
    _put(body, "trace_id", judged.telemetry.tracing.trace_id(correlation.traceparent))
    _put(body, "declared_digest", call.declared_digest)
    if call.cases:
        body["cases"] = len(call.cases)
        _put(body, "decision", call.explained)
    if judged.call.system is not None and call.action in ("infer", "explain"):
        body["contract"] = judged.call.system.contract.digest
    if call.entry is not None:
        body["artifact_digest"] = call.entry.artifact_digest or "not supplied"
    return body


def _verdict(judged: Judgement) -> dict[str, Any]:
    body: dict[str, Any] = {}
    verdict = judged.verdict
    if verdict is not None:
        body["verdict"] = verdict.kind
        body["stage"] = judged.stage
        body["policies"] = list(verdict.policies[:MOST_POLICIES])
        body["policies_total"] = len(verdict.policies)
        body["bundle"] = verdict.bundle
        body["entities"] = verdict.entities
        if verdict.errors:
            body["policy_errors"] = len(verdict.errors)
    _put(body, "review", judged.review)
    _put(body, "approval", judged.approval)
    return body


def _end(judged: Judgement, outcome: str, status: str, reason: str) -> dict[str, Any]:
    total, forwarded = int(judged.seconds() * 1e6), judged.steps.get("forward", 0)
    body: dict[str, Any] = {
        "outcome": outcome,
        "status": status,
        "steps": dict(judged.steps),
        "added_us": max(total - forwarded, 0),
    }
    _put(body, "reason", reason)
    if judged.call.reply_when != DURABLE:  # so the record is not all that its reply waited for
        body["reply_when"] = judged.call.reply_when
    _put(body, "model_version", judged.model_version)
    _put(body, "config_digest", judged.config_digest)
    if judged.response is not None:
        body["response_bytes"] = len(judged.response)
        if judged.call.cases:
            body["requests"] = judged.requests
    if judged.part:
        body["part"] = judged.part
    call = judged.call
    costs = call.action in ("infer", "explain") and forwarded and not judged.charged
    if costs and call.entry is not None and call.entry.cost_micros is not None:
        judged.charged = True  # a stream's later answers are of the same request
        body["cost_micros"] = call.entry.cost_micros * max(len(call.cases), 1)
        _put(body, "currency", call.entry.currency or "")
    return body


def _put(body: dict[str, Any], key: str, value: str) -> None:
    if value:
        body[key] = value
