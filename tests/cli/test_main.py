# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: quick to start, complete help, failures in one line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ombud_cli.main import COMMANDS, app

HEAVY = {
    "duckdb",
    "pyarrow",
    "grpc",
    "cedarpy",
    "pydantic",
    "sqlalchemy",
    "rich",
    "ombud_gateway",
    "ombud_ledger",
}
LEAVES = [
    ["init"],
    ["serve"],
    ["config", "check"],
    ["token", "create"],
    ["token", "list"],
    ["token", "revoke"],
    ["policy", "check"],
    ["policy", "test"],
    ["policy", "show"],
    ["policy", "activate"],
    ["review", "list"],
    ["review", "show"],
    ["review", "approve"],
    ["review", "reject"],
    ["label", "import"],
    ["request", "open"],
    ["request", "extend"],
    ["request", "answer"],
    ["request", "close"],
    ["request", "list"],
    ["incident", "open"],
    ["incident", "update"],
    ["incident", "close"],
    ["incident", "list"],
    ["subject", "export"],
    ["subject", "erase"],
    ["subject", "hold"],
    ["subject", "holds"],
    ["subject", "release"],
    ["vault", "init"],
    ["vault", "show"],
    ["vault", "rotate"],
    ["ledger", "verify"],
    ["ledger", "head"],
    ["ledger", "seal"],
    ["decision", "show"],
    ["decision", "trace"],
    ["query"],
]


def test_help_imports_nothing_heavy() -> None:
    """`ombud --help` lists every command and imports none of the parts that take long."""
    program = (
        "import sys, json\n"
        "from ombud_cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set() == HEAVY & set(json.loads(done.stderr.splitlines()[-1]))
    assert [name for name in COMMANDS if name not in done.stdout] == []


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: list[str]) -> None:
    """`--help` of every command of this house has a usage and an example."""
    shown = CliRunner().invoke(app, [*command, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout
    if command != ["serve"]:
        assert "Example: ombud " + " ".join(command) in " ".join(shown.stdout.split())


def test_an_unknown_command_is_a_usage_error() -> None:
    """What is no command ends with exit code 2."""
    assert CliRunner().invoke(app, ["juggle"]).exit_code == 2


def test_a_failure_is_one_line_without_a_traceback() -> None:
    """Bad input names option, value and what is expected, on stderr, with exit code 2."""
    done = CliRunner().invoke(app, ["ledger", "verify", "here", "--head", "12:ab"])
    expected = "ombud: --head: is '12:ab', must be SIZE:HEX, a number of entries and 64 hexadecimal digits\n"
    assert (2, "", expected) == (done.exit_code, done.stdout, done.stderr)


def test_version_is_printed() -> None:
    """`--version` prints the distribution's version."""
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout[:6]) == (0, "ombud ")
