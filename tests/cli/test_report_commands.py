# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud report`: offline with the log's lock, and by a gateway that judges and records it."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.recorded import LOG, ORIGIN, record
from governed import OPERATOR, STRANGER, bundle_files, deploy
from ombud_cli.main import app
from ombud_cli.wiring import serving
from ombud_gateway.config import load_config
from ombud_ledger import Ledger, Options, query
from ombud_reports import kind_of, kinds

_REPORT = """
action report appliesTo {
  principal: [Agent, Workflow, Service, User], resource: [System],
  context: { system: String, method: String, report: String, texts: Bool },
};
"""
_PERMIT = """
@id("operators-report")
permit (principal in Group::"operators", action == Action::"report", resource == System::"lending")
when { ["operations", "incident"].contains(context.report) && !context.texts };
"""


def ombud(*arguments: object, **env: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, [str(each) for each in arguments], env=env)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A small ledger."""
    record(tmp_path / "ledger")
    return tmp_path / "ledger"


def made(ledger: Path, out: Path, *more: object) -> Result:
    """Make the operations report."""
    return ombud("report", "operations", ledger, "--system", "credit", "--out", out, "--by", "ada", *more)


def entries(ledger: Path) -> list[dict[str, Any]]:
    """What the ledger tells of reports."""
    with query.connect(ledger) as sql:
        return [
            json.loads(row[0]) for row in sql.execute("SELECT record FROM reports ORDER BY seq").fetchall()
        ]


def test_a_report_is_made_recorded_and_verified(ledger: Path, tmp_path: Path) -> None:
    """Files for their owner alone, their digests in an entry, and both files verify."""
    out = tmp_path / "reports"
    done = made(ledger, out, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    (entry,) = entries(ledger)
    assert (entry["event"], entry["report"], entry["system"], entry["by"]) == (
        "made",
        "operations",
        "credit",
        "ada",
    )
    assert (entry["digest"], told["entry"].split(",")[0]) == (told["digest"], LOG)
    assert sorted(path.name for path in out.iterdir()) == ["operations-credit.html", "operations-credit.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    for name in told["files"].values():
        verified = ombud("report", "verify", name, ledger, "--json")
        assert (verified.exit_code, json.loads(verified.stdout)["differences"]) == (0, [])


def test_nothing_is_overwritten_unless_told(ledger: Path, tmp_path: Path) -> None:
    """The same name again is refused before anything is made, and taken with --force."""
    out = tmp_path / "reports"
    assert made(ledger, out).exit_code == 0
    again = made(ledger, out)
    assert (again.exit_code, len(entries(ledger))) == (2, 1)
    assert "--force" in again.stderr
    assert made(ledger, out, "--force", "--json-only").exit_code == 0
    assert len(entries(ledger)) == 2


def test_what_cannot_be_recorded_is_not_made(ledger: Path, tmp_path: Path) -> None:
    """While somebody else writes the log there is no report, only a draft that says so."""
    out = tmp_path / "reports"
    held = Ledger.open(ledger, log=LOG, origin=ORIGIN, options=Options(seal_automatically=False))
    try:
        refused = made(ledger, out)
        assert (refused.exit_code, out.exists()) == (2, False)
        assert "--draft" in refused.stderr
        draft = made(ledger, out, "--draft")
        assert draft.exit_code == 0, draft.stderr
    finally:
        held.close()
    assert entries(ledger) == []
    assert b"DRAFT, NOT RECORDED" in (out / "operations-credit.html").read_bytes()
    assert ombud("report", "verify", out / "operations-credit.html", ledger).exit_code == 0


def test_a_report_that_is_given_a_file_is_made_from_a_folder_alone(ledger: Path, tmp_path: Path) -> None:
    """No gateway takes the file, and what a running gateway holds does not send people to it."""
    answers = tmp_path / "answers.json"
    answers.write_text("{}")
    asked = ("--system", "credit", "--answers", answers, "--out", tmp_path / "reports")
    at_gateway = ombud("report", "explain", *asked)
    assert at_gateway.exit_code == 2
    assert "--answers: cannot be given to a gateway; give PATH" in at_gateway.stderr
    held = Ledger.open(ledger, log=LOG, origin=ORIGIN, options=Options(seal_automatically=False))
    try:
        while_held = ombud("report", "explain", ledger, *asked)
    finally:
        held.close()
    assert (while_held.exit_code, "--draft makes one" in while_held.stderr) == (2, True)
    assert "a running gateway makes the report" not in while_held.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--system", "nobody"], "--system: is 'nobody', must be one that the ledger has entries of"),
        (["--from", "soon"], "--from: is 'soon'"),
        (["--from", "2030-01-01"], "must begin before it ends"),
        (["--log", "r9-9"], "--log: is 'r9-9'"),
    ],
)
def test_bad_input_is_named(ledger: Path, tmp_path: Path, more: list[str], said: str) -> None:
    """Option, value, and what would be right; nothing is written."""
    done = made(ledger, tmp_path / "reports", *more)
    assert (done.exit_code, (tmp_path / "reports").exists()) == (2, False)
    assert said in done.stderr
    assert entries(ledger) == []


def test_verify_tells_what_differs(ledger: Path, tmp_path: Path) -> None:
    """A changed figure is 1, a file that is no report 2."""
    assert made(ledger, tmp_path).exit_code == 0
    file = tmp_path / "operations-credit.json"
    document = json.loads(file.read_text())
    figure = next(each for each in document["figures"] if each["name"] == "calls.calls")
    figure["value"] += 1
    file.write_text(json.dumps(document))
    done = ombud("report", "verify", file, ledger)
    assert done.exit_code == 1
    assert "calls.calls" in done.stdout
    file.write_text("{}")
    assert ombud("report", "verify", file, ledger).exit_code == 2


def test_every_kind_has_a_command() -> None:
    """With its own options, none of which is named like those all kinds have."""
    listed = ombud("report", "--help").stdout
    for name in kinds():
        assert name in listed
        own = ombud("report", name, "--help")
        assert own.exit_code == 0, own.stderr
        common = {
            "path",
            "system",
            "out",
            "begin",
            "end",
            "as_of",
            "log",
            "by",
            "draft",
            "force",
            "key",
            "ca",
        }
        assert common.isdisjoint(option.name for option in kind_of(name).options)


def test_a_gateway_makes_a_report(tmp_path: Path) -> None:
    """Policy judges its kind and texts; made apart, recorded by the gateway; the files verify."""
    deployment = deploy(tmp_path / "gateway", port=0, upstream=9)
    bundle = deployment.folder / "bundle"
    files = bundle_files()
    (bundle / "schema.cedarschema").write_bytes(files["schema.cedarschema"] + _REPORT.encode())
    (bundle / "policies.cedar").write_bytes(files["policies.cedar"] + _PERMIT.encode())
    out = tmp_path / "reports"
    given = ("--system", "lending", "--out", out, "--json")

    async def run() -> None:
        async with serving(load_config(deployment.config)) as gateway:

            async def ask(who: str, *more: object, kind: str = "operations") -> Result:
                at = {"OMBUD_GATEWAY": f"127.0.0.1:{gateway.port}", "OMBUD_TOKEN": deployment.tokens[who]}
                return await asyncio.to_thread(lambda: ombud("report", kind, *given, *more, **at))

            denied = await ask(STRANGER)
            assert (denied.exit_code, out.exists()) == (1, False)
            assert "PERMISSION_DENIED" in denied.stderr
            for features_or_texts in (
                await ask(OPERATOR, "--decision", "any", kind="explain"),
                await ask(OPERATOR, "--incident", "any", "--texts", kind="incident"),
            ):
                assert (features_or_texts.exit_code, out.exists()) == (1, False)
                assert "PERMISSION_DENIED" in features_or_texts.stderr
            without = await ask(OPERATOR, "--incident", "any", kind="incident")
            assert (without.exit_code, "PERMISSION_DENIED" in without.stderr) == (2, False)
            unknown = await ask(OPERATOR, "--from", "2030-01-01")
            assert (unknown.exit_code, out.exists()) == (2, False)
            assert "must begin before it ends" in unknown.stderr
            done = await ask(OPERATOR)
            assert done.exit_code == 0, done.stderr

    asyncio.run(run())
    (entry,) = entries(deployment.ledger)
    assert (entry["by"], entry["event"]) == (OPERATOR, "made")
    verified = ombud("report", "verify", out / "operations-lending.html", deployment.ledger)
    assert verified.exit_code == 0, verified.stdout
