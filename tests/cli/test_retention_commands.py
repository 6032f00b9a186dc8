# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger prune`, `hold`, `holds`, `release`, and what other commands say of a pruned ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ledger import retained, samples
from ombud_cli.main import app
from ombud_ledger import keys


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of the years 2023 to 2026."""
    retained.record(tmp_path / "ledger", count=2)
    return tmp_path / "ledger"


def test_a_dry_run_says_what_would_go_and_changes_nothing(ledger: Path) -> None:
    """What goes and what stays is printed with the declaration that decides; the ledger stays as it was."""
    before = ombud("ledger", "head", ledger).stdout
    done = ombud("ledger", "prune", ledger, "--dry-run", "-o", "json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["dry_run"], told["left"]) == (0, True, [])
    assert {each["because"] for each in told["goes"]} == {
        "credit keeps entries 24m",
        "credit keeps facts 12m",
    }
    assert any(each["because"].endswith("credit keeps entries 24m") for each in told["stays"])
    table = ombud("ledger", "prune", ledger, "--dry-run").stdout
    assert "would be pruned" in table
    assert max(map(len, table.splitlines())) <= 80
    assert ombud("ledger", "prune", ledger, "--dry-run", "-o", "csv").stdout.startswith(
        "log,what,part,entries"
    )
    assert ombud("ledger", "head", ledger).stdout == before
    assert "must be a time in ISO 8601" in ombud("ledger", "prune", ledger, "--before", "soon").stderr
    assert "must be one of those in" in ombud("ledger", "prune", ledger, "--log", "x").stderr


def test_before_is_meant_to_the_microsecond(ledger: Path) -> None:
    """`--before` the newest entry of the first segment keeps it; a microsecond later lets it go."""
    sql = "SELECT strftime(ts, '%Y-%m-%dT%H:%M:%S.%f') AS ts FROM entries WHERE seq = 4"
    (newest,) = json.loads(ombud("query", ledger, sql, "-o", "json").stdout)
    assert newest == {"ts": "2023-03-01T00:00:00.004000"}
    gone = []
    for limit in (newest["ts"], "2023-03-01T01:00:00.004001+01:00"):
        done = ombud("ledger", "prune", ledger, "--dry-run", "--before", limit, "-o", "json")
        gone.append(
            [each["entries"] for each in json.loads(done.stdout)["goes"] if each["part"] == "entries"]
        )
    assert gone == [[], ["0-4"]]


def test_a_pruned_ledger_says_so_everywhere(ledger: Path) -> None:
    """Verify counts what was pruned; query, sample, prove and the SQL say before which entry all are gone."""
    done = ombud("ledger", "prune", ledger, "--by", "records desk")
    assert done.exit_code == 0
    begins = json.loads(ombud("ledger", "prune", ledger, "-o", "json").stdout)["begins"]["r-0"]
    line = f"log r-0: entries before {begins} were pruned by declaration"
    verified = ombud("ledger", "verify", ledger)
    assert verified.exit_code == 0
    assert (
        f"5 files by declaration, all entries before {begins}; of them the last chain value"
        in verified.stdout
    )
    assert (
        json.loads(ombud("ledger", "verify", ledger, "-o", "json").stdout)["logs"][0]["pruned_before"]
        == begins
    )
    asked = ombud("query", ledger, "SELECT actor FROM prunes", "-o", "csv")
    assert (asked.stdout, asked.stderr) == ("actor\nrecords desk\n", f"{line}\n")
    drawn = ombud("ledger", "sample", ledger, "--seed", "s")
    assert (drawn.exit_code, drawn.stderr) == (0, f"{line}\n")
    assert json.loads(ombud("ledger", "sample", ledger, "--seed", "s", "-o", "json").stdout)["pruned"] == {
        "r-0": begins
    }
    proven = ombud("ledger", "prove", "d-0", ledger)
    assert (proven.exit_code, proven.stderr) == (1, f"ombud: ID: no decision 'd-0' in {ledger}; {line}\n")
    assert ombud("ledger", "verify", ledger, "--sql").stdout.startswith(f"-- {line}\n")
    assert ombud("ledger", "seal", ledger).exit_code == 0
    assert ombud("ledger", "verify", ledger).exit_code == 0


def test_a_hold_keeps_what_is_over(ledger: Path) -> None:
    """A held system is listed with the reason, and prune says that it is why nothing goes."""
    assert ombud("ledger", "holds", ledger, "-o", "json").stdout.strip() == "[]"
    unknown = ombud("ledger", "hold", ledger, "--system", "credits", "--reason", "r")
    assert (unknown.exit_code, "must be one in" in unknown.stderr) == (2, True)
    arguments = (ledger, "--system", "credit", "--reason", "case 12/2026", "--by", "counsel")
    assert ombud("ledger", "hold", *arguments).exit_code == 0
    assert "is held already" in ombud("ledger", "hold", *arguments).stderr
    (held,) = json.loads(ombud("ledger", "holds", ledger, "-o", "json").stdout)
    assert (held["log"], held["system"], held["by"], held["reason"]) == (
        "r-0",
        "credit",
        "counsel",
        "case 12/2026",
    )
    pruned = json.loads(ombud("ledger", "prune", ledger, "-o", "json").stdout)
    assert pruned["goes"] == []
    assert {each["because"] for each in pruned["stays"]} == {"credit is held, as log r-0 says"}
    assert ombud("ledger", "release", ledger, "--system", "credit", "--reason", "closed").exit_code == 0
    assert "is not held" in ombud("ledger", "release", *arguments).stderr
    assert json.loads(ombud("ledger", "prune", ledger, "-o", "json").stdout)["goes"] != []


def test_a_signed_ledger_is_pruned_with_its_key_file(tmp_path: Path) -> None:
    """The key comes from --signing-key; without it nothing is pruned, and a vkey vouches for the rest."""
    place, secret = tmp_path / "ledger", tmp_path / "secret"
    secret.write_text("a passphrase of the tests\n")
    made = ombud("key", "init", tmp_path / "k", "--origin", samples.ORIGIN, "--passphrase-file", secret)
    signers = keys.read_key_file(tmp_path / "k").open(lambda: keys.read_passphrase(secret))
    retained.record(place, signers=signers, count=2)
    refused = ombud("ledger", "prune", place)
    assert "log r-0 is signed: its key is needed" in refused.stderr
    done = ombud("ledger", "prune", place, "--signing-key", tmp_path / "k", "--passphrase-file", secret)
    assert done.exit_code == 0
    verified = ombud("ledger", "verify", place, "--vkey", made.stdout.strip())
    assert verified.exit_code == 0
    assert "their hashes are in tiles" in verified.stdout
