# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The README's commands, run.

Every fenced block marked `console` runs, in order, at the project's root, with the environment's programs on
the path. A line `$ command` (continued after a closing backslash) must succeed; the lines below it, until the
next command, must be among what it prints, in that order, where `...` stands for anything. Blocks marked
otherwise are not run; what they ask of make must exist.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text()
# These would run this test again.
NOT_FROM_HERE: Final = {"make test", "make check"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and what the README shows of its output."""

    line: str
    shown: tuple[str, ...]


def commands(text: str) -> list[Command]:
    """Read the commands of all `console` blocks."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
            line, *shown = part.splitlines()
            found.append(Command(line, tuple(row.strip() for row in shown if row.strip())))
    return found


def missing(shown: tuple[str, ...], printed: str) -> str:
    """Return the first piece of shown lines that is not printed after those before it, or nothing."""
    at = 0
    for piece in (piece for row in shown for piece in row.split("...") if piece):
        found = printed.find(piece, at)
        if found < 0:
            return piece
        at = found + len(piece)
    return ""


def test_shown_output_is_compared() -> None:
    """The comparison itself: order counts, `...` stands for anything."""
    read = commands("```console\n$ a \\\n  b\none ... three\nfour\n$ c\n```\n```sh\n$ d\n```\n")
    assert read == [Command("a   b", ("one ... three", "four")), Command("c", ())]
    assert missing(read[0].shown, "zero\none two three\nand\nfour\n") == ""
    assert missing(read[0].shown, "four\none two three\n") == "four"


def test_make_targets_exist() -> None:
    """Every `make TARGET` in the README is a target."""
    asked = set(re.findall(r"^\$? ?make ([a-z-]+)", README, flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert asked
    assert asked - targets == set()


@pytest.mark.parametrize(
    "command", [c for c in commands(README) if c.line not in NOT_FROM_HERE], ids=lambda c: c.line
)
def test_commands_do_what_the_readme_shows(command: Command) -> None:
    """Each command succeeds and prints what the README shows."""
    programs = Path(sys.executable).parent
    finished = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command.line],
        cwd=ROOT,
        env=os.environ
        | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    assert missing(command.shown, finished.stdout) == "", finished.stdout
