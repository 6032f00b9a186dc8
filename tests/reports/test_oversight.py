# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What humans decided, how long they took, and how often they approved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ombud_ledger import query
from ombud_reports.ai_act.measure import measure
from ombud_reports.ai_act.measures.oversight import REVIEW_TIMES, REVIEWS
from ombud_reports.reading import Reading
from ombud_reports.result import Window
from reports.entries import START, Entry, write

BEGIN = datetime.fromtimestamp(START / 1e6, UTC)


def told(seconds: float, review: str, event: str, stage: str) -> Entry:
    """Describe what happened to a review."""
    return seconds, "review", {"id": review, "system": "credit", "event": event, "stage": stage}


def test_contests_are_no_sign_of_automation_bias(tmp_path: Path) -> None:
    """Who grants a contest finds against an answer, so contests are in neither times nor share approved."""
    entries = [
        told(1, "r", "opened", "release"),
        told(61, "r", "rejected", "release"),
        told(70, "c", "opened", "contest"),
        told(71, "c", "approved", "contest"),
    ]
    write(tmp_path, entries)
    with query.connect(tmp_path) as ledger:
        reading = Reading(ledger, "credit", Window(BEGIN, BEGIN + timedelta(days=1)))
        (found,) = measure(reading, REVIEW_TIMES, {"readable_seconds": 5.0}).rows
    assert found == {"decided": 1, "median_s": 60, "p95_s": 60, "quick": 0, "share_approved": 0.0}


def test_reviews_count_once_all_their_groups_approved_and_contests_apart(tmp_path: Path) -> None:
    """What one of two groups approved still waits, as in the operations report; a contest counts apart."""
    opened = {"event": "opened", "stage": "release", "groups": ["underwriters", "risk"]}
    entries: list[Entry] = [
        (seconds, "review", {"system": "credit", **body})
        for seconds, body in (
            (1, {"id": "half", **opened}),
            (2, {"id": "half", "event": "approved", "group": "risk", "groups": ["risk"]}),
            (3, {"id": "whole", **opened}),
            (4, {"id": "whole", "event": "approved", "group": "risk", "groups": ["risk"]}),
            (
                5,
                {
                    "id": "whole",
                    "event": "approved",
                    "group": "underwriters",
                    "groups": ["risk", "underwriters"],
                },
            ),
            (6, {"id": "c", **opened, "stage": "contest", "groups": ["risk"]}),
            (7, {"id": "c", "event": "approved", "stage": "contest", "group": "risk", "groups": ["risk"]}),
        )
    ]
    write(tmp_path, entries)
    with query.connect(tmp_path) as ledger:
        (found,) = measure(
            Reading(ledger, "credit", Window(BEGIN, BEGIN + timedelta(days=1))), REVIEWS, {}
        ).rows
    assert found == {"opened": 2, "approved": 1, "rejected": 0, "overridden": 0, "expired": 0, "erased": 0}
