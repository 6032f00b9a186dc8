# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ai-act document over small real ledgers: figures, states, wording, and what hostile text does to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ombud_ledger import query
from ombud_reports.ai_act.measure import scalar
from ombud_reports.making import make
from ombud_reports.result import Figure, Notice, Report, Table, Text
from reports.entries import Entry, answered, declare, declared, sample, write

SIGNED = {"by": "Ada", "function": "Counsel", "signed": "2026-11-02"}
AI_ACT: dict[str, Any] = {
    "roles": ["deployer"],
    "classification": {"conclusion": "high_risk", "annex_iii": "5(b)", "reason": "Credit.", **SIGNED},
    "traits": ["decides_on_people", "personal_data"],
    "oversight": [
        {"role": "Underwriter", "who": ['User::"ines"'], "competence": "Trained.", "authority": "May refuse."}
    ],
    "declarations": [{"paragraph": "26(6)", "statement": "Two years.", **SIGNED}],
}
REVIEW = {"id": "c", "system": "credit", "stage": "infer"}
HELD = {"verdict": "review", "policies": ["large"], "outcome": "held", "review": "c", "steps": {}}
ENTRIES: list[Entry] = [
    sample(1, ("loan", "1", 0)),
    answered(2, "a"),
    answered(3, "b"),
    (4, "decision", {**answered(4, "c")[2], **HELD}),
    (4, "review", {**REVIEW, "event": "opened", "groups": ["underwriters"]}),
    (9, "review", {**REVIEW, "event": "approved", "group": "underwriters", "approver": 'User::"omar"'}),
    (
        10,
        "decision",
        {**answered(10, "d")[2], "verdict": "deny", "policies": [], "outcome": "refused", "steps": {}},
    ),
    (11, "policy", {"event": "activated", "new": "ab" * 32}),
    sample(12, ("loan", "1", 3)),
]


LATER = datetime(2027, 12, 3, tzinfo=UTC)


def document(root: Path, *, end: datetime | None = None, **options: object) -> Report:
    """Make the document of the ledger."""
    with query.connect(root) as ledger:
        return make("ai-act", ledger, system="credit", end=end, options=options)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of four calls, a review and one call past the gateway."""
    root = tmp_path_factory.mktemp("ledger")
    write(root, [declare(root, ai_act=AI_ACT), *ENTRIES])
    return root


@pytest.fixture(scope="module")
def later(ledger: Path) -> Report:
    """The document of a window that ends after high-risk duties have come to apply."""
    return document(ledger, end=LATER)


@pytest.fixture(scope="module")
def report(ledger: Path) -> Report:
    """Its document."""
    return document(ledger)


def figure(report: Report, name: str) -> Any:
    """Return a figure's value."""
    return next(each.value for each in report.figures() if each.name == name)


def row(report: Report, paragraph: str) -> tuple[str | Figure, ...]:
    """Return the line of a paragraph."""
    return next(
        row
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Table) and block.title.endswith("duties")
        for row in block.rows
        if str(row[0]).startswith(f"{paragraph} [")
    )


def texts(report: Report) -> Iterator[str]:
    """Yield everything that a reader reads."""
    for section in report.sections:
        yield section.title
        for block in section.blocks:
            if isinstance(block, Text | Notice):
                yield block.text
            elif isinstance(block, Table):
                yield from (block.title, block.note, *block.columns)
                yield from (cell for row in block.rows for cell in row if isinstance(cell, str))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("volume.calls", 4),
        ("kinds.review.entries", 2),
        ("denials.denied", 1),
        ("denials.sent_to_review", 1),
        ("policies.large.sent_to_review", 1),
        ("policies.(none permits).denied", 1),
        ("errors.forwarded", 2),
        ("errors.answered", 2),
        ("reviews.opened", 1),
        ("reviews.approved", 1),
        ("review_times.median_s", 5),
        ("review_times.quick", 1),
        ("roster.on_roster", 0),
        ("roster.off_roster", 1),
        ("unattended.alone", 2),
        ("callers.Agent.calls", 4),
        ("versions.loan.1.(none).(none).answers", 2),
        ("retention.entries_kept", "2y"),
        ("changes.activations", 1),
        ("coverage.server", 3),
        ("coverage.ledger", 2),
        ("coverage.least", 1),
        ("usage.most", 4),
        ("reasons.named", 3),
        ("incidents.incidents", 0),
    ],
)
def test_figures(report: Report, name: str, value: object) -> None:
    """Each figure is what the entries say."""
    assert value == figure(report, name)


def test_every_figure_can_be_asked_again(ledger: Path, report: Report) -> None:
    """The statement that a figure names, run by hand with its parameters, has the figure among its cells."""
    figures = [each for each in report.figures() if each.source and not each.name.startswith("basis.")]
    named = {each.source for each in figures}
    cells: dict[tuple[str, str], set[str]] = {}
    with query.connect(ledger) as again:
        for source in (each for each in report.sources if each.name in named):
            result = again.execute(source.sql, dict(source.parameters))
            columns = [name for name, *_ in result.description]
            for row in result.fetchall():
                for column, cell in zip(columns, row, strict=True):
                    cells.setdefault((source.name, column), set()).add(str(scalar(cell)))
    for each in figures:
        assert str(each.value) in cells[each.source, each.name.rpartition(".")[2]], each.name


@pytest.mark.parametrize(
    ("paragraph", "state"),
    [
        ("26(6)", "not yet applicable; so far: evidenced"),
        ("26(12)", "not yet applicable; so far: missing"),
        ("12(1)", "not applicable"),
        ("GDPR 22(3)", "partly evidenced"),
        ("4(1)", "missing"),
        ("50(1)", "not applicable"),
    ],
)
def test_states_on_the_last_day_of_the_window(report: Report, paragraph: str, state: str) -> None:
    """In 2025 high-risk duties are still to come, the GDPR is not; Article 4 is there since February."""
    assert state == row(report, paragraph)[3]


def test_states_after_the_date(later: Report) -> None:
    """With a window that ends after 2027-12-02, the duty applies and shows what was found."""
    assert [row(later, name)[3] for name in ("26(6)", "26(12)", "26(2)")] == [
        "evidenced",
        "missing",
        "partly evidenced",
    ]


def test_a_reviewer_off_the_roster_is_missing_evidence(later: Report) -> None:
    """Whoever decided and is not on the roster shows in the line about assigned persons."""
    assert "Reviewers and the declared roster" in str(row(later, "26(2)")[5])


def test_possible_bypass_is_a_gap(report: Report) -> None:
    """An answer without a call is told in the summary, and again beside integrity."""
    notices = [block for section in report.sections for block in section.blocks if isinstance(block, Notice)]
    assert [each.level for each in notices if "may have gone past the gateway" in each.text] == ["gap", "gap"]


def test_it_is_a_draft_and_says_so(report: Report) -> None:
    """The summary comes right after the gaps and begins with what the document is."""
    summary = report.sections[1]
    assert summary.title == "Summary"
    first = summary.blocks[0]
    assert isinstance(first, Notice)
    assert first.text.startswith("Draft.")


def test_the_same_entries_give_the_same_document(ledger: Path, report: Report) -> None:
    """No clock and no chance is in it."""
    assert report == document(ledger)


def test_readable_seconds_decide_what_is_quick(ledger: Path) -> None:
    """The bound is an option, and stands among the statement's parameters."""
    patient = document(ledger, readable_seconds=4.0)
    assert figure(patient, "review_times.quick") == 0
    assert {each.name: each.parameters.get("readable_seconds") for each in patient.sources}[
        "review_times"
    ] == "4.0"


FORBIDDEN = re.compile(
    r"\b(compliant|compliance|certified|conforms|guarantee\w*|unbiased|safe|trustworthy)\b", re.IGNORECASE
)


def test_wording(report: Report) -> None:
    """Nothing in it says that a duty is met."""
    said = [text for text in texts(report) if FORBIDDEN.search(text.replace("safe state", ""))]
    assert said == []


def test_a_system_of_which_nothing_is_declared(tmp_path: Path) -> None:
    """Without an `ai_act` the document is made, says so, and shows duties of both roles."""
    write(tmp_path, [declare(tmp_path), *ENTRIES])
    report = document(tmp_path, end=LATER)
    assert any(text.startswith("The system file has no `ai_act`") for text in texts(report))
    assert [row(report, name)[3] for name in ("12(1)", "26(6)")] == ["partly evidenced", "partly evidenced"]


def test_a_ledger_that_declares_no_system(tmp_path: Path) -> None:
    """Without a system file, that is the first thing that is said."""
    write(tmp_path, ENTRIES)
    report = document(tmp_path)
    assert any("no entry before the end of the window declares the system" in text for text in texts(report))


HOSTILE = "</table><script>alert(1)</script>'; DROP TABLE entries; -- {{ 7*7 }} $system"


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """Names and declarations that would be SQL or HTML are figures' names and cells, word for word."""
    entries: list[Entry] = [
        (
            2,
            "decision",
            {**answered(2, "a")[2], "policies": [HOSTILE], "verdict": "deny", "principal_type": HOSTILE},
        ),
        sample(1, (HOSTILE, HOSTILE, 0)),
        sample(3, (HOSTILE, HOSTILE, 1)),
    ]
    act = {**AI_ACT, "note": HOSTILE, "oversight": [{**AI_ACT["oversight"][0], "who": [HOSTILE, "a\nb"]}]}
    write(
        tmp_path, [declare(tmp_path, ai_act=act, purpose=HOSTILE), *sorted(entries, key=lambda each: each[0])]
    )
    report = document(tmp_path)
    assert figure(report, f"policies.{HOSTILE}.denied") == 1
    assert HOSTILE in set(texts(report))


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"ai_act: [1, 2]\n", b"ai_act: {roles: {a: 1}}\n"])
def test_an_object_that_is_no_system_file(tmp_path: Path, text: bytes) -> None:
    """A ledger may hold anything under the digest; the document is made, and declares nothing by it."""
    write(tmp_path, [declared(tmp_path, text), *ENTRIES])
    report = document(tmp_path)
    assert row(report, "26(6)")[3] == "not yet applicable; so far: partly evidenced"
