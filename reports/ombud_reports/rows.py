# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows of facts are counted, in SQL that never holds all of them: the WITH of every statement on facts.

Most facts are of a decision on a first attempt that the most used model version answered. Those that are not
are looked up one by one; what all others are is known. And as the times of a log never go back, a day is a
stretch of its numbers. So no table grows with the calls, only with what is unusual about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ombud_reports.contract import facts_view
from ombud_reports.identifiers import quoted
from ombud_reports.reading import Reading

INPUTS = "\"@kind\" <> 'outcome'"
"""Rows that hold what a call asked: of its decision or intent. Its outcome repeats it."""
OUTPUTS = "\"@kind\" <> 'intent'"
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


def calls_with(reading: Reading) -> str:
    """Return the WITH that makes `calls_of`: facts of both windows, and `"@kind"`, `"@current"`, `"@day"`, ...

    Parameters: `system`, those of `Windows`, `version` (the most used), `attempts` (the highest that counts).
    No column of a contract has a name with @ in it.
    """
    return f"""
WITH stretches AS (
    SELECT log, seq // 4096 AS block, CAST(ts AS DATE) AS day, ts >= $current_from::TIMESTAMP
           AND ts < $current_to::TIMESTAMP AS current, min(seq) AS first, max(seq) AS last
    FROM entries WHERE {IN_WINDOWS}
    GROUP BY ALL
), unusual AS (
    SELECT e.log, e.seq, e.system, e.action, e.kind, e.route, e.model_version,
           coalesce(e.attempt, i.attempt, 1) AS attempt
    FROM (
        SELECT * FROM entries
        WHERE {IN_WINDOWS} AND facts_contract IS NOT NULL
          AND NOT coalesce(kind = 'decision' AND action = 'infer' AND system = $system
                           AND model_version = $version AND coalesce(attempt, 1) <= $attempts::BIGINT
                           AND route IS DISTINCT FROM 'shadow', false)
    ) e
    LEFT JOIN intents i ON e.kind = 'outcome' AND i.log = e.log AND i.id = e.id
), calls_of AS (
    SELECT f.*, s.day AS "@day", s.current AS "@current", coalesce(u.kind, 'decision') AS "@kind",
           CASE WHEN u.kind IS NULL THEN $version ELSE coalesce(u.model_version, '') END AS "@version"
    FROM {quoted(facts_view(reading.system))} f
    JOIN stretches s ON s.log = f.log AND s.block = f.seq // 4096 AND f.seq BETWEEN s.first AND s.last
    LEFT JOIN unusual u ON u.log = f.log AND u.seq = f.seq
    WHERE u.kind IS NULL OR (u.system = $system AND u.action = 'infer' AND u.attempt <= $attempts::BIGINT
          AND u.kind IN ('decision', 'intent', 'outcome') AND u.route IS DISTINCT FROM 'shadow')
)"""  # noqa: S608 - names are quoted, values are parameters
