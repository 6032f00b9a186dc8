# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's parts that need no server: files from elsewhere, the second window, its commands."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest

from ombud_cli.demo import later
from ombud_cli.demo.commands import CommandFailed, run, typed
from ombud_cli.demo.upstream import FEATURES, Application
from ombud_cli.label_file import Defaults, read_labels


def application(row: int, *, loan: float = 100.0, income: float = 5_000.0, sex: str = "male") -> Application:
    """An application of which only loan and income matter."""
    return Application(
        row=row,
        features={"loan_amount": loan, "monthly_income": income},
        approved=row % 2 == 0,
        protected={"race": "black", "sex": sex, "marital_status": "married"},
    )


def test_second_window_has_the_largest_loans_for_their_income() -> None:
    """Those first who owe most of their income; never a loan so large that its call waits for a human."""
    given = [
        application(0),
        application(1, loan=251, income=1),
        application(2, income=2_000),
        application(3, loan=250),
    ]
    assert [each.row for each in later.shifted(given, 3)] == [2, 3, 0]


def test_past_decisions_are_labels_of_the_calls_that_were_answered(tmp_path: Path) -> None:
    """A case without an answer has no label; the file is one that `ombud label import` reads."""
    path = tmp_path / "past.csv"
    calls = {"applicant-0001": "d1", "applicant-0002": "d2"}
    later.write_past_decisions(path, [application(row) for row in (1, 2, 3)], calls)
    rows = list(read_labels(path, Defaults("historical", "all")))
    assert [(row.label.decision, row.label.text) for row in rows] == [("d1", "false"), ("d2", "true")]


def test_groups_are_kept_from_the_model_and_from_others(tmp_path: Path) -> None:
    """By case; what is not known stays blank; the file is its owner's, and no feature is a protected one."""
    path = tmp_path / "groups.csv"
    later.write_groups(path, [application(1), application(2, sex="unknown")])
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["correlation_id", "race", "sex"],
            ["applicant-0001", "black", "male"],
            ["applicant-0002", "black", ""],
        ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not {feature.name for feature in FEATURES} & {"race", "sex", "marital_status"}


def test_a_command_that_fails_ends_the_demonstration(tmp_path: Path) -> None:
    """The error shows the command as typed, its exit code and what it said."""
    missing = str(tmp_path / "no such")
    with pytest.raises(CommandFailed, match=r"ombud query '.*no such' 'SELECT 1': exit code 2: .*no such"):
        run("query", missing, "SELECT 1")
    assert typed(("query", missing)) == f"ombud query '{missing}'"
    assert run("--version").startswith("ombud ")
