# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: remembers what passed the gateway, so that nobody can quietly change it.

`Vault`, what reads, checks and prunes, and some more are imported when first asked for (PEP 562): a process
that only appends to an unsigned log needs neither Arrow nor DuckDB nor cryptography.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ombud_ledger import labels, retention
from ombud_ledger.account import Completeness, Finding, LogAccount, Verification
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
    QueryStopped,
    RecordInvalid,
    SubjectErased,
    SubjectHeld,
    SubjectKeyMissing,
    SubjectUnknown,
    VaultUnusable,
)
from ombud_ledger.facts import Facts
from ombud_ledger.ledger import Ledger
from ombud_ledger.options import Options
from ombud_ledger.seal import Sealed
from ombud_ledger.vault.payload import Payload

if TYPE_CHECKING:
    from ombud_ledger import cases, export, matters, pruning, query, query_apart, remote, sample, transparency
    from ombud_ledger.auditing import audit_sql
    from ombud_ledger.origin import origins
    from ombud_ledger.tlog import keyfile as keys
    from ombud_ledger.vault.erasure import Erasure
    from ombud_ledger.vault.export import SubjectEntry, SubjectFile
    from ombud_ledger.vault.rotation import Rotation
    from ombud_ledger.vault.told import Hold
    from ombud_ledger.vault.vault import Vault
    from ombud_ledger.verification import verify

__all__ = [
    "Completeness",
    "Erasure",
    "Facts",
    "Finding",
    "Head",
    "Hold",
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
    "Payload",
    "Position",
    "QueryRefused",
    "QueryStopped",
    "RecordInvalid",
    "Rotation",
    "Sealed",
    "SubjectEntry",
    "SubjectErased",
    "SubjectFile",
    "SubjectHeld",
    "SubjectKeyMissing",
    "SubjectUnknown",
    "Vault",
    "VaultUnusable",
    "Verification",
    "audit_sql",
    "cases",
    "export",
    "keys",
    "labels",
    "matters",
    "origins",
    "pruning",
    "query",
    "query_apart",
    "remote",
    "retention",
    "sample",
    "transparency",
    "verify",
]


_MODULES = {
    "cases": "ombud_ledger.cases",
    "export": "ombud_ledger.export",
    "keys": "ombud_ledger.tlog.keyfile",
    "matters": "ombud_ledger.matters",
    "pruning": "ombud_ledger.pruning",
    "query": "ombud_ledger.query",
    "query_apart": "ombud_ledger.query_apart",
    "remote": "ombud_ledger.remote",
    "sample": "ombud_ledger.sample",
    "transparency": "ombud_ledger.transparency",
}
_MEMBERS = {
    "Erasure": "ombud_ledger.vault.erasure",
    "Hold": "ombud_ledger.vault.told",
    "Rotation": "ombud_ledger.vault.rotation",
    "SubjectEntry": "ombud_ledger.vault.export",
    "SubjectFile": "ombud_ledger.vault.export",
    "Vault": "ombud_ledger.vault.vault",
    "audit_sql": "ombud_ledger.auditing",
    "origins": "ombud_ledger.origin",
    "verify": "ombud_ledger.verification",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _MEMBERS:
        return getattr(import_module(_MEMBERS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
