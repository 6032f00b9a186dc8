# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Ask a question of an open ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ombud_ledger import query
from ombud_reports.questions import Question


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger says: column names, rows, and the SQL that anyone can run again."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    sql: str


def ask(connection: query.Query, question: Question) -> Answer:
    """Ask one question; raises `duckdb.Error` where the ledger has no such view or column."""
    result = connection.execute(question.sql)
    columns = tuple(column[0] for column in result.description)
    return Answer(columns, tuple(result.fetchall()), question.sql)
