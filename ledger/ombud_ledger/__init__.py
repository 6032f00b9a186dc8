# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: remembers what passed the gateway, so that nobody can quietly change it.

`keys`, `query`, `remote`, `sample`, `transparency` and `verify` are imported when first asked for (PEP 562):
a process that only appends to an unsigned log needs neither Arrow nor DuckDB nor cryptography.
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
    from ombud_ledger import query, remote, sample, transparency
    from ombud_ledger.auditing import audit_sql
    from ombud_ledger.tlog import keyfile as keys
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
    "audit_sql",
    "keys",
    "query",
    "remote",
    "sample",
    "transparency",
    "verify",
]


_MODULES = {
    "keys": "ombud_ledger.tlog.keyfile",
    "query": "ombud_ledger.query",
    "remote": "ombud_ledger.remote",
    "sample": "ombud_ledger.sample",
    "transparency": "ombud_ledger.transparency",
}
_FUNCTIONS = {"audit_sql": "ombud_ledger.auditing", "verify": "ombud_ledger.verification"}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
