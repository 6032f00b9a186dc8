# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The doors' tables are total: every refusal has a status, every method of the service an action."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import unknown_fields
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as wire

from governed import infer_request
from ombud.v1 import review_pb2
from ombud_gateway import contract  # noqa: F401 - so that its refusals are known
from ombud_gateway.doors.methods import METHODS, SERVICE, canonical
from ombud_gateway.doors.status import text_of
from ombud_gateway.errors import (
    CODES,
    GRPC_CODES,
    Denied,
    Invalid,
    Refusal,
    UpstreamFailed,
    code_of,
)

UNKNOWN = b"\xfa\x3f\x03xyz"
"""Field 1023, which no message here has."""


def kinds(of: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Yield every kind of refusal there is."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_refusal_has_a_code() -> None:
    """The table names each kind beside its base, or a kind it is a special case of."""
    assert set(Refusal.__subclasses__()) == set(CODES)
    for kind in kinds():
        code = code_of(kind.__new__(kind))
        assert code in GRPC_CODES
        assert code_pb2.Code.Value(code) == GRPC_CODES.index(code)
        assert grpc.StatusCode[code]


def test_codes_are_those_of_grpc() -> None:
    """Codes by number are gRPC's own."""
    assert {code.value[0]: code.name for code in grpc.StatusCode} == dict(enumerate(GRPC_CODES))


def test_methods_are_those_of_the_service() -> None:
    """The table has the twenty methods of the service's descriptor, each with its request."""
    service = wire.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert service.full_name == SERVICE
    assert len(METHODS) == 20
    assert {method.name: method.input_type.full_name for method in service.methods} == {
        name: method.request.DESCRIPTOR.full_name for name, method in METHODS.items()
    }
    for name, method in METHODS.items():
        assert method.name == name
        assert not method.model_field or method.model_field in method.request.DESCRIPTOR.fields_by_name
        assert not method.must_name_model or method.model_field


def test_actions() -> None:
    """Asking is read, inference is infer, everything that changes the server is administer."""
    actions: dict[str, set[str]] = {}
    for name, method in METHODS.items():
        actions.setdefault(method.action(method.request()), set()).add(name)
    assert actions == {
        "infer": {"ModelInfer", "ModelStreamInfer"},
        "administer": {
            "RepositoryModelLoad",
            "RepositoryModelUnload",
            "SystemSharedMemoryRegister",
            "SystemSharedMemoryUnregister",
            "CudaSharedMemoryRegister",
            "CudaSharedMemoryUnregister",
        },
        "read": set(METHODS)
        - {
            "ModelInfer",
            "ModelStreamInfer",
            "RepositoryModelLoad",
            "RepositoryModelUnload",
            "SystemSharedMemoryRegister",
            "SystemSharedMemoryUnregister",
            "CudaSharedMemoryRegister",
            "CudaSharedMemoryUnregister",
        },
    }
    for name, setting in (
        ("TraceSetting", wire.TraceSettingRequest()),
        ("LogSettings", wire.LogSettingsRequest()),
    ):
        setting.settings["level"].SetInParent()
        assert METHODS[name].action(setting) == "administer"


def test_requests_are_parsed_or_refused() -> None:
    """Bytes that are no message, and requests that must name a model and do not, are refused by name."""
    with pytest.raises(Invalid, match=r"^request bytes are no inference\.ModelInferRequest$"):
        METHODS["ModelInfer"].parse(b"\xff")
    with pytest.raises(Invalid, match=r"^model_name is empty, expected the name of a model$"):
        METHODS["ModelInfer"].parse(b"")
    with pytest.raises(Invalid, match=r"^name is empty, expected the name of a model$"):
        METHODS["ModelReady"].parse(b"")
    assert METHODS["ServerLive"].parse(b"") == wire.ServerLiveRequest()


def test_status_text_names_the_decision() -> None:
    """Clients that hide trailers still show the id."""
    assert text_of(Denied("DENIED", "no"), "d-1") == "no [ombud-decision-id: d-1]"
    assert text_of(UpstreamFailed(5, "unknown"), "d-1") == "unknown [ombud-decision-id: d-1]"


def test_canonical_leaves_out_the_callers_own_id() -> None:
    """The same request under another id of its caller is the same call; the request itself is untouched."""
    one, other = infer_request(1.0, name="a"), infer_request(1.0, name="b")
    assert canonical(one) == canonical(other)
    assert one.id == "a"
    assert canonical(infer_request(2.0)) != canonical(one)


def test_canonical_keeps_ids_that_mean_something() -> None:
    """Only an inference's own id is left out: which review a control call names is what it is about."""
    assert canonical(review_pb2.GetReviewRequest(id="a")) != canonical(review_pb2.GetReviewRequest(id="b"))


@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**63), 2**63 - 1), max_size=8), st.randoms())
def test_canonical_is_deterministic(parameters: dict[str, int], random: Any) -> None:
    """The order in which a client fills a map does not show."""

    def filled(names: list[str]) -> Any:
        request = infer_request(1.0)
        for name in names:
            request.parameters[name].int64_param = parameters[name]
        return request

    names = list(parameters)
    shuffled = random.sample(names, len(names))
    assert canonical(filled(names)) == canonical(filled(shuffled))


def nested() -> Iterator[tuple[str, Any]]:
    """Yield requests with a field that nobody knows, at every depth."""
    top = infer_request(1.0)
    yield "the request", type(top).FromString(top.SerializeToString() + UNKNOWN)
    tensor = infer_request(1.0)
    tensor.inputs[0].MergeFromString(UNKNOWN)
    yield "a tensor", tensor
    contents = infer_request(1.0)
    contents.inputs[0].contents.MergeFromString(UNKNOWN)
    yield "a tensor's contents", contents
    parameter = infer_request(1.0)
    parameter.parameters["a"].MergeFromString(UNKNOWN)
    yield "a map's value", parameter
    inner = infer_request(1.0)
    inner.inputs[0].parameters["a"].MergeFromString(UNKNOWN)
    yield "a tensor's map's value", inner


@pytest.mark.parametrize(("where", "request_"), list(nested()))
def test_unknown_fields_cannot_be_reviewed(where: str, request_: Any) -> None:
    """What a reviewer could not see cannot be approved, wherever it hides."""
    assert where
    assert len(unknown_fields.UnknownFieldSet(request_)) in {0, 1}
    with pytest.raises(Invalid, match="the request has fields that no reviewer could see") as refusal:
        canonical(request_)
    assert refusal.value.reason == "UNREVIEWABLE"
