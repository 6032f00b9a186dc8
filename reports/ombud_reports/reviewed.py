# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How each review ended, in SQL: the WITH of every statement that counts reviews.

A review is settled once all its groups have approved, or at the first event that closes it.
"""

from __future__ import annotations

from typing import Final


def _each(condition: str) -> str:
    return f"""
WITH told AS (
    SELECT id, ts, event, stage, review_group, len((record->'$.groups')::VARCHAR[]) AS wanted
    FROM reviews WHERE system = $system AND ts < $end::TIMESTAMP AND {condition}
), seen AS (
    SELECT id, max(stage) AS stage, min(ts) FILTER (event = 'opened') AS opened,
           max(ts) FILTER (event = 'approved') AS approved_at,
           count(DISTINCT review_group) FILTER (event = 'approved') >= max(wanted) AS approved,
           min(ts) FILTER (event IN ('rejected', 'overridden', 'expired', 'erased')) AS closed_at,
           min_by(event, ts) FILTER (event IN ('rejected', 'overridden', 'expired', 'erased')) AS closed
    FROM told GROUP BY id
), each AS (
    SELECT id, stage, opened,
           CASE WHEN approved AND (closed_at IS NULL OR approved_at <= closed_at) THEN approved_at
                ELSE closed_at END AS settled_at,
           CASE WHEN approved AND (closed_at IS NULL OR approved_at <= closed_at) THEN 'approved'
                ELSE closed END AS settled
    FROM seen WHERE opened IS NOT NULL
)
"""  # noqa: S608 - the conditions are ours


# What a person contests was decided before: no call waits for it, and approving it finds against an answer.
REVIEWED: Final = _each("stage IS DISTINCT FROM 'contest'")
"""Makes `each`, of the system's reviews: `id`, `stage`, `opened`, `settled_at`, `settled`."""
CONTESTED: Final = _each("stage = 'contest'")
"""The same of its contests."""
