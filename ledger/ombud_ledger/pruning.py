# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The face of pruning: what would go, what went, what stays and why. `Ledger.prune_blocking` does it."""

from ombud_ledger.prune import Left, Pruned
from ombud_ledger.prune_plan import Going, Plan, Staying, would_prune

__all__ = ["Going", "Left", "Plan", "Pruned", "Staying", "would_prune"]
