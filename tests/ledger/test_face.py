# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The package's face."""

import ombud_ledger


def test_face_is_pinned() -> None:
    """Other rooms see exactly these names, sorted."""
    expected = [
        "Facts",
        "Finding",
        "Head",
        "Ledger",
        "LedgerBroken",
        "LedgerClosed",
        "LedgerError",
        "LedgerLocked",
        "LedgerOverloaded",
        "LedgerUnavailable",
        "LedgerUnreadable",
        "LogAccount",
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
    assert expected == ombud_ledger.__all__
    assert expected == sorted(expected)
