# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The face of pruning: what would go, what went, what stays and why. `Ledger.prune_blocking` does it."""

from typing import Final

from ombud_ledger.in_force import held_systems
from ombud_ledger.prune import Left, Pruned
from ombud_ledger.prune_plan import Going, Plan, Staying, would_prune

__all__ = ["HOLDS", "Going", "Left", "Plan", "Pruned", "Staying", "held_systems", "would_prune"]

HOLDS: Final = """
SELECT log, system, ts AS since, actor AS by, facts->>'$.reason' AS reason
FROM (
    SELECT * FROM systems WHERE event IN ('held', 'released')
    QUALIFY row_number() OVER (PARTITION BY log, system ORDER BY seq DESC) = 1
) LEFT JOIN facts USING (log, seq)
WHERE event = 'held' ORDER BY system, log
"""
"""The systems under a legal hold, by log, in SQL over the views of `query`: since when, by whom, why."""
