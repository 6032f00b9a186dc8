# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""All twenty methods of Triton's service through the gateway: answers as Triton's own, actions as Cedar's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.grpc import service_pb2 as wire
from tritonclient.utils import shared_memory as shm

from integration.gateway import Caller, Gateway, Wire, amount, direct, infer_request, plain
from ombud_cli.demo.upstream import ModelServer

READS: dict[str, Message] = {
    "ServerLive": wire.ServerLiveRequest(),
    "ServerReady": wire.ServerReadyRequest(),
    "ModelReady": wire.ModelReadyRequest(name="echo"),
    "ServerMetadata": wire.ServerMetadataRequest(),
    "ModelMetadata": wire.ModelMetadataRequest(name="echo"),
    "ModelConfig": wire.ModelConfigRequest(name="echo"),
    "ModelStatistics": wire.ModelStatisticsRequest(name="accumulate"),
    "RepositoryIndex": wire.RepositoryIndexRequest(),
    "SystemSharedMemoryStatus": wire.SystemSharedMemoryStatusRequest(),
    "CudaSharedMemoryStatus": wire.CudaSharedMemoryStatusRequest(),
    "TraceSetting": wire.TraceSettingRequest(),
    "LogSettings": wire.LogSettingsRequest(),
}
"""Requests that ask and change nothing."""


def _traced() -> Any:
    request = wire.TraceSettingRequest()
    request.settings["trace_level"].value.append("OFF")
    return request


def _logged() -> Any:
    request = wire.LogSettingsRequest()
    request.settings["log_verbose_level"].uint32_param = 0
    return request


ADMINISTERS: dict[str, Message] = {
    "RepositoryModelLoad": wire.RepositoryModelLoadRequest(model_name="echo"),
    "RepositoryModelUnload": wire.RepositoryModelUnloadRequest(model_name="echo"),
    "SystemSharedMemoryRegister": wire.SystemSharedMemoryRegisterRequest(name="r", key="/r", byte_size=8),
    "SystemSharedMemoryUnregister": wire.SystemSharedMemoryUnregisterRequest(name="r"),
    "CudaSharedMemoryRegister": wire.CudaSharedMemoryRegisterRequest(name="r", byte_size=8),
    "CudaSharedMemoryUnregister": wire.CudaSharedMemoryUnregisterRequest(name="r"),
    "TraceSetting": _traced(),
    "LogSettings": _logged(),
}
"""Requests that change the model server."""
NAMES_MODEL = {"ModelReady", "ModelMetadata", "ModelConfig", "RepositoryModelLoad", "RepositoryModelUnload"}


@pytest.fixture
def operator(gateway: Gateway) -> Iterator[Caller]:
    """Call as the operator, whom policy lets administer."""
    with gateway.caller("operator") as caller:
        yield caller


def about(caller: Caller, method: str, action: str, request: Any) -> dict[str, Any]:
    """What the record of a call that is no inference says of who, what and which policies."""
    model = (
        getattr(request, "model_name", "") or getattr(request, "name", "") if method in NAMES_MODEL else ""
    )
    model = model or ("accumulate" if method == "ModelStatistics" else "")
    found = caller.judged(model or "none", method=method, action=action)
    if not model:
        found["resource"] = 'Upstream::"triton"'
        for key in ("model", "system", "artifact_digest"):
            del found[key]
    return found


def test_every_method_of_the_service_is_here() -> None:
    """Twelve that read, eight that change (two can do both), and the two that infer are all there are."""
    service = wire.DESCRIPTOR.services_by_name["GRPCInferenceService"]

    assert sorted({*READS, *ADMINISTERS, "ModelInfer", "ModelStreamInfer"}) == sorted(service.methods_by_name)
    assert len(service.methods) == 20


@pytest.mark.parametrize("method", READS)
def test_reading_is_answered_as_by_triton_itself(agent: Caller, triton: ModelServer, method: str) -> None:
    """The answer has Triton's own bytes, and leaves one decision."""
    request = READS[method]

    answer = agent.send(method, request)

    own = direct(triton, method, request)
    assert (answer.code, own.code) == ("OK", "OK")
    kind = getattr(wire, f"{method}Response")
    # A map's entries come in any order; what they say is the same.
    assert kind.FromString(answer.body) == kind.FromString(own.body)
    assert agent.record() == about(agent, method, "read", request) | {
        "kind": "decision",
        "id": answer.decision,
        "verdict": "allow",
        "stage": "read",
        "policies": ["callers-read"],
        "policies_total": 1,
        "outcome": "answered",
        "status": "OK",
        "steps": ["contract", "decide", "forward", "identify"],
    }


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics"])
def test_questions_about_unknown_models_get_triton_s_answer(
    agent: Caller, triton: ModelServer, method: str
) -> None:
    """Status, words or answer about a model that is not there are Triton's own."""
    request = getattr(wire, f"{method}Request")(name="nowhere")
    own = direct(triton, method, request)

    answer = agent.send(method, request)

    suffix = f" [ombud-decision-id: {answer.decision}]" if own.text else ""
    assert (answer.code, answer.text, answer.body) == (own.code, f"{own.text}{suffix}", own.body)


@pytest.mark.parametrize("method", READS)
def test_reading_is_denied_to_strangers(gateway: Gateway, method: str) -> None:
    """What no policy permits is denied, health of the model server not excepted."""
    with gateway.caller("stranger") as stranger:
        _is_denied(stranger, method, "read", READS[method])


@pytest.mark.parametrize("method", ADMINISTERS)
def test_administering_is_denied_without_a_permit(agent: Caller, method: str) -> None:
    """Whoever may infer and read may not change the model server; there is no intent, as nothing is sent."""
    _is_denied(agent, method, "administer", ADMINISTERS[method])


def _is_denied(caller: Caller, method: str, action: str, request: Message) -> None:
    refused = caller.send(method, request)

    assert (refused.code, refused.reason, refused.text) == (
        "PERMISSION_DENIED",
        "DENIED",
        f"denied: no policy permits this call [ombud-decision-id: {refused.decision}]",
    )
    assert caller.record() == about(caller, method, action, request) | {
        "kind": "decision",
        "id": refused.decision,
        "verdict": "deny",
        "stage": action,
        "policies": [],
        "policies_total": 0,
        "outcome": "refused",
        "status": "PERMISSION_DENIED",
        "reason": "DENIED",
        "steps": ["contract", "decide", "identify"],
    }


@pytest.mark.parametrize(
    "method", ["RepositoryModelLoad", "RepositoryModelUnload", "ModelInfer", "ModelReady"]
)
def test_requests_that_name_no_model_are_refused(operator: Caller, method: str) -> None:
    """KServe's load has the model where Triton has the repository: read as Triton's, it names no model."""
    fields = {"repository_name": "echo"} if "Repository" in method else {}
    request = getattr(wire, f"{method}Request")(**fields)

    refused = operator.send(method, request)

    field = "name" if method == "ModelReady" else "model_name"
    assert (refused.code, refused.reason, refused.text) == (
        "INVALID_ARGUMENT",
        "MALFORMED",
        f"{field} is empty, expected the name of a model [ombud-decision-id: {refused.decision}]",
    )


def _effects(caller: Caller) -> list[tuple[str, str, str, str]]:
    """Kind, method, verdict or none, and outcome or none, of a run's entries in order."""
    return [
        (
            entry.kind,
            entry.record["method"],
            entry.record.get("verdict", ""),
            entry.record.get("outcome", ""),
        )
        for entry in caller.entries()
    ]


def _effect(method: str) -> list[tuple[str, str, str, str]]:
    return [("intent", method, "allow", ""), ("outcome", method, "allow", "answered")]


def test_permitted_operator_unloads_and_loads(operator: Caller, triton_client: InferenceServerClient) -> None:
    """Load and unload work, each with an intent before and an outcome after."""
    assert triton_client.is_model_ready("accumulate")
    operator.client.unload_model("accumulate", headers=operator.headers())
    between = triton_client.is_model_ready("accumulate")
    operator.client.load_model("accumulate", headers=operator.headers())

    assert (between, triton_client.is_model_ready("accumulate")) == (False, True)
    assert _effects(operator) == [*_effect("RepositoryModelUnload"), *_effect("RepositoryModelLoad")]
    intent, outcome = operator.entries()[:2]
    request = wire.RepositoryModelUnloadRequest(model_name="accumulate")
    judged = about(operator, "RepositoryModelUnload", "administer", request)
    verdict = {
        "verdict": "allow",
        "stage": "administer",
        "policies": ["operators-administer"],
        "policies_total": 1,
        "bundle": judged["bundle"],
        "entities": judged["entities"],
    }
    assert plain(intent) == judged | verdict | {
        "kind": "intent",
        "id": intent.record["id"],
        "steps": ["contract", "decide", "identify"],
    }
    assert plain(outcome) == verdict | {
        "kind": "outcome",
        "id": intent.record["id"],
        "action": "administer",
        "method": "RepositoryModelUnload",
        "system": "timing",
        "model": "accumulate",
        "outcome": "answered",
        "status": "OK",
        "steps": ["contract", "decide", "forward", "identify"],
    }


def test_permitted_operator_changes_settings(operator: Caller, triton_client: InferenceServerClient) -> None:
    """Log and trace settings change in Triton."""
    operator.client.update_log_settings({"log_verbose_level": 1}, headers=operator.headers())
    logged = triton_client.get_log_settings(as_json=True)["settings"]["log_verbose_level"]
    operator.client.update_log_settings({"log_verbose_level": 0}, headers=operator.headers())
    operator.client.update_trace_settings("echo", {"trace_rate": "7"}, headers=operator.headers())
    traced = triton_client.get_trace_settings("echo", as_json=True)["settings"]["trace_rate"]
    operator.client.update_trace_settings("echo", {"trace_rate": None}, headers=operator.headers())

    assert (logged, traced) == ({"uint32_param": 1}, {"value": ["7"]})
    assert _effects(operator) == [*_effect("LogSettings") * 2, *_effect("TraceSetting") * 2]


def test_failed_administration_passes_triton_s_own_error(operator: Caller, triton: ModelServer) -> None:
    """CUDA memory without a GPU: Triton's status and words come back, and the outcome says `failed`."""
    request = wire.CudaSharedMemoryRegisterRequest(name="gpu", raw_handle=b"\0" * 64, byte_size=8)
    own = direct(triton, "CudaSharedMemoryRegister", request)

    refused = operator.send("CudaSharedMemoryRegister", request)

    assert own.code != "OK"
    assert (refused.code, refused.text) == (own.code, f"{own.text} [ombud-decision-id: {refused.decision}]")
    intent, outcome = operator.entries()
    assert (intent.kind, outcome.kind, outcome.record["outcome"], outcome.record["status"]) == (
        "intent",
        "outcome",
        "failed",
        own.code,
    )


@pytest.fixture
def region(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Make 64 bytes of system shared memory."""
    handle = shm.create_shared_memory_region("tests", f"/ombud-test-{abs(hash(request.node.nodeid))}", 64)
    yield handle
    shm.destroy_shared_memory_region(handle)


class TestSharedMemory:
    """Tensors in shared memory pass the gateway unseen, so they need permits of their own."""

    content = np.array([1.5, 0.75], np.float32)

    @pytest.fixture
    def registered(
        self, operator: Caller, region: Any, triton_client: InferenceServerClient
    ) -> Iterator[str]:
        """Register the region through the gateway."""
        shm.set_shared_memory_region(region, [self.content])
        key = region._shm_key
        operator.client.register_system_shared_memory("tests", key, 64, headers=operator.headers())
        yield key
        triton_client.unregister_system_shared_memory("tests")

    def _inputs(self) -> list[InferInput]:
        made = InferInput("IN_FLOATS", [2], "FP32")
        made.set_shared_memory("tests", 8)
        return [made]

    def _send(self, caller: Caller, **more: Any) -> Wire:
        return caller.send("ModelInfer", infer_request("echo", self._inputs()), **more)

    def test_operator_registers_shows_and_unregisters(
        self, operator: Caller, registered: str, triton_client: InferenceServerClient
    ) -> None:
        """The operator's client does with a region what it does at Triton itself."""
        status = operator.client.get_system_shared_memory_status(headers=operator.headers())
        own = triton_client.get_system_shared_memory_status()
        operator.client.unregister_system_shared_memory("tests", headers=operator.headers())
        after = triton_client.get_system_shared_memory_status()

        assert (status, dict(own.regions)["tests"].key, dict(after.regions)) == (own, registered, {})
        assert _effects(operator) == [
            *_effect("SystemSharedMemoryRegister"),
            ("decision", "SystemSharedMemoryStatus", "allow", "answered"),
            *_effect("SystemSharedMemoryUnregister"),
        ]

    def test_region_without_a_declared_digest_is_refused(self, agent: Caller, registered: str) -> None:
        """Nobody passes unseen bytes without saying what they are."""
        refused = self._send(agent)

        assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "CONTRACT")
        assert agent.record()["outcome"] == "refused"

    def test_region_without_a_permit_is_refused(self, agent: Caller, registered: str) -> None:
        """An agent who may infer may not therefore pass shared memory."""
        refused = self._send(agent, ombud_declared_digest=hashlib.sha256(self.content.tobytes()).hexdigest())

        assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "DENIED")
        record = agent.record()
        assert (record["stage"], record["verdict"], record["outcome"]) == ("administer", "deny", "refused")

    def test_region_with_permit_and_digest_is_used(self, gateway: Gateway, registered: str) -> None:
        """Both permits and a declared digest let the call through; the record keeps the digest."""
        digest = hashlib.sha256(self.content.tobytes()).hexdigest()
        with gateway.caller("sharer") as sharer:
            answer = sharer.client.infer(
                "echo", self._inputs(), headers=sharer.headers(ombud_declared_digest=digest)
            )

            assert answer.as_numpy("OUT_FLOATS").tolist() == [1.5, 0.75]
            (entry,) = sharer.entries()
            found = {key: entry.record[key] for key in ("declared_digest", "verdict", "policies", "outcome")}
            assert found == {
                "declared_digest": digest,
                "verdict": "allow",
                "policies": ["callers-infer", "sharer-passes-a-known-region"],
                "outcome": "answered",
            }
            assert entry.facts is not None
            assert entry.facts["values"] == {"answer": "1.5", "confidence": "0.75"}

    def test_forbidden_digest_is_refused(self, gateway: Gateway, registered: str) -> None:
        """The permit can look at the digest."""
        with gateway.caller("sharer") as sharer:
            refused = self._send(sharer, ombud_declared_digest="0" * 64)

            assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "DENIED")

    def test_answer_that_policy_judges_may_not_go_to_shared_memory(
        self, gateway: Gateway, registered: str, region: Any
    ) -> None:
        """What the contract reads comes back in the message: elsewhere nobody could withhold it."""
        output = InferRequestedOutput("OUT_FLOATS")
        output.set_shared_memory("tests", 8, 8)
        with gateway.caller("sharer") as sharer:
            refused = sharer.send(
                "ModelInfer",
                infer_request("echo", amount(7, 0.25), outputs=[output._get_tensor()]),
                ombud_declared_digest="1" * 64,
            )

            text = (
                "contract breach: field 'outputs' is OUT_FLOATS (in shared memory), must be a list that "
                "includes 'OUT_FLOATS'"
            )
            assert (refused.code, refused.text) == (
                "INVALID_ARGUMENT",
                f"{text} [ombud-decision-id: {refused.decision}]",
            )
            assert sharer.record()["outcome"] == "refused"
            assert shm.get_contents_as_numpy(region, np.float32, [2], offset=8).tolist() == [0, 0]

    def test_other_answers_may(self, gateway: Gateway, registered: str, region: Any) -> None:
        """An output that no contract reads goes where the permitted caller wants it."""
        hidden = InferRequestedOutput("OUT_BYTES")
        hidden.set_shared_memory("tests", 16, 16)
        with gateway.caller("sharer") as sharer:
            answer = sharer.client.infer(
                "echo",
                amount(7, 0.75, b"anna"),
                outputs=[InferRequestedOutput("OUT_FLOATS"), hidden],
                headers=sharer.headers(ombud_declared_digest="1" * 64),
            )

            seen = shm.get_contents_as_numpy(region, np.uint8, [8], offset=16).tobytes()
            assert (answer.as_numpy("OUT_FLOATS").tolist(), seen) == ([7.0, 0.75], b"\4\0\0\0anna")
            assert sharer.record()["outcome"] == "answered"
