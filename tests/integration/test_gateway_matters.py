# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Incidents and requests of people through a real gateway: deadlines, states, and what erasure leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.gateway import Caller, Gateway, amount, infer_request
from integration.people import ask, decide, places_of


@pytest.fixture
def agent(peopled: Gateway) -> Iterator[Caller]:
    """Call the gateway as the agent."""
    with peopled.caller("agent") as caller:
        yield caller


def told(gateway: Gateway, name: str, *arguments: object) -> Any:
    """Run a command that must succeed about the system `study`; return the JSON it prints."""
    form = ("-o", "json") if "list" in arguments else ("--json",)
    done = ask(gateway, name, *arguments, "--system", "study", *form)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def ago(**spans: float) -> str:
    """Return a time so long ago, as an option takes it."""
    return (datetime.now(UTC) - timedelta(**spans)).isoformat()


def test_an_incident_is_due_by_its_kind_and_closed_for_good(peopled: Gateway, agent: Caller) -> None:
    """A new kind moves the deadline; reported in time or late is told; only an open one can be changed."""
    decision = decide(agent, "dora")
    opened = told(
        peopled, "owner", "incident", "open", "--kind", "serious-harm-to-health", "--aware", ago(days=11),
        "--decision", decision, "--text", "dora fell ill",
    )  # fmt: skip
    due = datetime.fromisoformat(opened["due"]) - datetime.fromisoformat(opened["aware"])
    assert (opened["article"], due.days, opened["deadline"]) == ("73(2)", 15, "running")
    which = ("incident", "update", opened["id"])
    worse = told(peopled, "owner", *which, "--kind", "death", "--causal-link", "established")
    assert (worse["article"], worse["deadline"], worse["causal_link"]) == ("73(4)", "OVERDUE", "established")
    late = told(peopled, "owner", *which, "--reported-at", ago(hours=1))
    assert late["deadline"] == "met late"
    assert told(peopled, "owner", *which, "--reported-at", ago(days=2))["deadline"] == "met"
    closed = told(peopled, "owner", "incident", "close", opened["id"], "--reason", "model withdrawn")
    assert (closed["state"], [note["event"] for note in closed["notes"]]) == (
        "closed",
        ["opened", "updated", "updated", "updated", "closed"],
    )
    again = ask(peopled, "owner", *which, "--system", "study", "--text", "more")
    assert (again.exit_code, "INCIDENT_CLOSED" in again.stderr) == (1, True)
    listed = told(peopled, "owner", "incident", "list", "--open")
    assert opened["id"] not in [each["id"] for each in listed]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--kind", "death", "--aware", "2999-01-01"), "aware is"),
        (("--kind", "death", "--aware", "yesterday"), "--aware: is 'yesterday', must be a time"),
        (("--kind", "bad", "--aware", "2026-01-01"), "--kind: is 'bad', must be one of death,"),
        (
            ("--kind", "death", "--aware", "2026-01-01", "--decision", "no-such"),
            "decision is 'no-such', must be",
        ),
    ],
)
def test_an_incident_that_cannot_be_is_refused(
    peopled: Gateway, arguments: tuple[str, ...], words: str
) -> None:
    """With field, value, and what was expected."""
    done = ask(peopled, "owner", "incident", "open", "--system", "study", *arguments)
    assert (done.exit_code > 0, words in done.stderr) == (True, True), done.stderr


def test_policy_says_who_keeps_incidents(peopled: Gateway) -> None:
    """Another principal is denied, and so is another system's name."""
    arguments = ("incident", "open", "--kind", "death", "--aware", "2026-01-01")
    assert ask(peopled, "agent", *arguments, "--system", "study").exit_code == 1
    done = ask(peopled, "owner", *arguments, "--system", "timing")
    assert (done.exit_code, "PERMISSION_DENIED" in done.stderr) == (1, True)


def test_texts_of_an_incident_go_with_the_person(peopled: Gateway, agent: Caller) -> None:
    """Where all decisions are about one; no file and no cell of the ledger has the words any more."""
    decision = decide(agent, "emil")
    opened = told(
        peopled, "owner", "incident", "open", "--kind", "fundamental-rights", "--aware", ago(days=1),
        "--decision", decision, "--text", "emil was declined wrongly",
    )  # fmt: skip
    assert ask(peopled, "privacy", "subject", "erase", "emil", "--yes").exit_code == 0
    (found,) = told(peopled, "owner", "incident", "list", "--id", opened["id"])
    assert [note["text"] for note in found["notes"]] == [""]
    assert places_of(peopled, "declined wrongly") == []
    which = ("incident", "close", opened["id"])
    refused = ask(peopled, "owner", *which, "--system", "study", "--reason", "emil was paid")
    assert (refused.exit_code, "SUBJECT_ERASED" in refused.stderr) == (1, True)
    assert told(peopled, "owner", *which)["state"] == "closed"


def test_a_request_has_its_deadline_and_is_answered_in_time(peopled: Gateway, agent: Caller) -> None:
    """A month, once two more; nobody is answered whom nobody checked; a closed one stays closed."""
    decide(agent, "fred")
    opened = told(
        peopled, "privacy", "request", "open", "--kind", "access", "--received", "2026-01-31T08:00Z",
        "--subject", "fred", "--text", "what do you keep of me",
    )  # fmt: skip
    assert (opened["due"], opened["deadline"]) == ("2026-02-28T08:00:00+00:00", "OVERDUE")
    late = ask(peopled, "privacy", "request", "extend", opened["id"], "--system", "study", "--reason", "much")
    assert (late.exit_code, "REQUEST_OVERDUE" in late.stderr) == (1, True)
    recent = told(
        peopled,
        "privacy",
        "request",
        "open",
        "--kind",
        "access",
        "--received",
        ago(days=3),
        "--subject",
        "fred",
    )
    which = recent["id"]
    extended = told(peopled, "privacy", "request", "extend", which, "--reason", "many documents")
    taken = datetime.fromisoformat(extended["due"]) - datetime.fromisoformat(extended["received"])
    assert (extended["extended"], 88 < taken.days < 93) == (True, True)
    again = ask(peopled, "privacy", "request", "extend", which, "--system", "study", "--reason", "more")
    assert (again.exit_code, "REQUEST_EXTENDED" in again.stderr) == (1, True)
    nobody = ask(peopled, "privacy", "request", "answer", which, "--system", "study", "--text", "here it is")
    assert (nobody.exit_code, "say how identity was checked" in nobody.stderr) == (2, True)
    answered = told(
        peopled, "privacy", "request", "answer", which, "--identity", "passport", "--text", "here it is"
    )
    assert (answered["state"], answered["deadline"], answered["identity_by"]) == (
        "answered",
        "met",
        'User::"privacy"',
    )
    assert told(peopled, "privacy", "request", "close", which)["state"] == "closed"
    closed = ask(peopled, "privacy", "request", "close", which, "--system", "study", "--reason", "x")
    assert (closed.exit_code, "REQUEST_STATE" in closed.stderr) == (1, True)
    unmet = told(peopled, "privacy", "request", "close", opened["id"], "--reason", "withdrawn")
    assert unmet["deadline"] == "closed unmet"


def test_a_contest_is_decided_by_another_person(peopled: Gateway, agent: Caller) -> None:
    """Who approved the call cannot settle its contest; another can; only then is the contest answered."""
    decision = decide(agent, "gina")
    contested = told(
        peopled, "privacy", "request", "open", "--kind", "contest", "--received", ago(hours=1),
        "--decision", decision, "--group", "reviewers", "--identity", "passport", "--text", "gina objects",
    )  # fmt: skip
    review = contested["review"]
    assert (contested["review_state"], review) == ("open", contested["id"])
    early = ask(peopled, "privacy", "request", "answer", review, "--system", "study", "--text", "no")
    assert (early.exit_code, "CONTEST_OPEN" in early.stderr) == (1, True)
    shown = ask(peopled, "reviewer", "review", "show", review, "--json")
    assert json.loads(shown.stdout)["facts"] == {"decision": decision, "contested": "gina objects"}
    assert ask(peopled, "reviewer", "review", "reject", review, "--reason", "it was right").exit_code == 0
    answered = told(peopled, "privacy", "request", "answer", review, "--text", "it stands")
    assert (answered["state"], answered["review_state"]) == ("answered", "rejected")


def test_whoever_approved_the_call_is_kept_from_its_contest(peopled: Gateway, agent: Caller) -> None:
    """The approver of the call's own review is refused, whatever policy says."""
    request = infer_request("echo", amount(600.0, 0.75, b"hugo"))
    held = agent.send("ModelInfer", request)
    review = held.decision
    assert held.code == "FAILED_PRECONDITION"
    done = ask(peopled, "reviewer", "review", "approve", review)
    assert done.exit_code == 0, done.stderr
    resumed = agent.send("ModelInfer", request, ombud_resume=review)
    assert resumed.code == "OK"
    contested = told(
        peopled, "privacy", "request", "open", "--kind", "contest", "--received", ago(hours=1),
        "--decision", resumed.decision, "--group", "reviewers", "--identity", "passport",
    )  # fmt: skip
    same = ask(peopled, "reviewer", "review", "reject", contested["review"])
    assert (same.exit_code, "REVIEW_NOT_ANOTHER" in same.stderr) == (1, True)
    other = ask(peopled, "privacy", "review", "approve", contested["review"])
    assert other.exit_code == 0, other.stderr
    (listed,) = told(peopled, "privacy", "request", "list", "--id", contested["id"])
    assert (listed["review_state"], listed["state"]) == ("approved", "open")


def test_texts_of_a_request_go_with_the_person(peopled: Gateway, agent: Caller) -> None:
    """Open or answered; what is left can be answered and closed without a word about the person."""
    decide(agent, "ines")
    opened = told(
        peopled, "privacy", "request", "open", "--kind", "erasure", "--received", ago(days=1),
        "--subject", "ines", "--identity", "voice of ines", "--text", "ines wants to be forgotten",
    )  # fmt: skip
    assert ask(peopled, "privacy", "subject", "erase", "ines", "--yes").exit_code == 0
    assert places_of(peopled, "to be forgotten") == []
    refused = ask(
        peopled, "privacy", "request", "answer", opened["id"], "--system", "study", "--text", "done"
    )
    assert (refused.exit_code, "SUBJECT_ERASED" in refused.stderr) == (1, True)
    assert told(peopled, "privacy", "request", "answer", opened["id"])["deadline"] == "met"
