# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""People behind calls: kept as policy says, exported, held and erased through a real gateway."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.gateway import Caller, Gateway, Wire, Workspace, amount, infer_request, plain
from integration.people import ANSWERS, ask, places_of, with_vault
from ombud.v1 import policy_pb2, review_pb2, subject_pb2
from ombud_cli.demo.upstream import ModelServer


def workspace(root: Path, triton: ModelServer, capture: str, **sections: Any) -> Workspace:
    """Make the files of a gateway whose permit for callers keeps so much, and where privacy may answer."""
    made = Workspace(root, triton.grpc_address, more_policy=ANSWERS, **sections)
    capturing(made, capture)
    return made


def capturing(made: Workspace, capture: str) -> None:
    """Let the bundle in the folder keep so much of callers' calls."""
    calls = made.bundle / "calls.cedar"
    lines = calls.read_text().splitlines()
    changed = [f'@capture("{capture}")' if line.startswith("@capture(") else line for line in lines]
    calls.write_text("\n".join(changed) + "\n")


@pytest.fixture(scope="module")
def kept(triton: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway with a vault whose policies keep all; at the end its ledger must verify."""
    with Gateway(with_vault(workspace(tmp_path_factory.mktemp("subjects"), triton, "full"))) as served:
        yield served
    found = served.verify()
    assert found.exit_code == 0, found.to_json()


@pytest.fixture
def person() -> str:
    """Somebody whom no other test knows."""
    return f"anna-{uuid.uuid4().hex}"


def infer(caller: Caller, person: str, value: float = 100.0, certainty: float = 0.75, **more: Any) -> Wire:
    """Ask `echo` about a person."""
    request = infer_request("echo", amount(value, certainty, person.encode()))
    return caller.send("ModelInfer", request, **more)


def export(gateway: Gateway, person: str, file: Path) -> dict[str, Any]:
    """Return all that is kept of a person, as the command line writes it."""
    done = ask(gateway, "privacy", "subject", "export", person, "--out", file)
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found


def test_policy_says_what_is_kept(triton: ModelServer, tmp_path: Path) -> None:
    """One gateway, four bundles activated in turn: nothing, digests, typed values, the bytes themselves."""
    made = with_vault(workspace(tmp_path / "gateway", triton, "none"))
    modes = ("none", "digest", "features", "full")
    with Gateway(made) as gateway, gateway.caller("owner") as owner, gateway.caller("agent") as agent:
        for capture in modes:
            capturing(made, capture)
            folder = made.bundle
            files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
            request = policy_pb2.ActivatePolicyRequest(files=files)
            owner.control("PolicyService/ActivatePolicy", request)
            assert infer(agent, "anna-1").code == "OK"
        entries = agent.entries()
        document = export(gateway, "anna-1", tmp_path / "anna-1.json")
    assert [entry.facts and sorted(entry.facts) for entry in entries] == [
        None,
        *[["request_sha256", "response_sha256", "subject", "values"]] * 3,
    ]
    who = document["pseudonym"]
    typed = {
        "amount": "100.0",
        "certainty": "0.75",
        "applicant": who,
        "answer": "100.0",
        "confidence": "0.75",
    }
    assert [entry.facts and entry.facts["values"] for entry in entries] == [None, {}, typed, typed]
    assert ["payload_commit" in entry.record for entry in entries] == [False, False, False, True]
    assert ["payload" in entry for entry in document["entries"]] == [False, False, True]


def test_export_hands_out_what_the_call_carried(kept: Gateway, person: str, tmp_path: Path) -> None:
    """With `full`, request and response byte by byte; record and facts of each entry; a head in words."""
    request = infer_request("echo", amount(100.5, 0.75, person.encode()), id="mine")
    with kept.caller("agent") as agent:
        answer = agent.send("ModelInfer", request)
        (recorded,) = agent.entries()
    document = export(kept, person, tmp_path / "anna.json")
    (entry,) = document["entries"]
    assert (document["format"], document["subject"], document["number_of_entries"]) == (
        "ombud-subject/1",
        person,
        1,
    )
    assert document["what_this_is"].startswith("All that this gateway's ledger holds of one person")
    assert (entry["record"], entry["facts"]) == (recorded.record, recorded.facts)
    assert base64.b64decode(entry["payload"]["request"]["base64"]) == request.SerializeToString()
    assert base64.b64decode(entry["payload"]["response"]["base64"]) == answer.body


def test_a_name_typed_into_a_reason_is_gone_after_erasure(kept: Gateway, person: str, tmp_path: Path) -> None:
    """What a reviewer wrote, features, payloads, reviews open and settled: gone; and the ledger verifies."""
    typed = f"Anna Karenina {uuid.uuid4().hex}"
    with (
        kept.caller("agent") as agent,
        kept.caller("reviewer") as reviewer,
        kept.caller("privacy") as privacy,
    ):
        infer(agent, person)
        settled = infer(agent, person, 600.5).decision
        open_ = infer(agent, person, 601.5).decision
        held = infer(agent, person, 101.5, 0.25).decision
        approve = review_pb2.ApproveReviewRequest(id=settled, reason=typed)
        assert reviewer.control("ReviewService/ApproveReview", approve).code == "OK"
        assert infer(agent, person, 600.5, ombud_resume=settled).code == "OK"
        look = review_pb2.GetReviewRequest(id=open_)
        assert person in reviewer.control("ReviewService/GetReview", look).body.decode("latin-1")
        before = export(kept, person, tmp_path / "before.json")
        assert typed in json.dumps(before)
        waiting = {review["review"]: review for review in before["reviews"]}
        assert waiting[open_]["shown_to_reviewers"]["input"]["applicant"] == person
        assert [waiting[review]["state"] for review in (settled, open_, held)] == ["used", "open", "open"]
        assert waiting[held]["answer_waits"]
        assert places_of(kept, typed), "it was there"

        done = ask(kept, "privacy", "subject", "erase", person, "--yes", "--json")

        assert done.exit_code == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["complete"], told["reviews"], told["payloads"] > 0, told["facts"] > 0) == (
            True,
            3,
            True,
            True,
        )
        for words in (typed, person):
            assert places_of(kept, words) == []
        assert kept.verify().exit_code == 0
        shown = {
            review: review_pb2.GetReviewResponse.FromString(
                reviewer.control("ReviewService/GetReview", review_pb2.GetReviewRequest(id=review)).body
            ).review
            for review in (settled, open_, held)
        }
        assert {(review.state, review.facts_json) for review in shown.values()} == {("erased", "")}
        refused = infer(agent, person, 601.5, ombud_resume=open_)
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "REVIEW_ERASED")
        notes = kept.entries(
            "e.kind = 'review' AND e.event = 'erased' AND e.id IN ($1, $2, $3)", settled, open_, held
        )
        assert len(notes) == 3
        again = privacy.control(
            "SubjectService/EraseSubject", subject_pb2.EraseSubjectRequest(subject=person)
        )
    # The refused call above was about the person again, under a pseudonym of its own.
    assert again.code == "OK"
    assert places_of(kept, person) == []


def test_a_legal_hold_forbids_erasure(kept: Gateway, person: str, tmp_path: Path) -> None:
    """Nothing is erased, reviews included, until the hold is released; then all is."""
    with kept.caller("agent") as agent:
        infer(agent, person)
        parked = infer(agent, person, 602.5).decision
    held = ask(kept, "privacy", "subject", "hold", person, "--reason", "case 12/26").stdout.strip()
    listed = json.loads(ask(kept, "privacy", "subject", "holds", "-o", "json").stdout)
    assert [(hold["id"], hold["reason"]) for hold in listed if hold["subject"] == person] == [
        (held, "case 12/26")
    ]

    refused = ask(kept, "privacy", "subject", "erase", person, "--yes")

    assert (refused.exit_code, "SUBJECT_HELD" in refused.stderr) == (1, True)
    assert person in ask(kept, "reviewer", "review", "show", parked).stdout
    assert len(export(kept, person, tmp_path / "held.json")["entries"]) >= 2
    assert ask(kept, "privacy", "subject", "release", held).exit_code == 0
    assert ask(kept, "privacy", "subject", "erase", person, "--yes").exit_code == 0
    assert places_of(kept, person) == []
    gone = ask(kept, "privacy", "subject", "export", person, "--out", tmp_path / "gone.json")
    assert (gone.exit_code, "SUBJECT_UNKNOWN" in gone.stderr) == (1, True)


@pytest.mark.parametrize("name", ["reviewer", "operator", "agent", "stranger"])
def test_only_policy_lets_anybody_erase(kept: Gateway, person: str, name: str) -> None:
    """Whoever no policy lets near people is denied, on record; the record names nobody."""
    request = subject_pb2.EraseSubjectRequest(subject=person)
    with kept.caller("agent") as agent, kept.caller(name) as caller:
        infer(agent, person)
        denied = caller.control("SubjectService/EraseSubject", request)
        (entry,) = caller.entries()
    record = plain(entry)
    assert (denied.code, denied.reason) == ("PERMISSION_DENIED", "DENIED")
    assert (record["kind"], record["verdict"], record["action"], record["resource"], record["method"]) == (
        "decision",
        "deny",
        "erase",
        'Vault::"ombud"',
        "SubjectService.EraseSubject",
    )
    assert person not in json.dumps(record)
    assert entry.facts is None


def test_calls_about_people_keep_nothing_that_tells_who(kept: Gateway, person: str) -> None:
    """Export, hold and release are recorded without facts or payloads, though policy here keeps all."""
    with kept.caller("agent") as agent, kept.caller("privacy") as privacy:
        infer(agent, person)
        hold = subject_pb2.HoldSubjectResponse.FromString(
            privacy.control(
                "SubjectService/HoldSubject", subject_pb2.HoldSubjectRequest(subject=person, reason="a case")
            ).body
        ).hold
        privacy.control("SubjectService/ReleaseHold", subject_pb2.ReleaseHoldRequest(hold=hold))
        privacy.control("SubjectService/ExportSubject", subject_pb2.ExportSubjectRequest(subject=person))
        entries = privacy.entries()
    assert [(entry.kind, entry.record.get("status", "")) for entry in entries] == [
        ("intent", ""),
        ("outcome", "OK"),
        ("intent", ""),
        ("outcome", "OK"),
        ("decision", "OK"),
    ]
    assert all(entry.facts is None and "payload_commit" not in entry.record for entry in entries)
    assert not any(word in json.dumps(dict(entry.record)) for entry in entries for word in (person, hold))


def test_keys_are_rotated_while_it_serves(kept: Gateway, person: str, tmp_path: Path) -> None:
    """A new epoch changes nothing for anybody: pseudonyms, payloads and exports go on."""
    with kept.caller("agent") as agent:
        infer(agent, person)
        done = ask(kept, "privacy", "vault", "rotate", "-c", kept.workspace.config, "--json")
        assert json.loads(done.stdout)["keys_destroyed"] == 1
        infer(agent, person)
    document = export(kept, person, tmp_path / "anna.json")
    assert len({entry["facts"]["subject"] for entry in document["entries"]}) == 1
    assert ["payload" in entry for entry in document["entries"]] == [True, True]
