# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: remembers what passed the gateway, so that nobody can quietly change it.

`query` and `verify` are imported when first asked for (PEP 562): a process that only appends needs neither
Arrow nor DuckDB.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ombud_ledger.account import Finding, LogAccount, Verification
from ombud_ledger.entry import Head, Position
from ombud_ledger.errors import (
    KeyUnusable,
    LedgerBroken,
    LedgerClosed,
    LedgerError,
    LedgerLocked,
    LedgerOverloaded,
    LedgerReadOnly,
    LedgerUnavailable,
    LedgerUnreadable,
    NotProven,
    ObjectMissing,
    OriginMismatch,
    QueryRefused,
    RecordInvalid,
)
from ombud_ledger.facts import Facts
from ombud_ledger.ledger import Ledger
from ombud_ledger.options import Options
from ombud_ledger.seal import Sealed

if TYPE_CHECKING:
    from ombud_ledger import query
    from ombud_ledger.verification import verify

__all__ = [
    "Facts",
    "Finding",
    "Head",
    "KeyUnusable",
    "Ledger",
    "LedgerBroken",
    "LedgerClosed",
    "LedgerError",
    "LedgerLocked",
    "LedgerOverloaded",
    "LedgerReadOnly",
    "LedgerUnavailable",
    "LedgerUnreadable",
    "LogAccount",
    "NotProven",
    "ObjectMissing",
    "Options",
    "OriginMismatch",
    "Position",
    "QueryRefused",
    "RecordInvalid",
    "Sealed",
    "Verification",
    "query",
    "verify",
]


def __getattr__(name: str) -> object:
    if name == "query":
        return import_module("ombud_ledger.query")
    if name == "verify":
        return import_module("ombud_ledger.verification").verify
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
