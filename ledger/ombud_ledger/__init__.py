# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: remembers what passed the gateway, so that nobody can quietly change it."""

from ombud_ledger.entry import Position
from ombud_ledger.errors import (
    LedgerBroken,
    LedgerClosed,
    LedgerError,
    LedgerLocked,
    LedgerOverloaded,
    LedgerUnavailable,
    LedgerUnreadable,
    ObjectMissing,
    OriginMismatch,
    QueryRefused,
    RecordInvalid,
)
from ombud_ledger.facts import Facts
from ombud_ledger.ledger import Ledger
from ombud_ledger.options import Options
from ombud_ledger.seal import Sealed

__all__ = [
    "Facts",
    "Ledger",
    "LedgerBroken",
    "LedgerClosed",
    "LedgerError",
    "LedgerLocked",
    "LedgerOverloaded",
    "LedgerUnavailable",
    "LedgerUnreadable",
    "ObjectMissing",
    "Options",
    "OriginMismatch",
    "Position",
    "QueryRefused",
    "RecordInvalid",
    "Sealed",
]
