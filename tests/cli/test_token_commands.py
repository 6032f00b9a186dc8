# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud token`: made once, listed without secrets, revoked for good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ombud_cli.main import app
from ombud_gateway.identity import Bearer, Principal


def token(*arguments: object) -> Result:
    """Run `ombud token`."""
    return CliRunner().invoke(app, ["token", *map(str, arguments)])


def test_a_created_token_is_accepted_until_revoked(tmp_path: Path) -> None:
    """The token goes to stdout alone; the bearer check takes it until its id is revoked."""
    file = tmp_path / "tokens.toml"
    made = token("create", "ada", "--principal", 'User::"ada"', "--expires", 30, "--file", file)
    assert made.exit_code == 0
    text = made.stdout.strip()
    assert text not in file.read_text()
    assert text not in made.stderr
    assert Principal("User", "ada") == Bearer(file).principal(f"Bearer {text}")
    (listed,) = json.loads(token("list", "--file", file, "-o", "json").stdout)
    assert (listed["principal"], listed["state"], listed["note"]) == ('User::"ada"', "valid", "ada")
    secret = text.rpartition("_")[2]
    assert secret not in json.dumps(listed)
    assert token("revoke", listed["id"], "--file", file).stdout == f'revoked {listed["id"]} of User::"ada"\n'
    assert token("revoke", listed["id"], "--file", file).exit_code == 1


def test_a_name_alone_makes_an_agent(tmp_path: Path) -> None:
    """Without --principal the token is of an Agent of that name; --json tells all once."""
    made = json.loads(token("create", "intake", "--file", tmp_path / "t", "--json").stdout)
    assert (made["principal"], made["expires"]) == ('Agent::"intake"', None)
    assert made["token"].startswith("ombud_")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["create", "x", "--principal", "Robot::1"], "--principal: is 'Robot::1', must be one of Agent"),
        (["create", "a\nb"], "NAME: is "),
        (["list", "--config", "missing.toml"], "missing.toml"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, arguments: list[str], names: str) -> None:
    """What is wrong is named on stderr with exit code 2."""
    file = [] if "--config" in arguments else ["--file", str(tmp_path / "t")]
    done = token(*arguments, *file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert names in done.stderr


def test_a_token_file_others_can_write_is_refused(tmp_path: Path) -> None:
    """A file that others can write is no place for tokens."""
    file = tmp_path / "t"
    token("create", "a", "--file", file)
    file.chmod(0o666)
    assert token("list", "--file", file).exit_code == 2
