# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Every question against a small real ledger, whole answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cli.recorded import START, record
from ombud_ledger import query
from ombud_reports import (
    ANSWERED_BY_VERSION,
    BREACHES,
    LATENCY,
    LET_THROUGH_BY_HUMANS,
    QUESTIONS,
    REFUSED,
    VERDICTS_BY_POLICY,
    answers_below,
    ask,
)

AGENT = 'Agent::"intake"'


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[query.Query]:
    """The ledger of one loan application, open for SQL."""
    root = tmp_path_factory.mktemp("ledger")
    record(root)
    with query.connect(root) as opened:
        yield opened


def at(seq: int) -> datetime:
    """The time of an entry: one second each."""
    return datetime.fromtimestamp(START / 1e6 + seq, UTC).replace(tzinfo=None)


def test_who_was_refused(ledger: query.Query) -> None:
    """A denial names its policy, a default denial none, a review counts as one."""
    assert (
        (AGENT, "loans", "deny", "(none permits)", 1, at(3)),
        (AGENT, "loans", "deny", "cap", 1, at(2)),
        (AGENT, "loans", "review", "large", 1, at(4)),
    ) == ask(ledger, REFUSED).rows


def test_what_humans_let_through(ledger: query.Query) -> None:
    """The approved call stands with its approver, group, waiting time and outcome."""
    answer = ask(ledger, LET_THROUGH_BY_HUMANS)
    assert (
        (at(8), "d5", AGENT, "loans", ['User::"ada"'], ["adjusters"], 3, "answered", "OK"),
    ) == answer.rows
    assert LET_THROUGH_BY_HUMANS.sql == answer.sql


def test_which_versions_answered(ledger: query.Query) -> None:
    """Answers of decisions and of outcomes both count."""
    assert ask(ledger, ANSWERED_BY_VERSION).rows == (("credit", "loans", "1", "c0", "not supplied", 2, 1.0),)


def test_which_inputs_broke_the_contract(ledger: query.Query) -> None:
    """A breach stands with field and bound."""
    expected = (("credit", AGENT, "amount", "at most 100", 1, at(10)),)
    assert expected == ask(ledger, BREACHES).rows


def test_verdicts_by_policy(ledger: query.Query) -> None:
    """Each determining policy counts by verdict."""
    answer = ask(ledger, VERDICTS_BY_POLICY)
    assert answer.columns == ("policy", "allow", "review", "deny")
    assert answer.rows == (
        ("agents-ask", 2, 0, 0),
        ("(none permits)", 0, 0, 1),
        ("adjusters-settle", 1, 0, 0),
        ("cap", 0, 0, 1),
        ("large", 0, 1, 0),
    )


def test_latency(ledger: query.Query) -> None:
    """Percentiles interpolate between the calls of an action."""
    assert ask(ledger, LATENCY).rows == (("infer", 4, 250, 385, 397), ("approve", 1, 50, 50, 50))


def test_share_of_unsure_answers(ledger: query.Query) -> None:
    """Answers are counted where their facts are kept."""
    expected = (("loans", "1", 1, 0, 0.0), ("loans", None, 3, 3, 1.0))
    assert expected == ask(ledger, answers_below("credit", "confidence", 0.6)).rows


@pytest.mark.parametrize(
    ("system", "field", "bound"),
    [("credit; DROP", "confidence", 0.5), ("credit", 'a" OR 1', 0.5), ("credit", "confidence", float("nan"))],
)
def test_names_and_bounds_are_checked(system: str, field: str, bound: float) -> None:
    """Nothing but a name and a number gets into SQL."""
    with pytest.raises(ValueError, match="must be"):
        answers_below(system, field, bound)


def test_every_question_says_why() -> None:
    """An auditor's question is named once and reasoned."""
    assert len({question.title for question in QUESTIONS}) == len(QUESTIONS) == 4
    assert [question.title for question in QUESTIONS if len(question.why) < 40] == []
