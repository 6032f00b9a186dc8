# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The file of an incident: its clock, its calls, what policies said, what is preserved, what is left open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ombud_ledger import query
from ombud_policies import Bundle
from ombud_reports import OptionInvalid, Report, make
from ombud_reports.result import Figure, Notice, Table
from reports.entries import START, Entry, answered, declare, write

DAY = 86_400_000_000
CREDIT = Path(__file__).parents[2] / "policies" / "bundles" / "credit"
AWARE = START + 5_000_000


def told(seconds: float, event: str, **more: Any) -> Entry:
    """Describe an entry about incident i1."""
    body = {
        "id": "i1",
        "system": "credit",
        "event": event,
        "state": "closed" if event == "closed" else "open",
        "category": "fundamental_rights",
        "article": "73(2)",
        "began_at": AWARE,
        "due_at": AWARE + 15 * DAY,
        "causal_link": "suspected",
        "decisions": ["a"],
        "by": 'User::"ada"',
        **more,
    }
    return seconds, "incident", body


def file_of(root: Path, *entries: Entry, **options: object) -> Report:
    """Write a ledger and make the file of i1."""
    bundle = Bundle.load(CREDIT)
    call = answered(2, "a", bundle=bundle.digest, policies=["large-loan", "unheard-of"], approval="r")
    reviews: list[Entry] = [
        (3, "review", {"id": "r", "system": "credit", "event": "approved", "approver": 'User::"ines"'})
    ]
    write(root, [declare(root), call, *reviews, *entries])
    (root / "objects" / bundle.digest).write_bytes(bundle.to_bytes())
    with query.connect(root) as ledger:
        return make("incident", ledger, system="credit", options={"incident": "i1", **options})


def figures(report: Report) -> dict[str, Any]:
    """Return the figures by name."""
    return {each.name: each.value for each in report.figures()}


def gaps(report: Report) -> list[str]:
    """Return what the builder says is missing."""
    sections = report.sections[1:]
    return [
        block.text
        for section in sections
        for block in section.blocks
        if isinstance(block, Notice) and block.level == "gap"
    ]


def rows(report: Report, title: str) -> tuple[tuple[str | Figure, ...], ...]:
    """Return the rows of a table."""
    return next(
        block.rows
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Table) and block.title == title
    )


def test_reported_in_time(tmp_path: Path) -> None:
    """From awareness to report, and what was left of the deadline, in days."""
    report = file_of(
        tmp_path,
        told(6, "opened"),
        told(3 * 86_400, "updated", met_at=AWARE + 2 * DAY),
        (3 * 86_400 + 1, "system", {"event": "held", "system": "credit", "by": "ada"}),
    )
    found = figures(report)
    assert (found["clock.days_to_report"], found["clock.days_left"], found["since.holds"]) == (2.0, 13.0, 1)
    assert gaps(report) == []


def test_past_its_deadline(tmp_path: Path) -> None:
    """An incident that nobody reported in time is said to be so, and that no hold was placed."""
    report = file_of(tmp_path, told(6, "opened"), told(16 * 86_400, "updated"))
    assert gaps(report) == [
        "The deadline passed, and no report to an authority is on record.",
        "No legal hold was placed since awareness: what the retention periods end may be deleted.",
    ]


def test_reported_late(tmp_path: Path) -> None:
    """A report after the deadline is told of, too."""
    report = file_of(tmp_path, told(6, "opened"), told(17 * 86_400, "updated", met_at=AWARE + 16 * DAY))
    assert gaps(report)[0] == "It was reported after its deadline."


def test_from_when_its_article_applies(tmp_path: Path) -> None:
    """The catalogue's date, by the route that the system was classified by."""
    product = {"classification": {"conclusion": "high_risk", "annex_i": "Medical devices", "reason": "r"}}
    write(tmp_path, [declare(tmp_path, ai_act=product), told(6, "opened")])
    with query.connect(tmp_path) as ledger:
        report = make("incident", ledger, system="credit", options={"incident": "i1"})
    (note,) = (
        block.note
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Table) and block.title == "Its clock"
    )
    assert "Article 73 applies from 2028-08-02" in note


def test_closed_without_a_report(tmp_path: Path) -> None:
    """Closed in time it missed no deadline, however late one looks; that nobody was told stands there."""
    closed = (told(6, "opened"), told(3 * 86_400, "closed"), answered(20 * 86_400, "b"))
    report = file_of(tmp_path, *closed)
    assert "It was closed, and no report to an authority is on record." in gaps(report)
    assert "The deadline passed, and no report to an authority is on record." not in gaps(report)
    assert round(figures(report)["clock.days_left"], 3) == 12.0


def test_when_it_was_reported_can_be_corrected(tmp_path: Path) -> None:
    """The newest entry says when, be it sooner than one before it said, and be both of the same moment."""
    report = file_of(
        tmp_path,
        told(6, "opened"),
        told(17 * 86_400, "updated", met_at=AWARE + 16 * DAY),
        told(17 * 86_400, "updated", met_at=AWARE + 2 * DAY),
        told(17 * 86_400, "updated", met_at=AWARE + 3 * DAY),
    )
    found = figures(report)
    assert (found["clock.days_to_report"], found["clock.days_left"]) == (3.0, 12.0)
    assert "It was reported after its deadline." not in gaps(report)


def test_its_calls_with_what_policies_say(tmp_path: Path) -> None:
    """Each determining policy stands with its author's words, out of the bundle that judged."""
    report = file_of(tmp_path, told(6, "opened"))
    said = {row[1]: row[2:] for row in rows(report, "Policies that determined the calls")}
    assert said["large-loan"][0] == "forbid"
    assert str(said["large-loan"][1]).startswith("Above 250 thousand USD an underwriter decides")
    assert said["unheard-of"][0] == "not known"
    assert rows(report, "What humans decided on the calls")[0][-1] == 'User::"ines"'
    ((call, entry, chain),) = rows(report, "Entries and their chain values")
    assert (call, entry, len(str(chain))) == ("a", "r0-0:2", 64)


def test_a_call_that_is_not_there(tmp_path: Path) -> None:
    """A call of another ledger, or pruned, is named."""
    report = file_of(tmp_path, told(6, "opened", decisions=["a", "gone"]))
    assert "Not in this ledger, or pruned: gone." in gaps(report)


def test_changes_since_awareness(tmp_path: Path) -> None:
    """What Article 73(6) looks at: new bundles, system files and versions after awareness, not before."""
    report = file_of(
        tmp_path,
        told(6, "opened"),
        (7, "policy", {"event": "activated", "new": "ab" * 32}),
        answered(8, "b", model_version="2"),
    )
    found = figures(report)
    assert (found["since.activations"], found["since.model_versions"], found["since.system_files"]) == (
        1,
        1,
        0,
    )


def test_an_unknown_incident_is_refused(tmp_path: Path) -> None:
    """The error names those there are."""
    with pytest.raises(OptionInvalid, match="incident: is 'i2', must be one that the system has: i1"):
        file_of(tmp_path, told(6, "opened"), incident="i2")


@pytest.mark.parametrize("decisions", ["a", {"a": 1}, [1, None], [["a"]], "<script>"])
def test_decisions_that_are_no_list(tmp_path: Path, decisions: Any) -> None:
    """Whoever holds a ledger can write anything there; the file is made all the same."""
    decisions = [each for each in decisions if each is not None] if isinstance(decisions, list) else decisions
    assert figures(file_of(tmp_path, told(6, "opened", decisions=decisions)))["clock.entries"] == 1
