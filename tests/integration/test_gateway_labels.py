# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Labels through a real gateway: what is taken, what is refused and why, and what erasure leaves of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from integration.gateway import Caller, Gateway
from integration.people import ask, decide
from ombud.v1 import label_pb2
from ombud.v1.label_pb2_grpc import LabelServiceStub
from ombud_ledger import query


@pytest.fixture
def agent(peopled: Gateway) -> Iterator[Caller]:
    """Call the gateway as the agent."""
    with peopled.caller("agent") as caller:
        yield caller


def bring(gateway: Gateway, file: Path, name: str = "owner", *more: str) -> tuple[int, dict[str, Any]]:
    """Import a file of labels; return exit code and what was told."""
    done = ask(gateway, name, "label", "import", file, "--system", "study", "--json", *more)
    return done.exit_code, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def newest(gateway: Gateway, decision: str) -> list[tuple[Any, ...]]:
    """Return what counts of a decision: kind, value, number of labels, whether it is gone."""
    with query.connect(gateway.workspace.ledger) as ledger:
        return ledger.execute(
            "SELECT label_kind, value_double, labels, gone FROM newest_labels"
            " WHERE decision = $id ORDER BY ALL",
            {"id": decision},
        ).fetchall()


def test_a_file_is_imported_once_and_corrected_by_a_later_one(
    peopled: Gateway, agent: Caller, tmp_path: Path
) -> None:
    """Twice the same records nothing twice; a correction counts; the old file does not bring the old back."""
    first, second = decide(agent, "anna"), decide(agent, "anna")
    old, new = tmp_path / "old.csv", tmp_path / "new.jsonl"
    old.write_text(
        f"decision,value,kind,selection,observed_at\n{first},90.5,observed,all,2026-03-01\n"
        f"{second},91,historical,,\n"
    )
    new.write_text(
        json.dumps({"decision": first, "value": 80, "kind": "observed", "selection": "all"}) + "\n"
    )
    told = [bring(peopled, file) for file in (old, old, new, new, old)]
    counted = [
        (code, {name: found[name] for name in ("recorded", "corrected", "unchanged", "superseded")})
        for code, found in told
    ]
    assert counted == [
        (0, {"recorded": 2, "corrected": 0, "unchanged": 0, "superseded": 0}),
        (0, {"recorded": 0, "corrected": 0, "unchanged": 2, "superseded": 0}),
        (0, {"recorded": 0, "corrected": 1, "unchanged": 0, "superseded": 0}),
        (0, {"recorded": 0, "corrected": 0, "unchanged": 1, "superseded": 0}),
        (0, {"recorded": 0, "corrected": 0, "unchanged": 1, "superseded": 1}),
    ]
    assert newest(peopled, first) == [("observed", 80.0, 2, False)]
    assert newest(peopled, second) == [("historical", 91.0, 1, False)]


def test_each_row_that_cannot_be_taken_is_told_with_its_reason(
    peopled: Gateway, agent: Caller, tmp_path: Path
) -> None:
    """Unknown decisions, values that no answer could be, calls that are no inference; the rest counts."""
    good = decide(agent, "anna")
    with peopled.caller("operator") as operator:
        read = operator.send("ServerLive", b"").decision
    file = tmp_path / "labels.csv"
    file.write_text(f"decision,value\n{good},5\nno-such,5\n{good},much\n{read},5\n")
    code, told = bring(peopled, file, "owner", "--kind", "expert")
    assert (code, told["recorded"]) == (1, 1)
    assert told["refused"] == {"unknown_decision": 1, "invalid": 1, "other_system": 1}
    assert [wrong["place"] for wrong in told["wrong"]] == ["line 3", "line 4", "line 5"]
    assert told["wrong"][1]["message"] == "contract breach: field 'answer' is 'much', must be a number"


def test_policy_says_who_may_label(peopled: Gateway, agent: Caller, tmp_path: Path) -> None:
    """Another principal is denied; the record of either call names the system and keeps no facts."""
    decision = decide(agent, "anna")
    file = tmp_path / "labels.csv"
    file.write_text(f"decision,value,kind\n{decision},5,observed\n")
    code, told = bring(peopled, file, "agent")
    assert (code, "PERMISSION_DENIED (DENIED)" in told["error"]) == (1, True)
    assert bring(peopled, file)[0] == 0
    with query.connect(peopled.workspace.ledger) as ledger:
        found = ledger.execute(
            "SELECT kind, principal, resource, verdict, facts FROM entries LEFT JOIN facts USING (log, seq)"
            " WHERE method = 'LabelService.Report' AND kind IN ('decision', 'intent')"
            " ORDER BY ts DESC LIMIT 2"
        ).fetchall()
        (label,) = ledger.execute(
            "SELECT record->>'$.call' FROM labels WHERE decision = $id", {"id": decision}
        ).fetchall()
        (tied,) = ledger.execute("SELECT count(*) FROM intents WHERE id = $id", {"id": label[0]}).fetchall()
    study = 'System::"study"'
    assert found == [
        ("intent", 'User::"owner"', study, "allow", None),
        ("decision", 'Agent::"agent"', study, "deny", None),
    ]
    assert tied == (1,)


def test_whoever_is_erased_takes_labels_along_and_gets_no_new_ones(
    peopled: Gateway, agent: Caller, tmp_path: Path
) -> None:
    """The value is gone, the label stays; a label for the erased decision is refused, and says so."""
    decision, other = decide(agent, "bert"), decide(agent, "clara")
    file = tmp_path / "labels.csv"
    file.write_text(f"decision,value,kind\n{decision},5,observed\n{other},6,observed\n")
    assert bring(peopled, file)[0] == 0
    assert ask(peopled, "privacy", "subject", "erase", "bert", "--yes").exit_code == 0
    assert newest(peopled, decision) == [("observed", None, 1, True)]
    assert newest(peopled, other) == [("observed", 6.0, 1, False)]
    code, told = bring(peopled, file)
    assert (code, told["refused"], told["unchanged"]) == (1, {"erased": 1}, 1)


def test_a_stream_is_answered_request_by_request(peopled: Gateway, agent: Caller) -> None:
    """Each request is a call of its own, `<stream>.<n>`; of two in one request the later counts."""
    decision = decide(agent, "anna")

    def label(value: float) -> label_pb2.Label:
        return label_pb2.Label(decision=decision, number=value, kind="LABEL_KIND_OBSERVED")

    requests = [
        label_pb2.LabelServiceReportRequest(system="study", labels=[label(1.0), label(2.0), label(2.0)]),
        label_pb2.LabelServiceReportRequest(system="study", labels=[label(2.0)]),
    ]
    token = (("authorization", f"Bearer {peopled.workspace.tokens['owner']}"),)
    with grpc.insecure_channel(peopled.address) as channel:
        stub: Any = LabelServiceStub(channel)  # type: ignore[no-untyped-call]
        answers = stub.Report(iter(requests), metadata=token)
        stream = dict(answers.initial_metadata())["ombud-stream-id"]
        told = [[label_pb2.LabelResult.Name(each.result) for each in answer.told] for answer in answers]
    assert told == [
        ["LABEL_RESULT_RECORDED", "LABEL_RESULT_CORRECTED", "LABEL_RESULT_UNCHANGED"],
        ["LABEL_RESULT_UNCHANGED"],
    ]
    with query.connect(peopled.workspace.ledger) as ledger:
        ids = ledger.execute(
            "SELECT id FROM intents WHERE starts_with(id, $stream) ORDER BY seq", {"stream": stream}
        ).fetchall()
    assert ids == [(f"{stream}.1",), (f"{stream}.2",)]
    assert newest(peopled, decision) == [("observed", 2.0, 2, False)]
