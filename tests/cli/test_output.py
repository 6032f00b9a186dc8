# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is printed: nothing steers a terminal, JSON and CSV can be read back."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud_cli.output import Format, cell, plain, print_rows, printable


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    """No text from a record reaches the terminal with a control character."""
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (b"\x00\xff", "00ff"),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
        ({"a": (1, None)}, {"a": [1, None]}),
    ],
)
def test_plain_values_are_json(value: Any, expected: Any) -> None:
    """Every value DuckDB can give has a form in JSON."""
    assert expected == plain(value)
    json.dumps(plain(value), allow_nan=False)


def test_rows_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is one array of objects, CSV has a header, and an empty answer is still JSON."""
    rows = [("a", 1, None), ('b"\n', 2, ["x"])]
    print_rows(("text", "number", "list"), rows, Format.JSON)
    assert json.loads(capsys.readouterr().out) == [
        {"text": "a", "number": 1, "list": None},
        {"text": 'b"\n', "number": 2, "list": ["x"]},
    ]
    print_rows(("text", "number", "list"), rows, Format.CSV)
    read = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert read == [["text", "number", "list"], ["a", "1", ""], ['b"\n', "2", '["x"]']]
    print_rows(("text",), [], Format.JSON)
    assert json.loads(capsys.readouterr().out) == []


def test_a_table_is_bounded_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A table of more rows than a person reads stops, and says how to get the rest."""
    print_rows(("n",), ((n,) for n in range(5_000)), Format.TABLE)
    shown = capsys.readouterr()
    assert "999" in shown.out
    assert "1000" not in shown.out
    assert shown.err == "the first 1000 rows; -o csv or -o json prints all\n"


def test_cells_are_short() -> None:
    """A list of names reads as names, a truth value as SQL writes it."""
    assert [cell(["a", "b"]), cell(True), cell(None), cell(1 / 3)] == ["a, b", "true", "", "0.333333"]
