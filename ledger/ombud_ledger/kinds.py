# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of entry of format 1, and the SQL view that shows each."""

from types import MappingProxyType
from typing import Final

FORMAT: Final = 1

VIEWS: Final = MappingProxyType(
    {
        "beat": "beats",
        "boot": "boots",
        "close": "closes",
        "decision": "decisions",
        "gap": "gaps",
        "genesis": "genesis",
        "incident": "incidents",
        "intent": "intents",
        "key": "keys",
        "label": "labels",
        "outcome": "outcomes",
        "policy": "policies",
        "prune": "prunes",
        "refused": "refused",
        "report": "reports",
        "request": "requests",
        "review": "reviews",
        "seal": "seals",
        "shred": "shreds",
        "system": "systems",
    }
)
KINDS: Final = frozenset(VIEWS)
# Entries the ledger writes about itself; a tail of nothing else is not worth a segment.
HOUSEKEEPING: Final = frozenset({"beat", "boot", "close", "gap", "genesis", "seal"})
