# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud subject` against a control plane: what is asked, what is printed, what is written."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import grpc
from typer.testing import CliRunner, Result

from cli.fakes import serving
from ombud.v1 import subject_pb2
from ombud_cli.main import app

SERVICE = "/ombud.v1.SubjectService/"
TOKEN = "ombud_0011223344556677_" + "s" * 43
ERASED = subject_pb2.EraseSubjectResponse(
    erasure="c0" * 16,
    files=2,
    rows=7,
    payloads=3,
    reviews=1,
    remains=["records: they name nobody"],
    complete=True,
)


def subject(gateway: str, *arguments: object) -> Result:
    """Run `ombud subject` against a gateway."""
    runner = CliRunner(env={"OMBUD_GATEWAY": gateway, "OMBUD_TOKEN": TOKEN})
    return runner.invoke(app, ["subject", *map(str, arguments)])


def test_an_export_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    """The document as it came, mode 0600, never over another file."""
    document = b'{"subject": "p-1", "entries": [{"facts": {}, "payload": {}}, {"record": {}}]}'
    reply = subject_pb2.ExportSubjectResponse(document=document)
    out = tmp_path / "p-1.json"
    with serving({SERVICE + "ExportSubject": reply}) as (address, asked):
        done = subject(address, "export", "p-1", "--out", out)
        again = subject(address, "export", "p-1", "--out", out)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{out}: 2 entries, 1 of them with facts, 1 with payloads\n",
    )
    assert (out.read_bytes(), stat.S_IMODE(out.stat().st_mode)) == (document, 0o600)
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    assert len(asked.calls) == 1
    assert subject_pb2.ExportSubjectRequest.FromString(asked.calls[0][1]).subject == "p-1"


def test_an_erasure_tells_what_is_gone_and_what_remains() -> None:
    """In words for people, in JSON for machines."""
    with serving({SERVICE + "EraseSubject": ERASED}) as (address, _):
        told = subject(address, "erase", "p-1", "--yes")
        machine = subject(address, "erase", "p-1", "--yes", "--json")
    assert told.exit_code == 0
    for words in ("7 erased, in 2 files", "3 that nobody can read any more", "1 closed", "- records: they"):
        assert words in told.stdout
    assert json.loads(machine.stdout) == {
        "erasure": "c0" * 16,
        "complete": True,
        "files": 2,
        "facts": 7,
        "payloads": 3,
        "reviews": 1,
        "remains": ["records: they name nobody"],
    }


def test_an_erasure_is_asked_about_first() -> None:
    """Where nobody can be asked, `--yes` must be given; without it nothing is sent."""
    with serving({SERVICE + "EraseSubject": ERASED}) as (address, asked):
        done = subject(address, "erase", "p-1")
    assert (done.exit_code, done.stderr) == (
        2,
        "ombud: --yes: must be given where nobody can be asked\n",
    )
    assert asked.calls == []


def test_an_unfinished_erasure_is_no_success() -> None:
    """What was done is told, and exit code 1 says that it is not all."""
    half = subject_pb2.EraseSubjectResponse(erasure="c0" * 16, complete=False)
    with serving({SERVICE + "EraseSubject": half}) as (address, _):
        done = subject(address, "erase", "p-1", "--yes")
    assert (done.exit_code, "not finished" in done.stderr) == (1, True)


def test_holds_are_made_listed_and_released() -> None:
    """A hold prints its id and nothing else, to be kept; the list shows whom, since when and why."""
    held = subject_pb2.Hold(id="ab" * 16, subject="p-1", reason="case 12/26", since_us=1_760_000_000_000_000)
    replies = {
        SERVICE + "HoldSubject": subject_pb2.HoldSubjectResponse(hold="ab" * 16),
        SERVICE + "ListHolds": subject_pb2.ListHoldsResponse(holds=[held]),
        SERVICE + "ReleaseHold": subject_pb2.ReleaseHoldResponse(),
    }
    with serving(replies) as (address, asked):
        made = subject(address, "hold", "p-1", "--reason", "case 12/26")
        listed = subject(address, "holds", "-o", "json")
        released = subject(address, "release", "ab" * 16)
    assert made.stdout == "ab" * 16 + "\n"
    assert json.loads(listed.stdout) == [
        {"id": "ab" * 16, "subject": "p-1", "since": "2025-10-09T08:53:20+00:00", "reason": "case 12/26"}
    ]
    assert released.stdout == f"released {'ab' * 16}\n"
    request = subject_pb2.HoldSubjectRequest(subject="p-1", reason="case 12/26")
    assert subject_pb2.HoldSubjectRequest.FromString(asked.calls[0][1]) == request


def test_a_refusal_is_one_line(tmp_path: Path) -> None:
    """What the gateway says no to ends with exit code 1, and no file."""

    def denied(context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "denied: no policy permits this call")

    with serving({SERVICE + "ExportSubject": denied}) as (address, _):
        done = subject(address, "export", "p-1", "--out", tmp_path / "p-1.json")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "PERMISSION_DENIED" in done.stderr
    assert list(tmp_path.iterdir()) == []
