# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Deadlines, states and values of what is told later: the rules without a gateway around them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from governed import SYSTEM
from ombud_gateway.contract import Breach
from ombud_gateway.errors import Invalid
from ombud_gateway.incidents import CATEGORIES
from ombud_gateway.matters import Matter
from ombud_gateway.requests import months_after
from ombud_gateway.systems import parse_system


def micros(text: str) -> int:
    """Return a time in microseconds UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("begun", "months", "due"),
    [
        ("2026-01-15T08:30:00", 1, "2026-02-15T08:30:00"),
        ("2026-01-31T08:30:00", 1, "2026-02-28T08:30:00"),
        ("2028-01-31T00:00:00", 1, "2028-02-29T00:00:00"),
        ("2026-11-30T00:00:00", 3, "2027-02-28T00:00:00"),
        ("2026-12-01T23:59:59", 1, "2027-01-01T23:59:59"),
    ],
)
def test_a_month_ends_on_the_same_day_or_on_the_last(begun: str, months: int, due: str) -> None:
    """By the calendar, at the same time of day."""
    assert months_after(micros(begun), months) == micros(due)


@pytest.mark.parametrize(
    ("state", "met", "now", "stands"),
    [
        ("open", None, 10, "running"),
        ("open", None, 11, "overdue"),
        ("open", 10, 99, "met"),
        ("closed", 11, 99, "met_late"),
        ("closed", None, 5, "closed_unmet"),
    ],
)
def test_where_a_deadline_stands(state: str, met: int | None, now: int, stands: str) -> None:
    """A deadline is met on its very microsecond."""
    record: dict[str, Any] = {"state": state, "due_at": 10}
    if met is not None:
        record["met_at"] = met
    assert Matter(record, (), None, erased=False).deadline(now) == stands


def test_days_of_article_73() -> None:
    """Two for infrastructure and widespread infringement, ten for a death, fifteen for the rest."""
    assert {name: (duty.article, duty.days) for name, duty in CATEGORIES.items()} == {
        "death": ("73(4)", 10),
        "serious_harm_to_health": ("73(2)", 15),
        "critical_infrastructure": ("73(3)", 2),
        "widespread_infringement": ("73(3)", 2),
        "fundamental_rights": ("73(2)", 15),
        "property_or_environment": ("73(2)", 15),
    }


@pytest.mark.parametrize(
    ("output", "told", "value"),
    [
        ("type: boolean", "true", True),
        ("type: boolean", "0", False),
        ("type: boolean", True, True),
        ("type: integer", "7", 7),
        ("type: integer", 7.0, 7),
        ("type: decimal", ".50", "0.5"),
        ("type: decimal", "1e-3", "0.001"),
        ("type: decimal", 3, "3.0"),
        ("type: string", "7", "7"),
    ],
)
def test_a_label_is_typed_like_the_output_it_is_about(output: str, told: Any, value: Any) -> None:
    """Text stands for any type; a string output takes it as it is."""
    assert contract(output).label_of(told) == value


@pytest.mark.parametrize(
    ("output", "told", "expected"),
    [
        ("type: boolean", "yes", "true or false"),
        ("type: boolean", 1, "true or false"),
        ("type: integer, range: [0, 5]", "6", "within 0 to 5"),
        ("type: integer", "6.5", "a whole number"),
        ("type: decimal", "nan", "a number"),
        ("type: decimal", "1e999", "a finite number"),
        ("type: string, values: [a, b]", "c", "one of a, b"),
        ("type: string", 5, "text in UTF-8"),
    ],
)
def test_a_label_that_no_answer_could_be_is_a_breach(output: str, told: Any, expected: str) -> None:
    """Field and bound are named; what is logged leaves the value out."""
    with pytest.raises(Breach) as breach:
        contract(output).label_of(told)
    assert (breach.value.field, breach.value.bound) == ("score", expected)


def test_a_system_without_a_label_takes_none() -> None:
    """Said as such."""
    with pytest.raises(Invalid, match="no output with role label"):
        parse_system(SYSTEM, file="lending.yaml").contract.label_of(1)


def contract(output: str) -> Any:
    """Return a contract with one output, which labels are about."""
    declared = "- {name: score, type: decimal, digits: 4, range: [0, 1], role: score}"
    text = SYSTEM.replace(declared, f"- {{name: score, {output}, role: label}}")
    return parse_system(text, file="lending.yaml").contract
