# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What policy is asked about a call. Facts go into `context`; what stands for people stays out of it."""

from __future__ import annotations

from collections.abc import Mapping

from ombud_gateway.judgement import Judgement
from ombud_policies import Question, Uid, Value


def about_call(judged: Judgement, approval: Mapping[str, Value] | None) -> Question:
    """Ask whether the call may go on."""
    return _question(judged, judged.call.action, judged.call.model_version, approval)


def about_release(judged: Judgement, approval: Mapping[str, Value] | None) -> Question:
    """Ask, once the upstream has answered, whether the answer may leave."""
    question = _question(judged, "release", judged.model_version, approval)
    outputs: dict[str, Value] = dict(judged.outputs.context) if judged.outputs else {}
    return Question(
        question.principal, question.action, question.resource, {**question.context, "output": outputs}
    )


def release_keeps_some(judged: Judgement) -> bool:
    """Say whether something of the call is kept beside its record, whatever policy says of the release."""
    return judged.engine.least_capture(_principal(judged), "release", judged.call.resource) != "none"


def about_shared_memory(judged: Judgement) -> Question:
    """Ask whether tensors may bypass the gateway; the caller has declared their digest."""
    context: dict[str, Value] = {
        "system": _system(judged),
        "method": "SharedMemory",
        "declared_digest": judged.call.declared_digest,
    }
    return Question(_principal(judged), "administer", judged.call.resource, context)


def _question(judged: Judgement, action: str, version: str, approval: Mapping[str, Value] | None) -> Question:
    call = judged.call
    context: dict[str, Value] = {"system": _system(judged), "method": call.method, **call.context}
    if action in {"infer", "release"}:
        context["model_version"] = version
        context["shared_memory"] = call.shared_memory
        context["attempt"] = call.correlation.attempt
        context["input"] = dict(judged.inputs.context) if judged.inputs else {}
    elif call.declared_digest:
        context["declared_digest"] = call.declared_digest
    if approval is not None:
        context["approval"] = dict(approval)
    return Question(_principal(judged), action, call.resource, context)


def _system(judged: Judgement) -> str:
    return judged.call.system.name if judged.call.system else ""


def _principal(judged: Judgement) -> Uid:
    if judged.principal is None:  # the pipeline identifies before it asks
        raise AssertionError("a question needs a principal")
    return Uid(judged.principal.type, judged.principal.id)
