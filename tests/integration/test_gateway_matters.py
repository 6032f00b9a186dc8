# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Incidents and requests of people through a real gateway: deadlines, states, and what erasure leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from integration.gateway import Caller, Gateway, Workspace, amount, infer_request
from ombud_cli.demo.upstream import ModelServer
from ombud_cli.main import app
from ombud_ledger import query

POLICY: Final = """
@id("privacy-answers-people")
permit (
  principal == User::"privacy",
  action in [Action::"read", Action::"administer", Action::"erase"],
  resource == Vault::"ombud"
);

@id("owners-report")
permit (
  principal == User::"owner", action in [Action::"label", Action::"report"], resource == System::"study"
);

@id("privacy-settles-too")
permit (principal == User::"privacy", action == Action::"approve", resource);
"""


@pytest.fixture(scope="module")
def served(triton: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway with a vault; at the end its ledger must verify."""
    made = Workspace(
        tmp_path_factory.mktemp("matters"),
        triton.grpc_address,
        more_policy=POLICY,
        vault={"folder": "vault", "keys": "vault-keys"},
    )
    assert CliRunner().invoke(app, ["vault", "init", "-c", str(made.config)]).exit_code == 0
    with Gateway(made) as gateway:
        yield gateway
    found = gateway.verify()
    assert found.exit_code == 0, found.to_json()


@pytest.fixture
def agent(served: Gateway) -> Iterator[Caller]:
    """Call the gateway as the agent."""
    with served.caller("agent") as caller:
        yield caller


def ask(gateway: Gateway, name: str, *arguments: object) -> Result:
    """Run `ombud` against the gateway as the named principal."""
    runner = CliRunner(env={"OMBUD_GATEWAY": gateway.address, "OMBUD_TOKEN": gateway.workspace.tokens[name]})
    return runner.invoke(app, [*map(str, arguments)])


def told(gateway: Gateway, name: str, *arguments: object) -> Any:
    """Run a command that must succeed about the system `study`; return the JSON it prints."""
    form = ("-o", "json") if "list" in arguments else ("--json",)
    done = ask(gateway, name, *arguments, "--system", "study", *form)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def decide(caller: Caller, person: str) -> str:
    """Ask `echo` about a person; return the decision's id."""
    wire = caller.send("ModelInfer", infer_request("echo", amount(100.0, 0.75, person.encode())))
    assert wire.code == "OK"
    return wire.decision


def ago(**spans: float) -> str:
    """Return a time so long ago, as an option takes it."""
    return (datetime.now(UTC) - timedelta(**spans)).isoformat()


def test_an_incident_is_due_by_its_kind_and_closed_for_good(served: Gateway, agent: Caller) -> None:
    """A new kind moves the deadline; reported in time or late is told; only an open one can be changed."""
    decision = decide(agent, "dora")
    opened = told(
        served, "owner", "incident", "open", "--kind", "serious-harm-to-health", "--aware", ago(days=11),
        "--decision", decision, "--text", "dora fell ill",
    )  # fmt: skip
    due = datetime.fromisoformat(opened["due"]) - datetime.fromisoformat(opened["aware"])
    assert (opened["article"], due.days, opened["deadline"]) == ("73(2)", 15, "running")
    which = ("incident", "update", opened["id"])
    worse = told(served, "owner", *which, "--kind", "death", "--causal-link", "established")
    assert (worse["article"], worse["deadline"], worse["causal_link"]) == ("73(4)", "OVERDUE", "established")
    late = told(served, "owner", *which, "--reported-at", ago(hours=1))
    assert late["deadline"] == "met late"
    assert told(served, "owner", *which, "--reported-at", ago(days=2))["deadline"] == "met"
    closed = told(served, "owner", "incident", "close", opened["id"], "--reason", "model withdrawn")
    assert (closed["state"], [note["event"] for note in closed["notes"]]) == (
        "closed",
        ["opened", "updated", "updated", "updated", "closed"],
    )
    again = ask(served, "owner", *which, "--system", "study", "--text", "more")
    assert (again.exit_code, "INCIDENT_CLOSED" in again.stderr) == (1, True)
    listed = told(served, "owner", "incident", "list", "--open")
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
    served: Gateway, arguments: tuple[str, ...], words: str
) -> None:
    """With field, value, and what was expected."""
    done = ask(served, "owner", "incident", "open", "--system", "study", *arguments)
    assert (done.exit_code > 0, words in done.stderr) == (True, True), done.stderr


def test_policy_says_who_keeps_incidents(served: Gateway) -> None:
    """Another principal is denied, and so is another system's name."""
    arguments = ("incident", "open", "--kind", "death", "--aware", "2026-01-01")
    assert ask(served, "agent", *arguments, "--system", "study").exit_code == 1
    done = ask(served, "owner", *arguments, "--system", "timing")
    assert (done.exit_code, "PERMISSION_DENIED" in done.stderr) == (1, True)


def test_texts_of_an_incident_go_with_the_person(served: Gateway, agent: Caller) -> None:
    """Where all decisions are about one; no file and no cell of the ledger has the words any more."""
    decision = decide(agent, "emil")
    opened = told(
        served, "owner", "incident", "open", "--kind", "fundamental-rights", "--aware", ago(days=1),
        "--decision", decision, "--text", "emil was declined wrongly",
    )  # fmt: skip
    assert ask(served, "privacy", "subject", "erase", "emil", "--yes").exit_code == 0
    (found,) = told(served, "owner", "incident", "list", "--id", opened["id"])
    assert [note["text"] for note in found["notes"]] == [""]
    assert_gone(served, "declined wrongly")
    which = ("incident", "close", opened["id"])
    refused = ask(served, "owner", *which, "--system", "study", "--reason", "emil was paid")
    assert (refused.exit_code, "SUBJECT_ERASED" in refused.stderr) == (1, True)
    assert told(served, "owner", *which)["state"] == "closed"


def assert_gone(gateway: Gateway, words: str) -> None:
    """Demand that no file under the gateway's folder and no cell of the ledger holds the words."""
    for path in gateway.workspace.root.rglob("*"):
        assert not path.is_file() or words.encode() not in path.read_bytes(), path
    with query.connect(gateway.workspace.ledger) as ledger:
        for view in ("entries", "facts"):
            for row in ledger.execute(f"SELECT * FROM {view}").fetchall():  # noqa: S608
                assert not any(words in str(cell) for cell in row), view


def test_a_request_has_its_deadline_and_is_answered_in_time(served: Gateway, agent: Caller) -> None:
    """A month, once two more; nobody is answered whom nobody checked; a closed one stays closed."""
    decide(agent, "fred")
    opened = told(
        served, "privacy", "request", "open", "--kind", "access", "--received", "2026-01-31T08:00Z",
        "--subject", "fred", "--text", "what do you keep of me",
    )  # fmt: skip
    assert (opened["due"], opened["deadline"]) == ("2026-02-28T08:00:00+00:00", "OVERDUE")
    late = ask(served, "privacy", "request", "extend", opened["id"], "--system", "study", "--reason", "much")
    assert (late.exit_code, "REQUEST_OVERDUE" in late.stderr) == (1, True)
    recent = told(
        served,
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
    extended = told(served, "privacy", "request", "extend", which, "--reason", "many documents")
    taken = datetime.fromisoformat(extended["due"]) - datetime.fromisoformat(extended["received"])
    assert (extended["extended"], 88 < taken.days < 93) == (True, True)
    again = ask(served, "privacy", "request", "extend", which, "--system", "study", "--reason", "more")
    assert (again.exit_code, "REQUEST_EXTENDED" in again.stderr) == (1, True)
    nobody = ask(served, "privacy", "request", "answer", which, "--system", "study", "--text", "here it is")
    assert (nobody.exit_code, "say how identity was checked" in nobody.stderr) == (2, True)
    answered = told(
        served, "privacy", "request", "answer", which, "--identity", "passport", "--text", "here it is"
    )
    assert (answered["state"], answered["deadline"], answered["identity_by"]) == (
        "answered",
        "met",
        'User::"privacy"',
    )
    assert told(served, "privacy", "request", "close", which)["state"] == "closed"
    closed = ask(served, "privacy", "request", "close", which, "--system", "study", "--reason", "x")
    assert (closed.exit_code, "REQUEST_STATE" in closed.stderr) == (1, True)
    unmet = told(served, "privacy", "request", "close", opened["id"], "--reason", "withdrawn")
    assert unmet["deadline"] == "closed unmet"


def test_a_contest_is_decided_by_another_person(served: Gateway, agent: Caller) -> None:
    """Who approved the call cannot settle its contest; another can; only then is the contest answered."""
    decision = decide(agent, "gina")
    contested = told(
        served, "privacy", "request", "open", "--kind", "contest", "--received", ago(hours=1),
        "--decision", decision, "--group", "reviewers", "--identity", "passport", "--text", "gina objects",
    )  # fmt: skip
    review = contested["review"]
    assert (contested["review_state"], review) == ("open", contested["id"])
    early = ask(served, "privacy", "request", "answer", review, "--system", "study", "--text", "no")
    assert (early.exit_code, "CONTEST_OPEN" in early.stderr) == (1, True)
    shown = ask(served, "reviewer", "review", "show", review, "--json")
    assert json.loads(shown.stdout)["facts"] == {"decision": decision, "contested": "gina objects"}
    assert ask(served, "reviewer", "review", "reject", review, "--reason", "it was right").exit_code == 0
    answered = told(served, "privacy", "request", "answer", review, "--text", "it stands")
    assert (answered["state"], answered["review_state"]) == ("answered", "rejected")


def test_whoever_approved_the_call_is_kept_from_its_contest(served: Gateway, agent: Caller) -> None:
    """The approver of the call's own review is refused, whatever policy says."""
    request = infer_request("echo", amount(600.0, 0.75, b"hugo"))
    held = agent.send("ModelInfer", request)
    review = held.decision
    assert held.code == "FAILED_PRECONDITION"
    done = ask(served, "reviewer", "review", "approve", review)
    assert done.exit_code == 0, done.stderr
    resumed = agent.send("ModelInfer", request, ombud_resume=review)
    assert resumed.code == "OK"
    contested = told(
        served, "privacy", "request", "open", "--kind", "contest", "--received", ago(hours=1),
        "--decision", resumed.decision, "--group", "reviewers", "--identity", "passport",
    )  # fmt: skip
    same = ask(served, "reviewer", "review", "reject", contested["review"])
    assert (same.exit_code, "REVIEW_NOT_ANOTHER" in same.stderr) == (1, True)
    other = ask(served, "privacy", "review", "approve", contested["review"])
    assert other.exit_code == 0, other.stderr
    (listed,) = told(served, "privacy", "request", "list", "--id", contested["id"])
    assert (listed["review_state"], listed["state"]) == ("approved", "open")


def test_texts_of_a_request_go_with_the_person(served: Gateway, agent: Caller) -> None:
    """Open or answered; what is left can be answered and closed without a word about the person."""
    decide(agent, "ines")
    opened = told(
        served, "privacy", "request", "open", "--kind", "erasure", "--received", ago(days=1),
        "--subject", "ines", "--identity", "voice of ines", "--text", "ines wants to be forgotten",
    )  # fmt: skip
    assert ask(served, "privacy", "subject", "erase", "ines", "--yes").exit_code == 0
    assert_gone(served, "to be forgotten")
    refused = ask(served, "privacy", "request", "answer", opened["id"], "--system", "study", "--text", "done")
    assert (refused.exit_code, "SUBJECT_ERASED" in refused.stderr) == (1, True)
    assert told(served, "privacy", "request", "answer", opened["id"])["deadline"] == "met"
