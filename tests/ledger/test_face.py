# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The package's face."""

import subprocess
import sys

import pytest

import ombud_ledger


def test_face_is_pinned() -> None:
    """Other rooms see exactly these names, sorted."""
    expected = [
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
    assert expected == ombud_ledger.__all__
    assert expected == sorted(expected)


def test_import_is_light() -> None:
    """Importing the ledger, and appending to a new log, loads neither Arrow nor DuckDB nor cryptography."""
    code = """
import sys, tempfile, pathlib
from ombud_ledger import Ledger
ledger = Ledger.open(pathlib.Path(tempfile.mkdtemp()), log="r-0", origin="acme.example/test/r/1")
ledger.append_blocking("label", {"id": "one"})
assert ledger.latest("label") is not None
ledger.close()
print(sorted({"cryptography", "duckdb", "numpy", "pyarrow"} & sys.modules.keys()))
from ombud_ledger import query, verify
print(callable(verify), callable(query.connect), "duckdb" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True True True"]


def test_unknown_names_are_refused() -> None:
    """A name that is not on the face raises AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ombud_ledger.nothing
