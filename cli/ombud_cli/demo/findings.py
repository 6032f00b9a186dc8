# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger of the demonstration says, asked as an auditor would ask it."""

from __future__ import annotations

import re
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

from ombud_cli.output import WIDE, cell
from ombud_ledger import Verification, query
from ombud_reports import (
    LATENCY,
    LET_THROUGH_BY_HUMANS,
    REFUSED,
    VERDICTS_BY_POLICY,
    Question,
    answers_below,
    ask,
)

AUDITOR = (REFUSED, LET_THROUGH_BY_HUMANS, answers_below("credit", "confidence", 0.8))


def ask_ledger(ledger: Path, console: Console) -> list[RenderableType]:
    """Return verdicts by policy, added latency and the answers to three auditor questions."""
    with query.connect(ledger) as connection:
        return [_shown(connection, question, console) for question in (VERDICTS_BY_POLICY, LATENCY, *AUDITOR)]


def in_words(verification: Verification) -> str:
    """Say an exit code and what it means."""
    code = verification.exit_code
    meaning = {0: "[yellow]0 sound[/]", 1: "[green]1 broken[/]", 2: "[green]2 unreadable[/]"}
    return meaning.get(code, f"[yellow]{code} intact, incomplete[/]")


def reason(*verifications: Verification) -> str:
    """Say what was found first, without digests: `ombud ledger verify` prints them."""
    for each in verifications:
        for finding in each.all_findings():
            return re.split(r"[:;]| [0-9a-f]{64}", finding.what)[0]
    return ""


def _shown(connection: query.Query, question: Question, console: Console) -> RenderableType:
    """Return a table, or where that is wider than the page its rows one below the other."""
    answer = ask(connection, question)
    table = Table(title=question.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in answer.columns:
        numbers = all(isinstance(row[answer.columns.index(column)], int | float) for row in answer.rows)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    for row in answer.rows:
        table.add_row(*(cell(value) for value in row))
    if Measurement.get(console, console.options.update(max_width=WIDE), table).maximum <= console.width:
        return table
    upright = Table(title=question.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    upright.add_column("column", style="bold")
    upright.add_column("value", overflow="fold")
    for row in answer.rows:
        for column, value in zip(answer.columns, row, strict=True):
            upright.add_row(column, cell(value))
        upright.add_section()
    return upright
