# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Runs Ombud's own commands for the people of the demonstration, as they would type them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ombud_cli.demo.workspace import PRINCIPALS, Workspace


class CommandFailed(RuntimeError):
    """A command that the demonstration relies on ended otherwise than well; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token, at a running gateway."""

    workspace: Workspace
    address: str
    role: str

    @property
    def principal(self) -> str:
        """Who it is, as policies name them."""
        return PRINCIPALS[self.role]

    def ask(self, *words: str) -> str:
        """Run a command at the gateway; return what it prints. Raises CommandFailed."""
        return run(*self.words(*words))

    def ask_json(self, *words: str) -> Any:
        """Run a command that prints JSON. Raises CommandFailed."""
        return json.loads(self.ask(*words))

    def words(self, *words: str) -> tuple[str, ...]:
        """Return a command with what says which gateway, and who asks."""
        token = self.workspace.token_file(self.role)
        return (*words, "--gateway", self.address, "--token-file", str(token))


def run(*words: str) -> str:
    """Run a command in this process; return what it prints. Raises CommandFailed."""
    from ombud_cli.main import app

    out, said = StringIO(), StringIO()
    code: object = 0
    with redirect_stdout(out), redirect_stderr(said):
        try:
            app(list(words), prog_name="ombud")
        except SystemExit as ended:
            code = ended.code or 0
    if code:
        raise CommandFailed(f"{typed(words)}: exit code {code}: {said.getvalue().strip()[-2000:]}")
    return out.getvalue()


def typed(words: Sequence[str]) -> str:
    """Return a command as one types it."""
    return f"ombud {shlex.join(words)}"
