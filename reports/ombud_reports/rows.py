# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows of facts are counted, in SQL that never holds all of them: the WITH of every statement on facts.

Most facts are of a decision on a first attempt that the most used model version answered. Those that are not
are looked up one by one; what all others are is known. And as the times of a log never go back, a day is a
stretch of its numbers. So no table grows with the calls, only with what is unusual about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from ombud_reports.contract import facts_view
from ombud_reports.identifiers import quoted
from ombud_reports.kinds import Option, Options
from ombud_reports.reading import Reading

ATTEMPTS: Final = Option(
    "attempts", "text", "whether retried attempts count", default="first", choices=("first", "all")
)
_EVERY_ATTEMPT: Final = 1 << 62
INPUTS = "\"@kind\" IS DISTINCT FROM 'outcome'"
"""Rows that hold what a call asked: of its decision or intent. Its outcome repeats it."""
OUTPUTS = "\"@kind\" IS DISTINCT FROM 'intent'"
"""Rows that hold what a call was answered: of its decision or outcome."""
IN_WINDOWS = """(ts >= $reference_from::TIMESTAMP AND ts < $reference_to::TIMESTAMP
        OR ts >= $current_from::TIMESTAMP AND ts < $current_to::TIMESTAMP)"""


@dataclass(frozen=True, slots=True)
class Windows:
    """Reference and current window; each from a moment until before another, UTC, not overlapping."""

    reference_from: datetime
    reference_to: datetime
    current_from: datetime
    current_to: datetime

    def parameters(self) -> dict[str, datetime]:
        """Return them as a statement's parameters."""
        return {
            "reference_from": self.reference_from,
            "reference_to": self.reference_to,
            "current_from": self.current_from,
            "current_to": self.current_to,
        }


_STRETCHES = f"""
    SELECT log, seq // 4096 AS block, CAST(ts AS DATE) AS day, ts >= $current_from::TIMESTAMP
           AND ts < $current_to::TIMESTAMP AS current, min(seq) AS first, max(seq) AS last
    FROM entries WHERE {IN_WINDOWS}
    GROUP BY ALL"""  # noqa: S608 - texts of ours
# A resumed call repeats the answer that was held, so it is marked as `again`; `after` is what became of it.
# An answer that people approved, but that no resumed call let out, is open: it has not left.
_UNUSUAL = f"""
    SELECT e.log, e.seq, e.id, e.system, e.action, e.kind, e.route,
           coalesce(e.model_version, '') AS model_version, coalesce(e.attempt, i.attempt, 1) AS attempt,
           e.approval, h.id IS NOT NULL AS again,
           CASE WHEN coalesce(e.outcome, 'answered') = 'answered' THEN 'released'
                WHEN e.outcome <> 'held' THEN 'not released'
                WHEN r.released THEN 'approved'
                ELSE coalesce(nullif(t.event, 'approved'), 'open') END AS after
    FROM (
        SELECT * FROM entries
        WHERE {IN_WINDOWS} AND facts_contract IS NOT NULL AND kind IN ('decision', 'intent', 'outcome')
          AND NOT coalesce(kind = 'decision' AND action = 'infer' AND system = $system
                           AND model_version = $version AND coalesce(attempt, 1) <= $attempts::BIGINT
                           AND outcome = 'answered' AND approval IS NULL
                           AND route IS DISTINCT FROM 'shadow', false)
    ) e
    LEFT JOIN intents i ON e.kind = 'outcome' AND i.log = e.log AND i.id = e.id
    LEFT JOIN (
        SELECT DISTINCT id FROM entries WHERE system = $system AND outcome = 'held'
    ) h ON h.id = e.approval
    LEFT JOIN (
        SELECT approval AS id, bool_or(outcome = 'answered') AS released
        FROM entries WHERE system = $system AND approval IS NOT NULL GROUP BY approval
    ) r ON r.id = e.id
    LEFT JOIN (
        SELECT id, arg_max(event, ts) AS event FROM reviews WHERE event <> 'opened' GROUP BY id
    ) t ON t.id = e.id"""  # noqa: S608 - texts of ours


def highest_attempt(options: Options) -> int:
    """Return the highest attempt that counts, by the option ATTEMPTS."""
    return 1 if options[ATTEMPTS.name] == "first" else _EVERY_ATTEMPT


@dataclass(frozen=True, slots=True)
class Calls:
    """The facts of both windows' calls: what statements on them begin with, and its parameters."""

    reading: Reading
    windows: Windows
    version: str
    """The most used model version."""
    attempts: int
    """The highest attempt that counts."""

    @property
    def parameters(self) -> dict[str, str | int | datetime]:
        """Return the parameters of every statement on them."""
        return {**self.windows.parameters(), "version": self.version, "attempts": self.attempts}

    @property
    def given(self) -> str:
        """Return the WITH that makes `calls_of`: facts, with `"@day"`, `"@current"`, and what is unusual.

        The latter is NULL for a decision that the most used version answered. No column of a contract has a
        name with @ in it.
        """
        return f"""
WITH stretches AS ({_STRETCHES}
), unusual AS ({_UNUSUAL}
), calls_of AS (
    SELECT f.*, s.day AS "@day", s.current AS "@current", u.kind AS "@kind", u.model_version AS "@version",
           u.approval AS "@approval", u.after AS "@after", u.again AS "@again"
    FROM {quoted(facts_view(self.reading.system))} f
    JOIN stretches s ON s.log = f.log AND s.block = f.seq // 4096 AND f.seq BETWEEN s.first AND s.last
    LEFT JOIN unusual u ON u.log = f.log AND u.seq = f.seq
    WHERE u.kind IS NULL OR (u.system = $system AND u.action = 'infer' AND u.attempt <= $attempts::BIGINT
          AND u.route IS DISTINCT FROM 'shadow')
)"""  # noqa: S608 - names are quoted, values are parameters

    def ask(self, name: str, select: str, **parameters: str | float | datetime) -> list[dict[str, Any]]:
        """Ask a SELECT on `calls_of`. Raises what `Reading.ask` raises."""
        self._hold()
        return self.reading.ask(name, f"{self.given}\n{select}", **self.parameters, **parameters)

    def batches(self, name: str, select: str) -> Iterator[pa.RecordBatch]:
        """Read a SELECT on `calls_of`. Raises what `Reading.batches` raises."""
        self._hold()
        return self.reading.batches(name, f"{self.given}\n{select}", **self.parameters)

    def _hold(self) -> None:
        self.reading.hold("stretches", _STRETCHES, **self.parameters)
        self.reading.hold("unusual", _UNUSUAL, **self.parameters)
