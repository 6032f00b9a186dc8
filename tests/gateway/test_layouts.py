# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A message laid out as one before it is read like one that is seen for the first time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from gateway.test_contract_values import contract
from ombud_gateway.contract import Breach, Contract, Packed, TensorInvalid
from ombud_gateway.contract.tensor import SIZES
from ombud_gateway.doors import tensors as module
from ombud_gateway.doors.tensors import Layouts, request_tensors, response_tensors

CONTRACTS = [
    contract(
        {"name": "a", "type": "decimal", "optional": True},
        {"name": "b0", "tensor": "b", "position": 0, "type": "integer", "optional": True},
        {
            "name": "b2",
            "tensor": "b",
            "position": 2,
            "type": "decimal",
            "optional": True,
            "role": "protected",
        },
    ),
    contract({"name": "a", "type": "decimal", "range": [0, 1]}),
    contract({"name": "a", "type": "boolean"}, {"name": "b", "type": "integer", "optional": True}),
    contract({"name": "d0", "tensor": "b", "json": "k", "type": "string", "optional": True}),
]
HEAD: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "c"]),
        "datatype": st.sampled_from(["FP32", "FP64", "INT64", "UINT8", "BOOL", "BF16", "FP16", "BYTES"]),
        "shape": st.sampled_from([[1], [1, 1], [1, 3], [3], [2, 1], [], [0]]),
    }
)


@st.composite
def pairs(draw: st.DrawFn) -> list[Any]:
    """Draw two requests that are laid out alike, most of them with raw contents of the right length."""
    heads = draw(st.lists(HEAD, max_size=4))
    made = []
    for number in range(2):
        request = service_pb2.ModelInferRequest(model_name="m", id=f"r{number}")
        for head in heads:
            request.inputs.add(**head)
            count = 1
            for dimension in head["shape"]:
                count *= dimension
            length = count * SIZES.get(head["datatype"], 4)
            length = draw(st.sampled_from([length] * 9 + [length + 1]))
            request.raw_input_contents.append(draw(st.binary(min_size=length, max_size=length)))
        made.append(request)
    return made


def outcome(made: Contract, read: Any) -> Any:
    """Return what reading gives, or how it is refused."""
    try:
        typed = made.inputs(read())
    except (Breach, TensorInvalid) as error:
        return type(error), str(error)
    return {key: repr(value) for key, value in typed.context.items()}, typed.facts


@given(requests=pairs(), which=st.sampled_from(CONTRACTS))
def test_a_known_layout_changes_neither_values_nor_refusals(requests: list[Any], which: Contract) -> None:
    """Whatever the contract and the bytes, the second message reads as it would have read first."""
    layouts = Layouts("raw_input_contents", request_tensors)
    for request in requests:
        body = request.SerializeToString()
        found = outcome(which, lambda request=request: layouts.tensors(request))
        fresh = service_pb2.ModelInferRequest.FromString(body)
        assert found == outcome(which, lambda fresh=fresh: request_tensors(fresh))
    event(f"{len(layouts._known)} layouts")


def test_messages_of_one_client_share_a_layout() -> None:
    """Ids and bytes differ, the layout is the same; tensors are made from it as they are wanted."""
    layouts = Layouts("raw_output_contents", response_tensors)
    seen = []
    for number in range(3):
        response = service_pb2.ModelInferResponse(model_name="m", id=str(number))
        response.outputs.add(name="a", datatype="UINT8", shape=[1])
        response.raw_output_contents.append(bytes([number]))
        seen.append(layouts.tensors(response))
    assert [type(one) for one in seen] == [tuple, Packed, Packed]
    assert isinstance(seen[1], Packed)
    assert isinstance(seen[2], Packed)
    assert seen[1].layout is seen[2].layout
    assert [(tensor.raw, seen[2][0], len(seen[2])) for tensor in seen[2]] == [(b"\2", seen[2][0], 1)]


def test_layouts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten, and messages with long heads are not remembered."""
    monkeypatch.setattr(module, "_MOST_LAYOUTS", 2)
    monkeypatch.setattr(module, "_LONGEST_HEAD", 64)
    layouts = Layouts("raw_input_contents", request_tensors)
    for name in ("a", "b", "c", "d" * 100):
        request = service_pb2.ModelInferRequest(model_name=name)
        request.inputs.add(name="a", datatype="UINT8", shape=[1])
        request.raw_input_contents.append(b"\0")
        layouts.tensors(request)
    assert len(layouts._known) == 2
