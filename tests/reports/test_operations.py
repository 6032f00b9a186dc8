# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The operations report against numbers counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ombud_ledger import query
from ombud_reports import Report, make, to_json
from reports.ledgers import START, call, halves, review, story, write

BEGIN = datetime.fromtimestamp(START / 1e6, UTC)
HOUR = timedelta(hours=1)


def operations(root: Path, begin: datetime = BEGIN + HOUR, end: datetime = BEGIN + 2 * HOUR) -> Report:
    """The report on the second hour, unless said otherwise."""
    with query.connect(root, published=True) as ledger:
        return make("operations", ledger, system="credit", begin=begin, end=end, by="test")


def values(report: Report) -> dict[str, Any]:
    """Value of every figure; why there is none in its place."""
    return {
        figure.name: figure.absent if figure.value is None else figure.value for figure in report.figures()
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report on the second hour of the story."""
    root = tmp_path_factory.mktemp("ledger")
    write(root, story())
    return operations(root)


def test_explanations_are_no_calls_of_the_system(tmp_path: Path, report: Report) -> None:
    """Calls that ask the model for an explanation change no figure of how the system ran."""
    explaining = {"action": "explain", "cases": 40, "correlation_id": "why", "added_us": 900_000}
    write(tmp_path, sorted([*story(), call(900, 4_500, **explaining)], key=lambda entry: entry[0]))
    found, expected = (
        {name: value for name, value in values(each).items() if not name.startswith("basis.")}
        for each in (operations(tmp_path), report)
    )
    assert expected == found


def test_stretches_without_a_call_are_zero(report: Report) -> None:
    """Every minute that the window touches has its row: a chart draws no line across what was silent."""
    found = [
        value
        for name, value in values(report).items()
        if name.startswith("over_time.") and name.endswith(".calls")
    ]
    assert (len(found), sum(found), min(found)) == (61, 60, 0)


def test_calls_verdicts_and_cases(report: Report) -> None:
    """Every call counts once, further attempts apart, cases by their correlation id."""
    found = values(report)
    expected = {
        "calls.calls": 60,
        "calls.cases": 30,
        "calls.retries": 1,
        "calls.answered": 55,
        "calls.allow": 56,
        "calls.review": 3,
        "calls.deny": 1,
        "calls.failed": 1,
        "calls.failed_share": 1 / 60,
        # Three cases had a call that waited for a human; of one, one call was denied and the other failed.
        "cases.straight": 26,
        "cases.answered_after_review": 3,
        "cases.unanswered": 1,
        "cases.straight_share": 26 / 30,
        "refusals.REVIEW_REQUIRED.FAILED_PRECONDITION": 3,
        "refusals.DENIED.PERMISSION_DENIED": 1,
        "refusals.UPSTREAM.UNAVAILABLE": 1,
        "unjudged.unauthenticated": 3,
        "attempts.1.calls": 59,
        "attempts.2.calls": 1,
    }
    assert expected == {name: found[name] for name in expected}


def test_times_of_steps(report: Report) -> None:
    """Percentiles by nearest rank; none where calls are too few for it."""
    found = values(report)
    expected = {
        "latency.added.calls": 60,
        "latency.added.p50": 100 + 10 * 69,  # the thirtieth of calls 40 to 99
        "latency.added.p95": 100 + 10 * 96,
        "latency.added.p99": "too few: 60 of at least 100 calls",
        "latency.decide.p50": 30 + 69,
        "latency.forward.p95": 4_000,
    }
    assert expected == {name: found[name] for name in expected}


def test_reviews(report: Report) -> None:
    """Opened, settled, waiting; how long each took; what a human did to the model's answers."""
    found = values(report)
    second = 1_000_000
    expected = {
        "reviews.opened": 3,
        "reviews.per_1000": 50.0,
        "reviews.approved": 1,
        "reviews.rejected": 1,
        "reviews.approved_share": 0.5,
        "reviews.waiting": 1,
        "reviews.oldest_us": (7_200 - 5_100) * second,
        "resolution.p50": (4_110 - 4_100) * second,
        "resolution.p95": "too few: 2 of at least 20 human verdicts",
        "reviews.override_share": "no answer judged by a human in this window",
    }
    assert expected == {name: found[name] for name in expected}


def test_contests_count_apart(report: Report, tmp_path: Path) -> None:
    """Reviews of decisions that people contest change no figure on the reviews that calls wait for."""
    contest = {"stage": "contest", "groups": ["appeals"]}
    settled = {**contest, "group": "appeals", "approver": 'User::"ada"'}
    told = [
        review(900, 3_700, "opened", **contest),
        review(900, 3_800, "approved", **settled),
        review(901, 3_700, "opened", **contest),
        review(901, 3_900, "rejected", **settled),
        review(902, 3_700, "opened", **contest),
    ]
    write(tmp_path, sorted([*story(), *told], key=lambda entry: entry[0]))
    found, without = values(operations(tmp_path)), values(report)
    expected = {"opened": 3, "granted": 1, "refused": 1, "lapsed": 0, "waiting": 1}
    assert expected == {name: found[f"contests.{name}"] for name in expected}
    of_reviews = ("reviews.", "resolution.", "slo.review_turnaround.", "backlog.")
    named = {name for name in without if name.startswith(of_reviews)}
    assert {name: without[name] for name in named} == {name: found[name] for name in named}


def test_cost_and_objectives(report: Report) -> None:
    """Cost by call and case; each objective with what is left of its budget."""
    found = values(report)
    expected = {
        "cost.USD.total": 60 * 1_500,
        "cost.USD.per_call": 1_500.0,
        "cost.USD.per_case": 3_000.0,
        "slo.added_latency.good": 51 / 60,  # calls 40 to 90 added at most 1 ms
        "slo.added_latency.used": pytest.approx(9 / 6),
        "slo.added_latency.met": False,
        "slo.availability.met": False,
        "slo.review_turnaround.counted": 3,
        "slo.review_turnaround.good": 1 / 3,
        "slo.straight_through.good": 26 / 30,
        "slo.straight_through.met": True,
    }
    assert expected == {name: found[name] for name in expected}


def test_beside_the_window_before(report: Report, tmp_path: Path) -> None:
    """The window before has figures of its own, where the ledger was there; else the report says why not."""
    found = values(report)
    expected = {
        "calls.calls.before": 40,
        "calls.calls.change": 0.5,
        "cases.straight_share.before": 1.0,
        "cases.straight_share.change": pytest.approx(-40 / 3),
    }
    assert expected == {name: found[name] for name in expected}
    write(tmp_path, story())
    first = operations(tmp_path, BEGIN, BEGIN + HOUR)
    assert "calls.calls.before" not in values(first)
    assert "no window of equal length before this one" in to_json(first).decode()


def test_two_logs_of_halves_say_what_the_whole_says(tmp_path: Path) -> None:
    """How calls are spread over logs changes no figure."""
    whole, split = tmp_path / "whole", tmp_path / "split"
    write(whole, story())
    one, other = halves(story(), lambda entry: hash_of(entry[2].get("id", "")) % 2 == 0)
    write(split, one)
    write(split, other, log="r1-0", origin="acme.example/test/r1/1", sealed=False)
    expected, found = values(operations(whole)), values(operations(split))
    apart = {"basis.entries", "basis.in_window"}  # each log has a genesis, and one has a seal
    assert {name: each for name, each in expected.items() if name not in apart} == {
        name: each for name, each in found.items() if name not in apart
    }


def hash_of(text: str) -> int:
    """A number of a text, the same in every run."""
    return sum(text.encode())


def test_the_same_ledger_gives_the_same_bytes(tmp_path: Path) -> None:
    """Twice the same report, sealed or not."""
    write(tmp_path / "one", story())
    write(tmp_path / "two", story(), sealed=False)
    first = to_json(operations(tmp_path / "one"))
    assert first == to_json(operations(tmp_path / "one"))
    nothing = {"basis.entries": 0, "basis.in_window": 0}  # one has a seal
    one, two = operations(tmp_path / "one"), operations(tmp_path / "two")
    assert values(one) | nothing == values(two) | nothing
