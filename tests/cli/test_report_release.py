# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud report release`: a named person stands for a report, in exactly the bytes that were made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.recorded import record
from ombud_cli.main import app
from ombud_ledger import query, verify

ADA = ("--by", "Ada Lovelace", "--function", "Head of credit")


def run(*arguments: object) -> Result:
    """Run a command of `ombud report`."""
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a ledger with a card of its system on record, and the card's files beside it."""
    folder = tmp_path_factory.mktemp("made")
    record(folder / "ledger")
    done = run("card", folder / "ledger", "--system", "credit", "--out", folder / "out", "--by", "Bob")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Path:
    """Copy them for one test; return the ledger."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "ledger"


def entries(root: Path) -> list[tuple[str, str, str, str]]:
    """Return the entries about reports: event, kind of report, who, function."""
    with query.connect(root) as opened:
        sql = "SELECT event, record->>'$.report', actor, record->>'$.function' FROM reports ORDER BY seq"
        return opened.execute(sql).fetchall()


@pytest.mark.parametrize("ending", ["pdf", "html", "json"])
def test_a_release_is_an_entry(ledger: Path, ending: str) -> None:
    """Whichever of its files is given, the entry names the report by the digest of its JSON."""
    released = run("release", ledger.parent / "out" / f"card-credit.{ending}", ledger, *ADA, "--json")
    assert released.exit_code == 0, released.output
    said = json.loads(released.stdout)
    with query.connect(ledger) as opened:
        made = opened.execute("SELECT digest, log || ':' || seq FROM reports WHERE event = 'made'").fetchall()
    assert (said["digest"], said["made"]) == made[0]
    assert entries(ledger) == [
        ("made", "card", "Bob", None),
        ("released", "card", "Ada Lovelace", "Head of credit"),
    ]
    assert verify(ledger).exit_code == 0


def test_a_person_releases_once(ledger: Path) -> None:
    """The same person again is an answer of no, another person is welcome."""
    page = ledger.parent / "out" / "card-credit.html"
    first, again = (run("release", page, ledger, *ADA) for _ in range(2))
    other = run("release", page, ledger, "--by", "Grace Hopper", "--function", "Counsel")
    assert [first.exit_code, again.exit_code, other.exit_code] == [0, 1, 0]
    assert "Ada Lovelace has released it already" in again.stderr


def test_a_file_that_was_changed_is_refused(ledger: Path) -> None:
    """One byte more, and the ledger tells of no such report."""
    page = ledger.parent / "out" / "card-credit.html"
    page.write_bytes(page.read_bytes() + b" ")
    refused = run("release", page, ledger, *ADA)
    assert refused.exit_code == 1
    assert "it was changed" in refused.stderr
    assert len(entries(ledger)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", " ", "--function", "f"), "--by: is empty"),
        (("--by", "Ada", "--function", ""), "--function: is empty"),
        (("--by", "Ada", "--function", "f" * 257), "--function: must be at most 256 bytes"),
        ((*ADA, "--log", "nowhere"), "--log: is 'nowhere', must be one of those"),
    ],
)
def test_a_release_is_a_persons(ledger: Path, arguments: tuple[str, ...], said: str) -> None:
    """Without name or function there is none."""
    refused = run("release", ledger.parent / "out" / "card-credit.json", ledger, *arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert len(entries(ledger)) == 1
