# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What policy sees and what facts keep of an element: rounding, ranges, breaches."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from ombud_gateway.contract import (
    Breach,
    Contract,
    ContractSpec,
    Tensor,
    TensorInvalid,
    Typed,
    raw_tensor,
    typed_tensor,
)
from ombud_gateway.doors.tensors import request_tensors

LARGEST = Decimal("922337203685477.5807")
EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)


def contract(*inputs: dict[str, Any]) -> Contract:
    return Contract(ContractSpec.model_validate({"inputs": list(inputs)}))


def bytes_tensor(*elements: bytes, name: str = "x") -> Tensor:
    return typed_tensor(name, "BYTES", (len(elements),), elements)


def typed(field: dict[str, Any], tensor: Tensor) -> Typed:
    return contract({"name": "x", **field}).inputs([tensor])


def breach(field: dict[str, Any], tensor: Tensor) -> Breach:
    with pytest.raises(Breach) as raised:
        typed(field, tensor)
    return raised.value


@given(st.floats(), st.integers(0, 4))
def test_doubles_round_half_even_from_their_exact_value(value: float, digits: int) -> None:
    """A decimal is the exact binary value quantized half to even, or a breach where Cedar cannot hold it."""
    tensor = raw_tensor("x", "FP64", (1,), np.float64(value).tobytes())
    expected = None
    if math.isfinite(value):
        expected = EXACT.quantize(Decimal(value), Decimal(1).scaleb(-digits))
    if expected is None or abs(expected) > LARGEST:
        assert breach({"type": "decimal", "digits": digits}, tensor).field == "x"
        return
    seen = typed({"type": "decimal", "digits": digits}, tensor)
    decimal = seen.context["x"]
    assert (decimal, str(decimal)) == (expected, str(abs(expected) if expected == 0 else expected))
    assert repr(float(seen.facts["x"])) == repr(value) == seen.facts["x"]


@given(st.integers(-(2**60), 2**60), st.integers(1, 4))
def test_ties_round_to_the_even_digit(number: int, digits: int) -> None:
    """Values that lie exactly between two decimals, which binary can hold, go to the even one."""
    value = (number % 10**6 + 0.5) / 2**digits  # an exact binary fraction; a tie at `digits` digits
    tensor = typed_tensor("x", "FP64", (1,), (value,))
    expected = EXACT.quantize(Decimal(value), Decimal(1).scaleb(-digits))
    assert typed({"type": "decimal", "digits": digits}, tensor).context["x"] == expected


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (0.5, 0, "0"),
        (1.5, 0, "2"),
        (2.5, 0, "2"),
        (0.125, 2, "0.12"),
        (0.375, 2, "0.38"),
        (2.675, 2, "2.67"),  # the double is below the tie
        (-0.00001, 4, "0.0000"),
        (-0.0, 4, "0.0000"),
        (922337203685477.5, 4, "922337203685477.5000"),
        (922337203685477.375, 0, "922337203685477"),
    ],
)
def test_rounding_by_example(value: float, digits: int, expected: str) -> None:
    """The cases a reader would check by hand."""
    seen = typed({"type": "decimal", "digits": digits}, typed_tensor("x", "FP64", (1,), (value,)))
    assert str(seen.context["x"]) == expected


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_keep_every_bit(value: int) -> None:
    """An INT64 reaches policy as it is; facts keep a number, or digits where JSON would lose bits."""
    seen = typed({"type": "integer"}, raw_tensor("x", "INT64", (1,), np.int64(value).tobytes()))
    assert seen.context["x"] == value
    assert seen.facts["x"] == (value if abs(value) < 2**53 else str(value))


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_as_decimals(value: int) -> None:
    """An integer tensor can carry a decimal, within Cedar's bounds."""
    tensor = typed_tensor("x", "INT64", (1,), (value,))
    if abs(value) > LARGEST:
        breach({"type": "decimal", "digits": 2}, tensor)
    else:
        assert str(typed({"type": "decimal", "digits": 2}, tensor).context["x"]) == f"{value}.00"


@given(st.floats(0, 1, width=32), st.sampled_from(["FP16", "FP32", "FP64"]))
def test_a_range_holds_its_own_ends(bound: float, datatype: str) -> None:
    """A bound is read as the tensor's datatype holds it, so that a value equal to it is always inside."""
    dtype: Any = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}[datatype]
    third = bound / 3  # a double that the narrower types cannot hold
    tensor = raw_tensor("x", datatype, (1,), dtype(third).tobytes())
    field = {"type": "decimal", "range": [third, third]}
    assert typed(field, tensor).facts["x"] == repr(float(dtype(third)))
    above = np.nextafter(dtype(third), dtype(2))
    assert breach(field, raw_tensor("x", datatype, (1,), above.tobytes())).field == "x"


FP64, INT64, UINT64, BOOL = "FP64", "INT64", "UINT64", "BOOL"


@pytest.mark.parametrize(
    ("field", "tensor", "value", "bound"),
    [
        ({"type": "decimal"}, typed_tensor("x", FP64, (1,), (math.nan,)), "nan", "a finite number"),
        ({"type": "decimal"}, typed_tensor("x", FP64, (1,), (-math.inf,)), "-inf", "a finite number"),
        (
            {"type": "decimal"},
            typed_tensor("x", FP64, (1,), (1e15,)),
            "1000000000000000.0",
            "within -922337203685477.5807 to 922337203685477.5807",
        ),
        (
            {"type": "decimal", "digits": 0},
            typed_tensor("x", FP64, (1,), (922337203685477.5,)),
            "922337203685477.5",
            "within -922337203685477.5807 to 922337203685477.5807",
        ),
        (
            {"type": "decimal", "range": [0, 10.5]},
            typed_tensor("x", FP64, (1,), (11.0,)),
            "11.0",
            "within 0 to 10.5",
        ),
        ({"type": "integer", "range": [1, 6]}, typed_tensor("x", INT64, (1,), (7,)), "7", "within 1 to 6"),
        ({"type": "integer"}, typed_tensor("x", UINT64, (1,), (2**63,)), str(2**63), "a 64-bit integer"),
        ({"type": "integer"}, typed_tensor("x", FP64, (1,), (1.5,)), "1.5", "a whole number"),
        ({"type": "integer"}, typed_tensor("x", FP64, (1,), (math.nan,)), "nan", "a finite number"),
        ({"type": "integer", "values": [1, 3]}, typed_tensor("x", INT64, (1,), (2,)), "2", "one of 1, 3"),
        ({"type": "boolean"}, raw_tensor("x", BOOL, (1,), b"\2"), "2", "true or false"),
        ({"type": "boolean"}, typed_tensor("x", FP64, (1,), (0.5,)), "0.5", "true or false"),
        ({"type": "string"}, bytes_tensor(b"\xff"), "b'\\xff'", "text in UTF-8"),
        ({"type": "string"}, bytes_tensor(b"a\0"), "'a\\x00'", "text without control characters"),
        ({"type": "string", "max_bytes": 2}, bytes_tensor("äö".encode()), "4 bytes long", "at most 2 bytes"),
        ({"type": "string", "values": ["a", "b"]}, bytes_tensor(b"c"), "'c'", "one of a, b"),
        (
            {"type": "string"},
            typed_tensor("x", FP64, (1,), (1.0,)),
            "in a tensor of FP64",
            "in a tensor of BYTES",
        ),
        ({"type": "boolean"}, bytes_tensor(b"1"), "in a tensor of BYTES", None),
        ({"type": "integer"}, typed_tensor("y", INT64, (1,), (1,)), "absent", "present"),
        (
            {"type": "integer"},
            typed_tensor("x", INT64, (2,), (1, 2)),
            "2 in tensor 'x'",
            "1: one row per call",
        ),
        (
            {"type": "integer"},
            typed_tensor("x", INT64, (2, 1), (1, 2)),
            "2 in tensor 'x'",
            "1: one row per call",
        ),
        ({"type": "integer"}, typed_tensor("x", INT64, (0, 1), ()), "0 in tensor 'x'", "1: one row per call"),
        (
            {"type": "integer"},
            typed_tensor("x", INT64, (1, 2), (1, 2)),
            "one of 2 elements",
            "the only element of its tensor",
        ),
        (
            {"type": "integer", "position": 0},
            typed_tensor("x", INT64, (2, 2), (1, 2, 3, 4)),
            "2 in tensor 'x'",
            "1: one row per call",
        ),
        ({"type": "integer", "position": 2}, typed_tensor("x", INT64, (1, 2), (1, 2)), "absent", "present"),
    ],
)
def test_breaches_name_field_value_and_bound(
    field: Any, tensor: Tensor, value: str, bound: str | None
) -> None:
    """The caller learns all three; log and record learn no value."""
    raised = breach(field, tensor)
    name = "rows" if bound == "1: one row per call" else "x"
    assert raised.breach == {"field": name, "bound": raised.bound}
    assert (raised.field, raised.value, raised.bound) == (name, value, bound or raised.bound)
    assert raised.message == f"contract breach: field {name!r} is {value}, must be {raised.bound}"
    assert str(raised) == f"contract breach: field {name!r} must be {raised.bound}"
    assert raised.reason == "CONTRACT"


def test_positions_count_elements_of_the_row() -> None:
    """Position 3 of a [1, 2, 2] tensor is its last element; a flat [4] tensor is a row as well."""
    field = {"type": "integer", "position": 3}
    for shape in ((1, 2, 2), (1, 4), (4,)):
        assert typed(field, typed_tensor("x", INT64, shape, (1, 2, 3, 4))).context == {"x": 4}


def test_roles_decide_what_policy_sees() -> None:
    """Protected fields are facts and never context; the subject is neither, and told apart."""
    made = contract(
        {"name": "amount", "type": "decimal", "digits": 2},
        {"name": "applicant", "type": "integer", "role": "subject"},
        {"name": "sex", "type": "string", "role": "protected"},
    )
    seen = made.inputs(
        [
            typed_tensor("amount", "FP32", (1, 1), (12.5,)),
            typed_tensor("applicant", INT64, (1, 1), (77,)),
            bytes_tensor(b"female", name="sex"),
            typed_tensor("unknown", INT64, (9,), tuple(range(9))),
        ]
    )
    assert seen == Typed({"amount": Decimal("12.50")}, {"amount": "12.5", "sex": "female"}, "77")


def test_optional_fields_may_be_absent() -> None:
    """No breach, and no value made up."""
    made = contract(
        {"name": "a", "type": "integer", "optional": True},
        {"name": "b", "type": "integer", "tensor": "t", "position": 5, "optional": True},
        {"name": "c", "type": "integer", "tensor": "t", "position": 0},
    )
    assert made.inputs([typed_tensor("t", INT64, (1,), (3,))]) == Typed({"c": 3}, {"c": 3}, None)


def test_shared_memory_is_not_read() -> None:
    """A declared tensor in shared memory gives neither value nor breach: policy must allow it unseen."""
    shared = Tensor("x", INT64, (1,), 1, shared_memory=True)
    assert typed({"type": "integer"}, shared) == Typed({}, {}, None)


DOCUMENT = b'{"who": {"id": "p-1", "debts": [{"sum": 12.345}, {"sum": 3}]}, "ok": true, "none": null}'


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"type": "decimal", "json": "who.debts[0].sum", "digits": 2}, Decimal("12.35")),
        ({"type": "decimal", "json": "who.debts[1].sum", "digits": 1}, Decimal("3.0")),
        ({"type": "integer", "json": "who.debts[1].sum"}, 3),
        ({"type": "boolean", "json": "ok"}, True),
        ({"type": "string", "json": "who.id"}, "p-1"),
    ],
)
def test_json_paths_lead_into_an_element(field: Any, expected: Any) -> None:
    """Dots name keys, brackets count from 0."""
    seen = typed({"tensor": "doc", **field}, bytes_tensor(DOCUMENT, name="doc"))
    assert seen.context == {"x": expected}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b'{"a": 1, "a": 2}', {"type": "integer", "json": "a"}),
        (b'{"a": NaN}', {"type": "decimal", "json": "a"}),
        (b'{"a": 1e999}', {"type": "decimal", "json": "a"}),
        (b'{"a": ' + b"9" * 5000 + b"}", {"type": "integer", "json": "a"}),
        (b'{"a": "\\ud800"}', {"type": "string", "json": "a"}),
        (b'{"a": true}', {"type": "integer", "json": "a"}),
        (b'{"a": 1}', {"type": "boolean", "json": "a"}),
        (b'{"a": "1"}', {"type": "decimal", "json": "a"}),
        (b'{"a": 5}', {"type": "string", "json": "a"}),
        (b'{"a": null}', {"type": "string", "json": "a"}),
        (b'{"a": [1]}', {"type": "integer", "json": "a[1]"}),
        (b'{"a": {"b": 1}}', {"type": "integer", "json": "a[0]"}),
        (b"\xff", {"type": "integer", "json": "a"}),
        (b"", {"type": "integer", "json": "a"}),
        (b"[" * 100_000, {"type": "integer", "json": "a"}),
        (b" " * (1 << 20) + b"{}", {"type": "integer", "json": "a"}),
    ],
)
def test_json_that_readers_could_take_differently_is_a_breach(document: bytes, field: Any) -> None:
    """Duplicate keys, NaN, other types, absent paths, bottomless nesting: all refused, none crashes."""
    raised = breach({"tensor": "doc", **field}, bytes_tensor(document, name="doc"))
    assert raised.field == "x"


@given(st.binary(max_size=200))
def test_any_bytes_are_typed_or_refused(document: bytes) -> None:
    """Random documents raise nothing but a breach."""
    made = contract({"name": "x", "type": "string", "tensor": "doc", "json": "a[0].b", "optional": True})
    try:
        made.inputs([bytes_tensor(document, name="doc")])
    except Breach as raised:
        assert raised.field == "x"  # noqa: PT017 - both ends are right


def test_outputs_are_typed_alike() -> None:
    """Label and confidence reach policy and facts; what the contract must have is listed by tensor."""
    made = Contract(
        ContractSpec.model_validate(
            {
                "outputs": [
                    {"name": "approve", "type": "boolean", "role": "label", "tensor": "APPROVE"},
                    {"name": "confidence", "type": "decimal", "role": "confidence"},
                    {"name": "note", "type": "string", "optional": True},
                ]
            }
        )
    )
    seen = made.outputs(
        [raw_tensor("APPROVE", BOOL, (1, 1), b"\1"), typed_tensor("confidence", FP64, (1,), (0.9,))]
    )
    assert seen == Typed(
        {"approve": True, "confidence": Decimal("0.9000")}, {"approve": True, "confidence": "0.9"}, None
    )
    assert made.required_outputs == {"APPROVE", "confidence"}


ANY_TENSOR: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    name=st.sampled_from(["a", "b", "doc"]),
    datatype=st.sampled_from(["FP32", "FP16", "BF16", "INT64", "UINT8", "BOOL", "BYTES", "FP8", ""]),
    shape=st.lists(st.integers(-1, 3), max_size=3),
    shared=st.booleans(),
    contents=st.none()
    | st.sampled_from(["fp32_contents", "int64_contents", "bytes_contents", "bool_contents"]),
)
READS_ALL = contract(
    {"name": "a", "type": "decimal", "optional": True},
    {"name": "b0", "tensor": "b", "position": 0, "type": "integer", "optional": True},
    {"name": "b2", "tensor": "b", "position": 2, "type": "boolean", "optional": True},
    {"name": "d0", "tensor": "doc", "json": "k[0]", "type": "string", "optional": True},
    {"name": "d1", "tensor": "doc", "json": "k[1]", "type": "decimal", "optional": True},
)


@given(st.lists(ANY_TENSOR, max_size=4), st.lists(st.binary(max_size=24), max_size=4))
def test_any_request_is_typed_or_refused(tensors: list[dict[str, Any]], raw: list[bytes]) -> None:
    """However a request's parts are put together, the only ways out are values and the two refusals."""
    request = service_pb2.ModelInferRequest(raw_input_contents=raw)
    for each in tensors:
        message = request.inputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
        if each["shared"]:
            message.parameters["shared_memory_region"].string_param = "r"
        if each["contents"]:
            element = b"{}" if each["contents"] == "bytes_contents" else 1
            getattr(message.contents, each["contents"]).append(element)
    try:
        seen = READS_ALL.inputs(request_tensors(request))
    except (Breach, TensorInvalid):
        return
    assert set(seen.context) == set(seen.facts) <= {"a", "b0", "b2", "d0", "d1"}
