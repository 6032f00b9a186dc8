# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The model card: what people say beside what the ledger shows, and what nobody said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ombud_ledger import query
from ombud_reports import Report, make
from ombud_reports.result import Notice, Table
from reports.entries import answered, declare, write


def card(root: Path, **sections: Any) -> Report:
    """Write a ledger of two answers and make the card."""
    write(root, [declare(root, **sections), answered(2, "a"), answered(3, "b", model_version="2")])
    with query.connect(root) as ledger:
        return make("card", ledger, system="credit")


def cells(report: Report) -> dict[str, str]:
    """Return what stands beside each heading of the tables that people filled."""
    return {
        str(row[0]): str(row[1])
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Table) and block.columns[1] == "As declared"
        for row in block.rows
    }


def test_what_people_say_and_what_the_ledger_shows(tmp_path: Path) -> None:
    """Words come from the system file, numbers from entries."""
    report = card(tmp_path, card={"limitations": "Old data.", "data": {"source": "A bank."}})
    said = cells(report)
    assert (said["Limitations"], said["Where they come from"], said["Licence"]) == (
        "Old data.",
        "A bank.",
        "not said",
    )
    answers = {each.name: each.value for each in report.figures() if each.name.endswith(".answers")}
    assert answers == {"versions.loan.1.(none).(none).answers": 1, "versions.loan.2.(none).(none).answers": 1}


def test_without_a_card_that_is_said(tmp_path: Path) -> None:
    """A system file without `card` makes a card of figures, with a gap."""
    report = card(tmp_path)
    texts = [
        block.text for section in report.sections for block in section.blocks if isinstance(block, Notice)
    ]
    assert "The system file has no `card`: what only people can say is open." in texts
    assert cells(report)["Purpose"] == "Recommend."
