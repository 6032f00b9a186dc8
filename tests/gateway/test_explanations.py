# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Many cases in one call: cut, typed, judged once, recorded once, put to the model one by one or in
batches."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as wire

from gateway.scene import CONFIG_DIGEST, Scene, scene
from governed import AGENT, MODEL, OFFICER, infer_response, score_of
from ombud_gateway.call import Call
from ombud_gateway.contract import Breach, Tensor, TensorInvalid
from ombud_gateway.doors.stack import MOST_CASES, Stacks, explains
from ombud_gateway.doors.tensors import request_tensors
from ombud_gateway.errors import Denied, Invalid, UpstreamFailed
from ombud_gateway.upstreams.cases import joined, requests


def played(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Run a test on an event loop of its own."""

    @wraps(test)
    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    return run


def stacked(*amounts: float) -> Any:
    """A request about several applications."""
    request = wire.ModelInferRequest(model_name=MODEL, id="client-made")
    request.inputs.add(name="amount", datatype="FP64", shape=[len(amounts), 1])
    request.raw_input_contents.append(struct.pack(f"<{len(amounts)}d", *amounts))
    return request


async def answer(call: Call) -> bytes:
    """Answer every case as a model server would."""
    bodies = []
    for body in requests(call.body, call.cases, 0):
        (amount,) = struct.unpack("<d", wire.ModelInferRequest.FromString(body).raw_input_contents[0])
        bodies.append(infer_response(score_of(amount)).SerializeToString())
    return joined(bodies, batched=False)


def explanation(one: Scene, *amounts: float, caller: str = OFFICER) -> Call:
    """An explanation as its door makes it."""
    request = stacked(*amounts)
    cases = Stacks().cases(request_tensors(request))
    return replace(
        one.call(1.0, caller=caller),
        action="explain",
        body=request.SerializeToString(),
        tensors=None,
        cases=cases,
        explained="call-0",
        context={"cases": len(cases), "decision": "call-0", "model_version": ""},
    )


@played
async def test_cases_are_judged_once_and_recorded_once(tmp_path: Path) -> None:
    """One question, one record with cases, requests and cost; no facts, no question of release."""
    async with scene(tmp_path) as one:
        one.models.answer, one.models.requests = answer, 2
        reply = await one.pipeline.judge(explanation(one, 5.0, 50.0, 500.0))
        asked = [question.action for question in one.engine.asked]
        (record,) = one.records()
        facts = one.facts()

    response = wire.ModelInferResponse.FromString(reply.answer.body)
    assert list(response.outputs[0].shape) == [3, 1]
    assert struct.unpack("<3d", response.raw_output_contents[0]) == (0.25, 0.75, 0.75)
    assert asked == ["explain"]
    assert {
        key: record[key]
        for key in ("kind", "action", "cases", "requests", "decision", "cost_micros", "policies")
    } == {
        "kind": "decision",
        "action": "explain",
        "cases": 3,
        "requests": 2,
        "decision": "call-0",
        "cost_micros": 120,
        "policies": ["officers-explain"],
    }
    assert facts == []
    assert reply.answer.trailing[-3:] == (
        ("ombud-model-version", "1"),
        ("ombud-config-digest", CONFIG_DIGEST),
        ("ombud-artifact-digest", "not supplied"),
    )


@played
async def test_who_may_infer_may_not_explain(tmp_path: Path) -> None:
    """No answer gets past release by being called an explanation: it takes a policy of its own."""
    async with scene(tmp_path) as one:
        refusal = await one.refused(explanation(one, 5.0, caller=AGENT))
        forwarded = list(one.models.seen)
        (record,) = one.records()

    assert isinstance(refusal, Denied)
    assert forwarded == []
    assert (record["verdict"], record["cases"]) == ("deny", 1)


@played
async def test_policy_sees_how_many_cases(tmp_path: Path) -> None:
    """A policy can bound them."""
    async with scene(tmp_path) as one:
        refusal = await one.refused(explanation(one, *([5.0] * 101)))

    assert isinstance(refusal, Denied)


@played
async def test_one_case_outside_the_contract_refuses_all(tmp_path: Path) -> None:
    """Every case is typed as if it had come alone; what breaches it is named, and nothing is forwarded."""
    async with scene(tmp_path) as one:
        refusal = await one.refused(explanation(one, 5.0, -1.0, 6.0))
        forwarded = list(one.models.seen)
        (record,) = one.records()

    assert isinstance(refusal, Breach)
    assert record["breach"]["field"] == "amount"
    assert forwarded == []


@played
async def test_other_calls_get_their_turn_between_cases(tmp_path: Path) -> None:
    """Typing many cases does not hold the loop up from the first to the last."""
    async with scene(tmp_path) as one:
        one.models.answer = answer
        turns = 0

        async def count() -> None:
            nonlocal turns
            while one.records() == []:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        await one.pipeline.judge(explanation(one, *([5.0] * 100)))
        counting.cancel()

    assert turns > 0


def test_a_stack_is_cut_into_cases() -> None:
    """Each case has its own bytes and the shape without the leading dimension, texts of any length too."""
    numbers = Tensor("n", "FP32", (2, 3), 6, np.arange(6, dtype="<f4").tobytes())
    texts = Tensor("t", "BYTES", (2, 1), 2, b"\x01\0\0\0a\x03\0\0\0xyz")

    alone = Stacks().cases([numbers])
    both = Stacks().cases([numbers, texts])

    assert [tuple(case) for case in alone] == [
        (Tensor("n", "FP32", (3,), 3, np.arange(3, dtype="<f4").tobytes()),),
        (Tensor("n", "FP32", (3,), 3, np.arange(3, 6, dtype="<f4").tobytes()),),
    ]
    assert [case[1] for case in both] == [
        Tensor("t", "BYTES", (1,), 1, b"\x01\0\0\0a"),
        Tensor("t", "BYTES", (1,), 1, b"\x03\0\0\0xyz"),
    ]


def test_cases_of_one_layout_share_it() -> None:
    """So that a contract compiles one reader for all of them, and for the next call's."""
    stacks = Stacks()

    first, second = (stacks.cases(request_tensors(stacked(1.0, 2.0))) for _ in range(2))

    assert len({id(case.layout) for case in (*first, *second)}) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "tensors",
    [
        [],
        [Tensor("n", "FP32", (), 1, b"1234")],
        [Tensor("n", "FP32", (0, 1), 0, b"")],
        [Tensor("n", "BOOL", (MOST_CASES + 1,), MOST_CASES + 1, b"\0" * (MOST_CASES + 1))],
        [Tensor("n", "BOOL", (2,), 2, b"\0\0"), Tensor("m", "BOOL", (3,), 3, b"\0\0\0")],
        [Tensor("n", "INT8", (2,), 2, None, (1, 2))],
        [Tensor("t", "BYTES", (2, 1), 2, b"\x01\0\0\0a\x09\0\0\0xyz")],
        [Tensor("t", "BYTES", (2, 1), 2, b"\x01\0\0\0a")],
    ],
)
def test_stacks_that_could_be_read_in_two_ways_are_refused(tensors: list[Tensor]) -> None:
    """No tensors, no count, none, too many, different counts, typed contents, lengths that do not add up."""
    with pytest.raises(TensorInvalid):
        Stacks().cases(tensors)


def test_purpose_is_explanation_or_absent() -> None:
    """Any other purpose would be ignored, so it is refused."""
    assert [explains({}), explains({"ombud-purpose": "explanation"})] == [False, True]
    with pytest.raises(Invalid, match="ombud-purpose"):
        explains({"ombud-purpose": "curiosity"})


@pytest.mark.parametrize(("max_batch", "counts"), [(0, [1, 1, 1]), (2, [2, 1]), (8, [3])])
def test_requests_are_as_many_as_the_model_takes(max_batch: int, counts: list[int]) -> None:
    """One a case without batching; else as many cases at once as its configuration says."""
    request = stacked(1.0, 2.0, 3.0)
    cases = Stacks().cases(request_tensors(request))

    made = [
        wire.ModelInferRequest.FromString(each)
        for each in requests(request.SerializeToString(), cases, max_batch)
    ]

    assert [list(each.inputs[0].shape) for each in made] == [
        [count, 1] if max_batch else [1] for count in counts
    ]
    amounts = b"".join(each.raw_input_contents[0] for each in made)
    assert struct.unpack("<3d", amounts) == (1.0, 2.0, 3.0)
    assert {(each.model_name, each.id) for each in made} == {(MODEL, "")}


def test_batched_answers_are_joined_by_their_first_dimension() -> None:
    """Two answers of two and one cases make one of three."""
    bodies = []
    for values in ((0.1, 0.2), (0.3,)):
        response = wire.ModelInferResponse(model_name=MODEL, model_version="1")
        response.outputs.add(name="score", datatype="FP64", shape=[len(values), 1])
        response.raw_output_contents.append(struct.pack(f"<{len(values)}d", *values))
        bodies.append(response.SerializeToString())

    found = wire.ModelInferResponse.FromString(joined(bodies, batched=True))

    assert list(found.outputs[0].shape) == [3, 1]
    assert struct.unpack("<3d", found.raw_output_contents[0]) == (0.1, 0.2, 0.3)


def test_answers_of_two_versions_are_not_joined() -> None:
    """A model that changed while it was asked explains nothing."""
    first, second = infer_response(0.5), infer_response(0.5)
    second.model_version = "2"

    with pytest.raises(UpstreamFailed):
        joined([first.SerializeToString(), second.SerializeToString()], batched=False)
