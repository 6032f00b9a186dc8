# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Incidents and requests against their clocks: the newest entry counts, and what is open never drops out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ombud_ledger import query
from ombud_reports.ai_act.measure import Measure, measure
from ombud_reports.ai_act.measures.people import CONTESTS, EXPLANATIONS, INCIDENTS, REQUESTS
from ombud_reports.reading import Reading
from ombud_reports.result import Window
from reports.entries import START, Entry, write

BEGIN = datetime.fromtimestamp(START / 1e6, UTC)
DAY = timedelta(days=1)
DAY_US = 86_400_000_000
DAY_SECONDS = 86_400
WINDOW = Window(BEGIN + 10 * DAY, BEGIN + 20 * DAY)


def said(matter: str, days: float, kind: str = "incident", **more: Any) -> Entry:
    """Describe an entry about a matter that began on day 0 and is due on day 5."""
    body = {
        "id": matter,
        "system": "credit",
        "event": "updated",
        "state": "open",
        "category": "explanation" if kind == "request" else "death",
        "began_at": START,
        "due_at": START + 5 * DAY_US,
        "by": "ada",
        **more,
    }
    return days * DAY_SECONDS, kind, body


def asked(root: Path, what: Measure, *entries: Entry) -> tuple[dict[str, Any], ...]:
    """Write a ledger and measure it in the window."""
    write(root, sorted(entries, key=lambda entry: entry[0]))
    with query.connect(root) as ledger:
        return measure(Reading(ledger, "credit", WINDOW), what, {}).rows


def test_the_newest_date_of_a_report_counts(tmp_path: Path) -> None:
    """A date typed wrongly and set right is no late report."""
    late, right = START + 9 * DAY_US, START + 4 * DAY_US
    (found,) = asked(
        tmp_path,
        INCIDENTS,
        said("i", 1),
        said("i", 11, met_at=late),
        said("i", 12, met_at=right),
        said("j", 1),
        said("j", 11, met_at=right),
        said("j", 11, met_at=late),  # of the same moment: the later entry
    )
    assert found == {"incidents": 2, "open": 2, "reported": 2, "late": 1, "unreported": 0, "next_due": None}


def test_what_is_open_does_not_drop_out_of_later_windows(tmp_path: Path) -> None:
    """One of which the last entry lies before counts while it is open; one closed before does not."""
    due = START + 5 * DAY_US
    (found,) = asked(
        tmp_path,
        INCIDENTS,
        said("open", 1),
        said("closed-before", 1),
        said("closed-before", 2, event="closed", state="closed"),
        said("closed-within", 1, met_at=START + DAY_US),
        said("closed-within", 15, event="closed", state="closed", met_at=START + DAY_US),
        said("after", 25, began_at=START + 25 * DAY_US, due_at=START + 30 * DAY_US),
    )
    assert found == {
        "incidents": 2,
        "open": 1,
        "reported": 1,
        "late": 1,
        "unreported": 0,
        "next_due": datetime.fromtimestamp(due / 1e6, UTC).replace(tzinfo=None),
    }


def test_a_closed_incident_has_no_deadline_that_is_open(tmp_path: Path) -> None:
    """Closed without a report to an authority, it is no next deadline."""
    (found,) = asked(tmp_path, INCIDENTS, said("i", 12), said("i", 15, event="closed", state="closed"))
    assert (found["incidents"], found["next_due"]) == (1, None)


def test_what_was_closed_in_time_is_not_late(tmp_path: Path) -> None:
    """No deadline passes after the end; that it ended without a report or an answer counts apart."""
    entries = (
        said("in-time", 1),
        said("in-time", 4, event="closed", state="closed"),
        said("too-late", 1),
        said("too-late", 12, event="closed", state="closed"),
    )
    window = Window(BEGIN, BEGIN + 20 * DAY)
    write(tmp_path, sorted(entries, key=lambda entry: entry[0]))
    with query.connect(tmp_path) as ledger:
        (found,) = measure(Reading(ledger, "credit", window), INCIDENTS, {}).rows
    assert (found["incidents"], found["late"], found["unreported"]) == (2, 1, 2)


@pytest.mark.parametrize("what", [REQUESTS, EXPLANATIONS])
def test_requests_go_by_the_same_rules(tmp_path: Path, what: Measure) -> None:
    """Unanswered ones stay in; answered ones count in the window that something was said in."""
    (found,) = asked(
        tmp_path,
        what,
        said("open", 1, "request"),
        said("answered-before", 1, "request"),
        said("answered-before", 2, "request", event="answered", state="answered", met_at=START + DAY_US),
        said("within", 1, "request"),
        said("within", 12, "request", event="answered", state="answered", met_at=START + 2 * DAY_US),
    )
    expected = {"requests": 2, "answered": 1, "late": 1, "unanswered": 0, "median_hours": 48}
    assert {name: found[name] for name in expected} == expected


def test_requests_of_another_kind_are_not_counted(tmp_path: Path) -> None:
    """A measure of one kind counts that kind."""
    (found,) = asked(tmp_path, CONTESTS, said("open", 1, "request"))
    assert found["requests"] == 0
