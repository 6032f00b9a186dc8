# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The auditor's queries that come with the ledger run as they are, and say what they claim to."""

from pathlib import Path
from typing import Any

import pytest

from ledger import samples
from ombud_ledger import query

QUERIES = Path(__file__).parents[2] / "ledger" / "queries"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a ledger of a few calls, two of them with an intent, and of two reviews; half of it sealed."""
    root = tmp_path_factory.mktemp("ledger")
    ledger = samples.open_log(root)
    for number in range(4):
        ledger.append_blocking("decision", samples.decision(number, "deny" if number == 3 else "allow"))
    for number in (10, 11):
        ledger.append_blocking("intent", {**samples.decision(number), "final": False})
    ledger.seal_blocking()
    ledger.append_blocking("outcome", {"id": "d-10", "system": "credit", "final": True})
    for review, settled in (("r-1", "approved"), ("r-2", "")):
        ledger.append_blocking("review", {"id": review, "event": "opened", "system": "credit"})
        if settled:
            ledger.append_blocking("review", {"id": review, "event": settled, "group": "adjusters"})
    ledger.close()
    return root


def ask(root: Path, name: str) -> list[tuple[Any, ...]]:
    """Run one of them."""
    with query.connect(root) as sql:
        return sql.execute((QUERIES / f"{name}.sql").read_text(encoding="utf-8")).fetchall()


def test_verdicts(root: Path) -> None:
    """Calls and shares of a month."""
    rows = ask(root, "verdicts")
    assert [(row[0], row[2], row[3], float(row[4])) for row in rows] == [
        ("credit", "allow", 5, 0.8333),
        ("credit", "deny", 1, 0.1667),
    ]


def test_refusals(root: Path) -> None:
    """Every determining policy of a denied call, once."""
    rows = ask(root, "refusals")
    assert [(row[0], row[2], row[4]) for row in rows] == [
        ("permit_release", "deny", 1),
        ("permit_small", "deny", 1),
    ]


def test_oversight(root: Path) -> None:
    """What was settled, and what was not."""
    assert [row[:3] for row in ask(root, "oversight")] == [
        ("-", "not settled", 1),
        ("adjusters", "approved", 1),
    ]


def test_unfinished(root: Path) -> None:
    """The intent that has no outcome."""
    assert [row[3] for row in ask(root, "unfinished")] == ["d-11"]


def test_in_force(root: Path) -> None:
    """One combination, all calls."""
    assert [row[6] for row in ask(root, "in_force")] == [6]
