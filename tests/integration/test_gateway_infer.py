# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Inference through the gateway: let through, denied, in breach of contract, ended early."""

from __future__ import annotations

import hashlib
import math
import re
import threading
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferRequestedOutput, service_pb2
from tritonclient.utils import InferenceServerException

from integration.gateway import SECONDS, Caller, Gateway, amount, direct, infer_request, number, plain, until
from integration.triton import tensor
from ombud_cli.demo.upstream import ModelServer

ANSWERED = {"outcome": "answered", "status": "OK", "verdict": "allow", "policies_total": 1}
ALL_STEPS = ["contract", "decide", "forward", "identify", "release"]


def config_digest(server: ModelServer, model: str) -> str:
    """SHA-256 of a model's configuration, as its server tells it."""
    request = service_pb2.ModelConfigRequest(name=model)
    answer = service_pb2.ModelConfigResponse.FromString(direct(server, "ModelConfig", request).body)
    return hashlib.sha256(answer.config.SerializeToString(deterministic=True)).hexdigest()


def test_allowed_call_is_answered_as_by_triton_itself(agent: Caller, triton: ModelServer) -> None:
    """The answer has the bytes Triton gives; the ledger has one decision, typed facts and both digests."""
    request = infer_request("echo", amount(100.5, 0.75, b"anna", b"north"), id="mine")

    answer = agent.send("ModelInfer", request)

    assert (answer.code, answer.body) == ("OK", direct(triton, "ModelInfer", request).body)
    (entry,) = agent.entries()
    assert answer.trailing == {
        "ombud-decision-id": entry.record["id"],
        "ombud-position": f"r0-0:{entry.seq}",
        "ombud-ledger": "durable",
    }
    assert plain(entry) == agent.judged("echo") | ANSWERED | {
        "kind": "decision",
        "id": answer.decision,
        "stage": "release",
        "policies": ["callers-infer"],
        "model_version": "1",
        "config_digest": config_digest(triton, "echo"),
        "cost_micros": 250,
        "currency": "EUR",
        "steps": ALL_STEPS,
    }
    sizes = (entry.record["request_bytes"], entry.record["response_bytes"])
    assert sizes == (request.ByteSize(), len(answer.body))
    assert entry.facts == {
        "request_sha256": hashlib.sha256(request.SerializeToString()).hexdigest(),
        "response_sha256": hashlib.sha256(answer.body).hexdigest(),
        "values": {
            "amount": "100.5",
            "certainty": "0.75",
            "origin": "north",
            "answer": "100.5",
            "confidence": "0.75",
        },
    }
    assert not {"anna", "north"} & set(re.findall(r"\w+", str(entry.record))), "personal data is facts only"


def test_unmodified_client_gets_its_tensors(agent: Caller) -> None:
    """`InferenceServerClient.infer` works as before, with headers as the only difference."""
    answer = agent.client.infer(
        "echo", amount(12.25, 0.5), request_id="r-1", headers=agent.headers(), client_timeout=SECONDS
    )

    assert answer.as_numpy("OUT_FLOATS").tolist() == [12.25, 0.5]
    assert answer.get_response().id == "r-1"
    assert agent.record()["outcome"] == "answered"


def test_asynchronous_calls_are_answered(agent: Caller) -> None:
    """`async_infer` gives each call its own answer, and each its own record."""
    got: dict[str, list[float]] = {}
    done = threading.Event()

    def keep(result: Any, error: Any) -> None:
        assert error is None
        got[result.get_response().id] = result.as_numpy("OUT_FLOATS").tolist()
        if len(got) == 8:
            done.set()

    for value in range(8):
        agent.client.async_infer("echo", amount(value), keep, request_id=str(value), headers=agent.headers())

    assert done.wait(SECONDS)
    assert {name: values[0] for name, values in got.items()} == {str(value): value for value in range(8)}
    assert [entry.record["outcome"] for entry in agent.entries()] == ["answered"] * 8


def test_denied_by_named_policies(agent: Caller) -> None:
    """A denial names its policies, and has its id in text, trailer and ErrorInfo."""
    policies = ["amount-above-cap", "large-amount", "very-large-amount"]

    refused = agent.send("ModelInfer", infer_request("echo", amount(950)))

    assert (refused.code, refused.text) == (
        "PERMISSION_DENIED",
        f"denied by policy {', '.join(policies)} [ombud-decision-id: {refused.decision}]",
    )
    assert (refused.reason, refused.about) == ("DENIED", {"decision_id": refused.decision})
    assert agent.record() == agent.judged("echo") | {
        "kind": "decision",
        "id": refused.decision,
        "verdict": "deny",
        "stage": "infer",
        "policies": policies,
        "policies_total": 3,
        "outcome": "refused",
        "status": "PERMISSION_DENIED",
        "reason": "DENIED",
        "steps": ["contract", "decide", "identify"],
    }


def test_denied_because_nothing_permits(gateway: Gateway) -> None:
    """A caller with a valid token whom no policy knows is denied, and the record names no policy."""
    with gateway.caller("stranger") as stranger:
        refused = stranger.send("ModelInfer", infer_request("echo", amount(1)))

        assert (refused.code, refused.text) == (
            "PERMISSION_DENIED",
            f"denied: no policy permits this call [ombud-decision-id: {refused.decision}]",
        )
        assert (refused.reason, refused.about) == ("DENIED", {"decision_id": refused.decision})
        assert stranger.record() == stranger.judged("echo") | {
            "kind": "decision",
            "id": refused.decision,
            "verdict": "deny",
            "stage": "infer",
            "policies": [],
            "policies_total": 0,
            "outcome": "refused",
            "status": "PERMISSION_DENIED",
            "reason": "DENIED",
            "steps": ["contract", "decide", "identify"],
        }


def test_answer_denied_at_release_is_withheld(agent: Caller) -> None:
    """An answer that policy keeps back does not leave; the record says that Triton had answered."""
    refused = agent.send("ModelInfer", infer_request("echo", amount(13)))

    assert (refused.code, refused.text, refused.body) == (
        "PERMISSION_DENIED",
        f"denied by policy answer-thirteen-stays [ombud-decision-id: {refused.decision}]",
        b"",
    )
    (entry,) = agent.entries()
    expected = {
        "verdict": "deny",
        "stage": "release",
        "policies": ["answer-thirteen-stays"],
        "outcome": "withheld",
        "status": "PERMISSION_DENIED",
        "reason": "DENIED",
        "steps": ALL_STEPS,
    }
    assert {key: plain(entry)[key] for key in expected} == expected


NUMBERS = "in a tensor of BF16, FP16, FP32, FP64, INT16, INT32, INT64, INT8, UINT16, UINT32, UINT64, UINT8"
BREACHES = {
    "not a number": (
        [tensor("IN_FLOATS", [math.nan, 0.5], np.float32)],
        "contract breach: field 'amount' is nan, must be a finite number",
        {"field": "amount", "bound": "a finite number"},
        {"amount": "nan"},
    ),
    "out of range": (
        [tensor("IN_FLOATS", [1, 1.5], np.float32)],
        "contract breach: field 'certainty' is 1.5, must be within 0 to 1",
        {"field": "certainty", "bound": "within 0 to 1"},
        {"certainty": "1.5"},
    ),
    "wrong type": (
        [tensor("IN_FLOATS", [True, False], bool)],
        f"contract breach: field 'amount' is in a tensor of BOOL, must be {NUMBERS}",
        {"field": "amount", "bound": NUMBERS},
        {"amount": "in a tensor of BOOL"},
    ),
    "too short": (
        [tensor("IN_FLOATS", [5], np.float32)],
        "contract breach: field 'certainty' is absent, must be present",
        {"field": "certainty", "bound": "present"},
        {"certainty": "absent"},
    ),
    "missing tensor": (
        [tensor("IN_BYTES", [b"anna"], np.object_)],
        "contract breach: field 'amount' is absent, must be present",
        {"field": "amount", "bound": "present"},
        {"amount": "absent"},
    ),
    "two rows": (
        [tensor("IN_FLOATS", [[1, 0.5], [2, 0.5]], np.float32)],
        "contract breach: field 'rows' is 2 in tensor 'IN_FLOATS', must be 1: one row per call",
        {"field": "rows", "bound": "1: one row per call"},
        {"rows": "2 in tensor 'IN_FLOATS'"},
    ),
}


@pytest.mark.parametrize("case", BREACHES)
def test_breach_of_contract_is_refused(agent: Caller, case: str) -> None:
    """The caller learns field, value and bound; the record has field and bound, the facts the value."""
    inputs, text, breach, offending = BREACHES[case]

    refused = agent.send("ModelInfer", infer_request("echo", inputs))

    assert (refused.code, refused.text) == (
        "INVALID_ARGUMENT",
        f"{text} [ombud-decision-id: {refused.decision}]",
    )
    assert (refused.reason, refused.about) == ("CONTRACT", {"decision_id": refused.decision})
    (entry,) = agent.entries()
    unjudged = {
        key: value for key, value in agent.judged("echo").items() if key not in {"bundle", "entities"}
    }
    assert plain(entry) == unjudged | {
        "kind": "decision",
        "id": refused.decision,
        "breach": breach,
        "outcome": "refused",
        "status": "INVALID_ARGUMENT",
        "reason": "CONTRACT",
        "steps": ["contract", "identify"],
    }
    assert entry.facts is not None
    assert entry.facts["offending"] == offending


def test_wrong_shape_is_refused(agent: Caller) -> None:
    """Bytes that do not fit the shape they claim are refused before anyone reads them."""
    request = infer_request("echo", amount(1))
    request.inputs[0].shape[0] = 3

    refused = agent.send("ModelInfer", request)

    text = "tensor 'IN_FLOATS': 8 bytes, but shape [3] of FP32 takes 12"
    assert (refused.code, refused.reason, refused.text) == (
        "INVALID_ARGUMENT",
        "MALFORMED",
        f"{text} [ombud-decision-id: {refused.decision}]",
    )
    assert agent.record()["reason"] == "MALFORMED"


def test_asking_for_less_than_the_contract_reads_is_refused(agent: Caller) -> None:
    """Leaving out an output that policies judge by would blind them."""
    refused = agent.send(
        "ModelInfer",
        infer_request("echo", amount(1), outputs=[InferRequestedOutput("OUT_BYTES")._get_tensor()]),
    )

    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "CONTRACT")
    assert agent.record()["breach"] == {"field": "outputs", "bound": "a list that includes 'OUT_FLOATS'"}


def test_model_of_no_system_is_triton_s_to_refuse(agent: Caller, triton: ModelServer) -> None:
    """Where policy lets an unknown model through, Triton's own status and words come back."""
    request = infer_request("nowhere", [number("N", 1)])
    own = direct(triton, "ModelInfer", request)

    refused = agent.send("ModelInfer", request)

    assert (refused.code, refused.text) == (own.code, f"{own.text} [ombud-decision-id: {refused.decision}]")
    assert own.code in {"NOT_FOUND", "UNAVAILABLE"}
    bundle, entities = agent.gateway.workspace.digests()
    assert agent.record() == {
        "kind": "decision",
        "id": refused.decision,
        "door": "kserve-grpc",
        "action": "infer",
        "method": "ModelInfer",
        "resource": 'Model::"nowhere"',
        "model": "nowhere",
        "attempt": 1,
        "principal": 'Agent::"agent"',
        "principal_type": "Agent",
        "correlation_id": agent.correlation,
        "bundle": bundle,
        "entities": entities,
        "verdict": "allow",
        "stage": "infer",
        "policies": ["callers-infer"],
        "policies_total": 1,
        "outcome": "failed",
        "status": own.code,
        "reason": "UPSTREAM",
        "steps": ["contract", "decide", "forward", "identify"],
    }


def test_unknown_version_is_triton_s_to_refuse(agent: Caller, triton: ModelServer) -> None:
    """A version that is not there gets Triton's own status."""
    request = infer_request("echo", amount(1), model_version="9")
    own = direct(triton, "ModelInfer", request)

    refused = agent.send("ModelInfer", request)

    assert (refused.code, refused.text) == (own.code, f"{own.text} [ombud-decision-id: {refused.decision}]")
    assert (agent.record()["outcome"], agent.record()["status"]) == ("failed", own.code)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_judged_like_others(agent: Caller, algorithm: str) -> None:
    """Compression ends at the gateway: contract, policy and record see the message itself."""
    inputs = [*amount(100.0), tensor("IN_BYTES", [b"anna", b"a" * 4_000], np.object_)]
    request = infer_request("echo", inputs)

    answer = agent.client.infer("echo", inputs, headers=agent.headers(), compression_algorithm=algorithm)

    assert answer.as_numpy("OUT_FLOATS").tolist() == [100.0, np.float32(0.9)]
    (entry,) = agent.entries()
    # The client names the parameters of its inputs nowhere else, so its message is this one.
    assert entry.record["request_bytes"] == request.ByteSize()


def test_what_ties_a_call_to_its_workflow_is_recorded(agent: Caller) -> None:
    """Run, attempt and trace id stand in the record."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    agent.client.infer(
        "echo", amount(1), headers=agent.headers(ombud_run_id="run-7", ombud_attempt="3", traceparent=trace)
    )

    record = agent.record()

    assert {key: record[key] for key in ("correlation_id", "run_id", "attempt", "trace_id")} == {
        "correlation_id": agent.correlation,
        "run_id": "run-7",
        "attempt": 3,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({"ombud_attempt": "none"}, "metadata ombud-attempt must be a whole number from 1 to 999999999"),
        ({"ombud_run_id": "x" * 257}, "metadata ombud-run-id must be text of at most 256 bytes"),
        ({"ombud_resume": "x" * 257}, "metadata ombud-resume must be text of at most 256 bytes"),
    ],
)
def test_metadata_out_of_bounds_is_refused(agent: Caller, metadata: dict[str, str], text: str) -> None:
    """An entry the record could not hold is named, and the refusal recorded."""
    refused = agent.send("ModelInfer", infer_request("echo", amount(1)), metadata=agent.headers(**metadata))

    assert (refused.code, refused.reason, refused.text) == (
        "INVALID_ARGUMENT",
        "METADATA",
        f"{text} [ombud-decision-id: {refused.decision}]",
    )
    found = agent.gateway.entries("e.id = $1", refused.decision)
    assert [entry.record["reason"] for entry in found] == ["METADATA"]


def test_deadline_of_the_caller_holds_upstream(agent: Caller) -> None:
    """A call whose deadline passes ends at both ends, and its record says so."""
    with pytest.raises(InferenceServerException) as raised:
        agent.client.infer("slow", [number("DELAY_MS", 5_000)], headers=agent.headers(), client_timeout=0.3)

    assert raised.value.status() == str(grpc.StatusCode.DEADLINE_EXCEEDED)
    (entry,) = until(agent.entries, "a record")
    ended = tuple(entry.record[key] for key in ("outcome", "status", "reason"))
    # Whichever of the two clocks rings first: the one upstream, or the client's, which cancels.
    assert ended in {
        ("failed", "DEADLINE_EXCEEDED", "UPSTREAM"),
        ("cancelled", "CANCELLED", "CANCELLED"),
    }


def test_cancelled_call_is_recorded(agent: Caller) -> None:
    """A client that leaves ends the call upstream too, and the ledger says that it was cancelled."""
    ended: list[Any] = []
    under_way = agent.client.async_infer(
        "slow",
        [number("DELAY_MS", 30_000)],
        lambda result, error: ended.append((result, error)),
        headers=agent.headers(),
    )
    until(agent.gateway.in_flight, "a call in flight")

    under_way.cancel()

    (result, error) = until(lambda: ended, "the client's end")[0]
    assert (result, error.status()) == (None, str(grpc.StatusCode.CANCELLED))
    until(agent.entries, "a record")
    assert agent.record() | {"steps": None} == agent.judged("slow") | {
        "kind": "decision",
        "id": agent.record()["id"],
        "verdict": "allow",
        "stage": "infer",
        "policies": ["callers-infer"],
        "policies_total": 1,
        "outcome": "cancelled",
        "status": "CANCELLED",
        "reason": "CANCELLED",
        "steps": None,
    }
    # Had Triton not been told, its one instance would sleep on and this call would wait behind it.
    with agent.gateway.caller("agent") as again:
        again.client.infer("slow", [number("DELAY_MS", 1)], headers=again.headers(), client_timeout=SECONDS)
