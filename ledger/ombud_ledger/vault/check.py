# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""With the vault at hand, check that payloads open, under exactly the keys that records commit to."""

from collections.abc import Iterable, Iterator
from typing import Any

from ombud_ledger.account import BROKEN, INCOMPLETE, Finding
from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.check_payloads import payload_rows
from ombud_ledger.errors import LedgerBroken, SubjectErased, SubjectKeyMissing
from ombud_ledger.hot import PayloadRow
from ombud_ledger.records import Stored, stretch
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.vault.vault import Vault


def check_keys(shot: Snapshot, vault: Vault, origin: str) -> list[Finding]:
    """Open every payload whose key is there; return what does not hold, and how many have no key.

    Those of people who are erased stay dark, and are not missed. Raises VaultUnusable, LedgerUnreadable.
    """
    findings = []
    missing = 0
    for row, record in _with_records(shot):
        call, commitment = str(record.get("id")), str(record.get("payload_key_commit"))
        try:
            vault.open_payload(row, origin=origin, call=call, commitment=commitment)
        except LedgerBroken as error:
            findings.append(Finding(BROKEN, str(error), entry=row.seq))
        except SubjectErased:
            continue
        except SubjectKeyMissing:
            missing += 1
    if missing:
        findings.append(Finding(INCOMPLETE, f"{missing} payloads have no key in this key store"))
    return findings


def _with_records(shot: Snapshot) -> Iterator[tuple[PayloadRow, dict[str, Any]]]:
    for file in shot.payloads:
        yield from _join(payload_rows(file.at_hand()), stretch(shot, file.first, file.last + 1))
    hot = (Stored(row.seq, row.record, row.chain) for row in shot.rows())
    yield from _join(shot.payload_rows(), hot)


def _join(
    payloads: Iterable[PayloadRow], entries: Iterator[Stored]
) -> Iterator[tuple[PayloadRow, dict[str, Any]]]:
    for row in payloads:
        entry = next((entry for entry in entries if entry.seq == row.seq), None)
        if entry is not None:  # without its record it is reported already
            yield row, parse(entry.record, limit=MAX_RECORD)
