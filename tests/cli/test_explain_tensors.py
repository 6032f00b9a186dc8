# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of an explanation as tensors, and answers back."""

from __future__ import annotations

import struct

import pytest

from ombud_cli.explain.tensors import Declared, Layout, outputs
from ombud_cli.failure import Failure
from ombud_reports import explain

_AMOUNT = explain.Field("amount", "decimal", "amount")
_PURPOSE = explain.Field("purpose", "string", "purpose", optional=True)
_GRADE = explain.Field("grade", "string", "grade")
_CONTRACT = explain.Contract("c0", (_AMOUNT, _PURPOSE), (_GRADE,), None)
_INPUTS = (Declared("amount", "FP32", (1,), False), Declared("purpose", "BYTES", (1,), True))


def text(*values: bytes) -> bytes:
    """Lay texts out as the wire does."""
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def test_cases_that_leave_out_other_tensors_go_apart() -> None:
    """Each request has at most so many cases; every tensor counts them first."""
    stacked = Layout(_CONTRACT, _INPUTS).stack([(1.0, "car"), (2.0, None), (3.0, "boat")], 8)
    assert [(each.cases, each.tensors) for each in stacked] == [
        (
            (0, 2),
            (
                ("amount", "FP32", (2, 1), struct.pack("<2f", 1.0, 3.0)),
                ("purpose", "BYTES", (2, 1), text(b"car", b"boat")),
            ),
        ),
        ((1,), (("amount", "FP32", (1, 1), struct.pack("<f", 2.0)),)),
    ]


def test_a_value_that_does_not_fit_is_named() -> None:
    """The range of a contract can be wider than the model's datatype."""
    with pytest.raises(Failure, match="input 'amount': a value does not fit FP32"):
        Layout(_CONTRACT, _INPUTS).stack([(1e300, None)], 8)


def test_answers_are_texts_whole_or_refused() -> None:
    """Lengths add up, and bytes are UTF-8."""
    assert outputs(_CONTRACT, {"grade": ("BYTES", text(b"A", b"B"))}, 2) == [("A",), ("B",)]
    for raw, told in (
        (text(b"A", b"B")[:-1], "ends within a text"),
        (text(b"A") + b"\0\0", "is no text"),
        (text(b"\xff"), "is no text"),
    ):
        with pytest.raises(Failure, match=f"model: output 'grade' {told}"):
            outputs(_CONTRACT, {"grade": ("BYTES", raw)}, 1)
