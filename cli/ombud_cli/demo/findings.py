# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger of the demonstration says, asked as an auditor would ask it."""

from __future__ import annotations

import re
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ombud_cli.output import cell
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


def ask_ledger(ledger: Path) -> list[Table]:
    """Return verdicts by policy, added latency and the answers to three auditor questions."""
    with query.connect(ledger) as connection:
        return [_table(connection, question) for question in (VERDICTS_BY_POLICY, LATENCY, *AUDITOR)]


def in_words(verification: Verification) -> str:
    """Say an account in one cell: exit code, meaning, and the first finding."""
    code = verification.exit_code
    meaning = {0: "[yellow]0 sound[/]", 1: "[green]1 broken[/]", 2: "[green]2 unreadable[/]"}
    findings = verification.all_findings()
    said = meaning.get(code, f"[yellow]{code} intact, incomplete[/]")
    return f"{said}: {_short(findings[0].what)}" if findings else said


def _short(text: str) -> str:
    """Leave out the digests: `ombud ledger verify` prints them."""
    return re.split(r"[:;]| [0-9a-f]{64}", text)[0]


def _table(connection: query.Query, question: Question) -> Table:
    answer = ask(connection, question)
    table = Table(title=question.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in answer.columns:
        numbers = all(isinstance(row[answer.columns.index(column)], int | float) for row in answer.rows)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    for row in answer.rows:
        table.add_row(*(cell(value) for value in row))
    return table
