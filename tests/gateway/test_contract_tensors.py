# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Tensors read from the wire are what numpy and Triton's client put there, or are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import InferInput, service_pb2

from ombud_gateway.contract import Tensor, TensorInvalid, raw_tensor, typed_tensor
from ombud_gateway.contract.elements import element_reader
from ombud_gateway.doors.tensors import request_tensors, response_tensors

NUMPY: dict[str, Any] = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def elements(datatype: str) -> st.SearchStrategy[Any]:
    """Any element of a datatype, as Python value."""
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        return st.binary(max_size=20)
    if "INT" in datatype:
        limits = np.iinfo(NUMPY[datatype])
        return st.integers(int(limits.min), int(limits.max))
    return st.floats(width={"FP16": 16, "FP32": 32, "FP64": 64}[datatype])  # type: ignore[arg-type]


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, list[Any]]:
    datatype = draw(st.sampled_from([*NUMPY, "BYTES"]))
    return datatype, draw(st.lists(elements(datatype), max_size=6))


def read_all(tensor: Tensor) -> list[Any]:
    return [element_reader(tensor.datatype, position)(tensor) for position in range(tensor.size)]


def same(left: list[Any], right: list[Any]) -> bool:
    return repr(left) == repr(right)  # NaN equals itself here, and 0.0 differs from -0.0


@given(arrays())
def test_raw_contents_read_as_the_client_encoded_them(array: tuple[str, list[Any]]) -> None:
    """What `InferInput.set_data_from_numpy` encodes is read back exactly, for every datatype."""
    datatype, values = array
    data = np.array(values, dtype=np.object_ if datatype == "BYTES" else NUMPY[datatype])
    each = InferInput("x", list(data.shape), datatype)
    each.set_data_from_numpy(data)
    request = service_pb2.ModelInferRequest(inputs=[each._get_tensor()])
    request.raw_input_contents.append(each._get_content())
    (tensor,) = request_tensors(service_pb2.ModelInferRequest.FromString(request.SerializeToString()))
    expected = values if datatype == "BYTES" else data.tolist()
    if datatype == "BOOL":
        expected = [int(value) for value in values]
    assert same(expected, read_all(tensor))


@given(arrays().filter(lambda array: array[0] in CONTENTS))
def test_typed_contents_read_as_written(array: tuple[str, list[Any]]) -> None:
    """Typed contents are read back exactly, for every datatype that has them."""
    datatype, values = array
    request = service_pb2.ModelInferRequest()
    message = request.inputs.add(name="x", datatype=datatype, shape=[len(values)])
    getattr(message.contents, CONTENTS[datatype]).extend(values)
    (tensor,) = request_tensors(request)
    assert same(values, read_all(tensor))


@given(st.floats(width=32, allow_nan=False))
def test_bfloat16_is_the_upper_half_of_a_float32(value: float) -> None:
    """BF16, which numpy has not, reads as the float32 whose lower half is zero."""
    upper = np.float32(value).tobytes()[2:]
    tensor = raw_tensor("x", "BF16", (1,), upper)
    assert same([float(np.frombuffer(b"\0\0" + upper, np.float32)[0])], read_all(tensor))


def request(*inputs: dict[str, Any], raw: tuple[bytes, ...] = ()) -> Any:
    message = service_pb2.ModelInferRequest(raw_input_contents=raw)
    for each in inputs:
        shared = each.pop("shared", False)
        contents = each.pop("contents", None)
        tensor = message.inputs.add(**{"datatype": "FP32", "shape": [1], **each})
        if shared:
            tensor.parameters["shared_memory_region"].string_param = "region"
        if contents is not None:
            tensor.contents.CopyFrom(service_pb2.InferTensorContents(**contents))
    return message


ONE = b"\0\0\x80\x3f"


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (request({"name": "a"}, {"name": "b"}, raw=(ONE,)), "fewer than the tensors"),
        (request({"name": "a"}, raw=(ONE, ONE)), "2, but 1 tensors need one"),
        (request({"name": "a", "shared": True}, raw=(ONE,)), "1, but 0 tensors need one"),
        (request({"name": "a"}, raw=(b"123",)), "3 bytes, but shape [1] of FP32 takes 4"),
        (request({"name": "a", "contents": {"fp32_contents": [1.0]}}, raw=(ONE,)), "typed contents beside"),
        (request({"name": "a", "contents": {}}, raw=(ONE,)), "typed contents beside"),
        (
            request({"name": "a", "shared": True, "contents": {"fp32_contents": [1.0]}}),
            "typed contents beside",
        ),
        (request({"name": "a"}), "0 elements, but shape [1] takes 1"),
        (request({"name": "a", "contents": {"fp64_contents": [1.0]}}), "belongs in fp32_contents"),
        (
            request({"name": "a", "contents": {"fp32_contents": [1.0], "fp64_contents": [1.0]}}),
            "belongs in fp32_contents",
        ),
        (
            request({"name": "a", "datatype": "FP16", "contents": {"fp32_contents": [1.0]}}),
            "belongs in raw contents",
        ),
        (
            request({"name": "a", "datatype": "INT8", "contents": {"int_contents": [300]}}),
            "does not fit INT8",
        ),
        (request({"name": "a", "datatype": "UINT8", "contents": {"uint_contents": [256]}}), "not fit UINT8"),
        (request({"name": "a", "datatype": "FP128"}, raw=(ONE,)), "is none of BF16, BOOL"),
        (request({"name": "a", "shape": [-1, -1]}, raw=(ONE,)), "none negative"),
        (request({"name": "a", "shape": [1] * 33}, raw=(ONE,)), "at most 32 dimensions"),
        (request({"name": "a", "datatype": "BYTES", "shape": [2]}, raw=(ONE,)), "cannot hold 2 BYTES"),
        (request({"name": "a", "shape": [1 << 62, 1 << 62]}, raw=(ONE,)), "4 bytes, but shape"),
    ],
)
def test_tensors_that_contradict_themselves_are_refused(message: Any, complaint: str) -> None:
    """No reading is guessed where counts, sizes, datatypes or kinds of contents disagree."""
    with pytest.raises(TensorInvalid) as refused:
        request_tensors(message)
    assert complaint in refused.value.message
    assert refused.value.reason == "MALFORMED"


@pytest.mark.parametrize(
    "raw",
    [b"\x05\0\0\0abc", b"\x01\0\0\0abcd", b"\xff\xff\xff\xffabcd", b"\x03\0\0\0abc\0"],
)
def test_lengths_inside_bytes_must_add_up(raw: bytes) -> None:
    """A BYTES tensor whose inner lengths do not cover it exactly is refused when read."""
    with pytest.raises(TensorInvalid, match="do not add up"):
        element_reader("BYTES", 0)(raw_tensor("x", "BYTES", (1,), raw))


def test_few_texts_are_walked() -> None:
    """A row of countless empty texts cannot keep the gateway busy."""
    with pytest.raises(TensorInvalid, match="must be at most 4096"):
        element_reader("BYTES", 0)(raw_tensor("x", "BYTES", (5_000,), bytes(20_000)))


def test_shared_memory_takes_no_slot_in_a_request() -> None:
    """The tensor after a shared one reads the first raw slot; the shared one has no data."""
    message = request({"name": "a", "shared": True}, {"name": "b"}, raw=(ONE,))
    first, second = request_tensors(message)
    assert (first.shared_memory, first.raw, tuple(first.values)) == (True, None, ())
    assert (second.shared_memory, second.raw) == (False, ONE)


@pytest.mark.parametrize("raw", [(b"", ONE), (ONE,)])
def test_a_response_may_give_shared_outputs_an_empty_slot(raw: tuple[bytes, ...]) -> None:
    """Triton gives every output of a response a slot, other servers skip the shared ones; both are read."""
    message = service_pb2.ModelInferResponse(raw_output_contents=raw)
    shared = message.outputs.add(name="a", datatype="FP32", shape=[1])
    shared.parameters["shared_memory_region"].string_param = "region"
    message.outputs.add(name="b", datatype="FP32", shape=[1])
    assert response_tensors(message)[1] == typed_tensor("b", "FP32", (1,), (1.0,))._replace(
        raw=ONE, values=()
    )
