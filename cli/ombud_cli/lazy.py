# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A command group that imports a command only when it runs, so that `ombud --help` stays quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from ombud_cli.failure import Failure, unusable
from ombud_cli.output import printable


@dataclass(frozen=True, slots=True)
class Later:
    """A command that is imported when it runs: `module:attribute`, a Typer app or a function."""

    target: str
    help: str


class LazyGroup(TyperGroup):
    """Knows its commands by name; ends a `Failure` as one line on stderr."""

    later: ClassVar[Mapping[str, Later]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order they are declared."""
        return list(self.later)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a stand-in that imports the command once it is to run."""
        later = self.later.get(cmd_name)
        return None if later is None else _StandIn(cmd_name, later)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what it fails with is said, never traced."""
        try:
            return super().invoke(ctx)
        except Failure as failure:
            for line in filter(None, str(failure).splitlines()):
                print(f"ombud: {printable(line)}", file=sys.stderr)
            raise typer.Exit(int(failure.code)) from failure
        except KeyboardInterrupt as interrupt:  # not 1, which would read as an answer
            raise typer.Exit(130) from interrupt


class _StandIn(TyperCommand):
    def __init__(self, name: str, later: Later) -> None:
        super().__init__(name, help=later.help, callback=None)
        self._later = later

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _load(self._later, str(self.name)).make_context(info_name, args, parent=parent, **extra)


def _load(later: Later, name: str) -> Any:
    module, _, attribute = later.target.partition(":")
    try:
        home = importlib.import_module(module)
        found = getattr(home, attribute)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing == "ombud_cli":
            raise unusable(f"{name}: is not part of this installation") from error
        extra = "reports" if module.startswith("ombud_cli.report") else "server"
        wanted = f"pip install 'ombud[{extra}]'"
        raise unusable(f"{name}: needs the package {missing!r}; install it with: {wanted}") from error
    if not isinstance(found, typer.Typer):
        one = typer.Typer(rich_markup_mode="markdown", add_completion=False)
        one.command(name, epilog=getattr(home, "EPILOG", None))(found)
        found = one
    return typer.main.get_command(found)
