# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud policy check` and `test` over real bundles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ombud_cli.main import app
from ombud_policies import Bundle, starter_bundle


def policy(*arguments: object) -> Result:
    """Run `ombud policy`."""
    return CliRunner().invoke(app, ["policy", *map(str, arguments)])


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the observe bundle."""
    return Path(shutil.copytree(starter_bundle("observe"), tmp_path / "observe"))


def test_a_bundle_that_holds(bundle: Path) -> None:
    """Check says the digest that records will carry."""
    done = policy("check", bundle, "--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    assert (True, Bundle.load(bundle).digest, []) == (said["valid"], said["digest"], said["problems"])
    assert Bundle.load(bundle).digest in policy("check", bundle).stdout


def test_a_policy_that_does_not_hold_is_named(bundle: Path) -> None:
    """A misspelt attribute is named with file, line and policy; exit code 1."""
    (bundle / "extra.cedar").write_text(
        '@id("odd")\nforbid (principal, action == Action::"infer", resource) when { context.sistem == "" };\n'
    )
    done = policy("check", bundle)
    assert done.exit_code == 1
    assert "extra.cedar:1: [odd]" in done.stdout
    (problem,) = json.loads(policy("test", bundle, "--json").stdout)["problems"]
    assert (problem["file"], problem["line"], problem["policy"]) == ("extra.cedar", 1, "odd")


def test_a_failing_case_is_shown_among_the_passing(bundle: Path) -> None:
    """`policy test` shows every case; one that fails gives exit code 1, and `check` refuses the bundle."""
    case = "  - {name: wrong, action: read, expect: {verdict: deny, policies: []}}\n"
    with (bundle / "tests" / "observe.yaml").open("a") as file:
        file.write(case)
    done = policy("test", bundle, "--json")
    assert done.exit_code == 1
    cases = json.loads(done.stdout)["cases"]
    assert [case["name"] for case in cases if not case["passed"]] == ["wrong"]
    assert len(cases) > 5
    assert "FAIL" in policy("test", bundle).stdout
    assert policy("check", bundle).exit_code == 1
    assert policy("activate", bundle).exit_code == 1


def test_all_cases_pass(bundle: Path) -> None:
    """`policy test` of a good bundle ends with 0."""
    done = policy("test", bundle)
    assert (done.exit_code, "0 failed" in done.stdout) == (0, True)


def test_a_missing_folder_is_bad_input(tmp_path: Path) -> None:
    """There being no folder is no verdict on a bundle: exit code 2."""
    assert [policy(verb, tmp_path / "no").exit_code for verb in ("check", "test", "activate")] == [2, 2, 2]


def test_a_bundle_that_keeps_payloads_is_told_to_need_a_vault(bundle: Path) -> None:
    """It holds, with a note; bytes cannot be redacted, which is told too."""
    (bundle / "full.cedar").write_text(
        '@id("keep") @capture("full") @redact("name")\n'
        'permit (principal == User::"operator", action == Action::"infer", resource);\n'
    )
    done = policy("check", bundle, "--json")
    assert (done.exit_code, json.loads(done.stdout)["notes"]) == (
        0,
        [
            'keep: @capture("full") needs a gateway with a [vault]',
            "keep: bytes cannot be redacted, so @redact leaves features only",
        ],
    )
    assert "note: keep" in policy("check", bundle).stdout
