# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a server counted against what the ledger has: exact, bypassed, restarted, under way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ombud_ledger import query
from ombud_reports.ai_act.measure import measure
from ombud_reports.ai_act.measures.coverage import COVERAGE, SPANS
from ombud_reports.reading import Reading
from ombud_reports.result import Window
from reports.entries import START, Entry, answered, sample, write

BEGIN = datetime.fromtimestamp(START / 1e6, UTC)
FIGURES = ("server", "ledger", "failed", "edge", "least", "most", "restarted")


def spans(root: Path, logs: Sequence[Sequence[Entry]], grain: str = "month") -> list[tuple[object, ...]]:
    """Write the logs and return the spans, each as version and FIGURES."""
    for number, entries in enumerate(logs):
        write(root, entries, log=f"r{number}-0")
    with query.connect(root) as ledger:
        reading = Reading(ledger, "credit", Window(BEGIN, BEGIN + timedelta(days=40)))
        found = measure(reading, SPANS, {"grain": grain})
        total = measure(reading, COVERAGE, {"grain": grain})
    assert total.value("server") == (sum(row["server"] for row in found.rows) if found.rows else None)
    assert total.value("least") == (sum(row["least"] for row in found.rows) if found.rows else None)
    return [tuple(row[name] for name in ("version", *FIGURES)) for row in found.rows]


def failed(seconds: float, call: str, **more: Any) -> Entry:
    """Describe a call that was forwarded and not answered."""
    left_out = {"response_bytes", "model_version"}
    body = {key: value for key, value in answered(seconds, call, **more)[2].items() if key not in left_out}
    return seconds, "decision", {**body, "outcome": "failed"}


CASES: dict[str, tuple[list[Entry], list[tuple[object, ...]]]] = {
    "every answer has its call": (
        [sample(1, ("loan", "1", 7)), answered(2, "a"), answered(3, "b"), sample(9, ("loan", "1", 9))],
        [("1", 2, 2, 0, 0, 0, 0, "no")],
    ),
    "one answer has none": (
        [sample(1, ("loan", "1", 7)), answered(2, "a"), sample(9, ("loan", "1", 9))],
        [("1", 2, 1, 0, 0, 1, 1, "no")],
    ),
    "a call that was denied was never forwarded": (
        [
            sample(1, ("loan", "1", 0)),
            (2, "decision", {**answered(2, "a")[2], "steps": {}, "outcome": "refused"}),
            sample(9, ("loan", "1", 1)),
        ],
        [("1", 1, 0, 0, 0, 1, 1, "no")],
    ),
    "the server started again": (
        [
            sample(1, ("loan", "1", 7)),
            answered(2, "a"),
            answered(3, "b"),
            sample(4, ("loan", "1", 9)),
            answered(5, "c"),
            answered(6, "d"),
            sample(7, ("loan", "1", 1)),
            answered(8, "e"),
            sample(9, ("loan", "1", 3)),
        ],
        [
            ("1", 2, 2, 0, 0, 0, 0, "no"),
            ("1", 1, 2, 0, 0, 0, 0, "yes"),
            ("1", 2, 1, 0, 0, 1, 1, "no"),
        ],
    ),
    "a version that was loaded later counts from nothing": (
        [
            sample(1, ("loan", "1", 7)),
            answered(2, "a", model_version="2"),
            sample(9, ("loan", "1", 7), ("loan", "2", 2)),
        ],
        [("1", 0, 0, 0, 0, 0, 0, "no"), ("2", 2, 1, 0, 0, 1, 1, "no")],
    ),
    "a model that was not there at first counts from nothing": (
        [sample(1), answered(2, "a"), sample(9, ("loan", "1", 1))],
        [("1", 1, 1, 0, 0, 0, 0, "no")],
    ),
    "a call under way at the end may be on either side": (
        [sample(1, ("loan", "1", 0)), sample(5, ("loan", "1", 1), told=5.1), answered(6, "a", took=2)],
        [("1", 1, 0, 0, 1, 0, 1, "no")],
    ),
    "a call under way at the begin may be on either side": (
        [sample(1, ("loan", "1", 1), told=1.1), answered(2, "a", took=1.5), sample(5, ("loan", "1", 2))],
        [("1", 1, 1, 0, 1, 0, 1, "no")],
    ),
    "a call that failed may have been answered": (
        [
            sample(1, ("loan", "1", 0)),
            failed(2, "a"),
            sample(5, ("loan", "1", 1)),
        ],
        [("1", 1, 0, 1, 0, 0, 1, "no")],
    ),
    "samples in several entries are one": (
        [
            sample(1, ("loan", "1", 4)),
            sample(1, ("loan", "2", 4), told=1.1),
            answered(2, "a"),
            sample(5, ("loan", "1", 5)),
            sample(5, ("loan", "2", 4), told=5.1),
        ],
        [("1", 1, 1, 0, 0, 0, 0, "no"), ("2", 0, 0, 0, 0, 0, 0, "no")],
    ),
    "a stream is one call": (
        [
            sample(1, ("loan", "1", 0)),
            (2, "outcome", {**answered(2, "a")[2], "part": 1}),
            (3, "outcome", {**answered(3, "a")[2], "part": 2}),
            sample(5, ("loan", "1", 1)),
        ],
        [("1", 1, 1, 0, 0, 0, 0, "no")],
    ),
    "an explanation in batches is as many requests as it took": (
        [
            sample(1, ("loan", "1", 0)),
            answered(2, "a"),
            answered(3, "b", action="explain", cases=40, requests=5),
            sample(5, ("loan", "1", 7)),
        ],
        [("1", 7, 6, 0, 0, 1, 1, "no")],
    ),
    "an explanation that failed took at most one request a case": (
        [
            sample(1, ("loan", "1", 0)),
            failed(3, "b", action="explain", cases=4),
            sample(5, ("loan", "1", 4)),
        ],
        [("1", 4, 0, 4, 0, 0, 4, "no")],
    ),
    "an explanation case by case is one request a case": (
        [
            sample(1, ("loan", "1", 0)),
            answered(2, "a"),
            answered(3, "b", action="explain", cases=40, requests=40),
            sample(5, ("loan", "1", 42)),
        ],
        [("1", 42, 41, 0, 0, 1, 1, "no")],
    ),
    "one sample is nothing to compare": ([sample(1, ("loan", "1", 4)), answered(2, "a")], []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_unexplained(case: str, tmp_path: Path) -> None:
    """Server, ledger, failed, under way, unexplained at least and at most, restarted: as the case says."""
    entries, expected = CASES[case]
    assert expected == spans(tmp_path, [entries])


def test_several_gateways_before_one_server(tmp_path: Path) -> None:
    """Calls of all logs count; samples are those of one log, so that no clock is held against another."""
    first = [
        sample(1, ("loan", "1", 0)),
        answered(2, "a"),
        sample(5, ("loan", "1", 2)),
        sample(6, ("loan", "1", 2)),
    ]
    second = [answered(3, "b"), sample(5.5, ("loan", "1", 1))]
    assert spans(tmp_path, [first, second]) == [("1", 2, 2, 0, 0, 0, 0, "no")]


def test_spans_end_with_the_day(tmp_path: Path) -> None:
    """By day, a bypass stands in the day in which it was counted."""
    day = 86_400
    entries = [
        sample(1, ("loan", "1", 0)),
        answered(2, "a"),
        sample(9, ("loan", "1", 1)),
        answered(day + 2, "b"),
        sample(day + 9, ("loan", "1", 3)),
    ]
    assert spans(tmp_path, [entries], "day") == [("1", 1, 1, 0, 0, 0, 0, "no"), ("1", 2, 1, 0, 0, 1, 1, "no")]
