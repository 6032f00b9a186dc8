# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""With the vault at hand, check that payloads open, under exactly the keys that records commit to."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from ombud_ledger.account import BROKEN, INCOMPLETE, UNREADABLE, Finding
from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.check_payloads import payload_rows
from ombud_ledger.errors import (
    LedgerBroken,
    LedgerUnreadable,
    RecordInvalid,
    SubjectErased,
    SubjectKeyMissing,
)
from ombud_ledger.hot import PayloadRow
from ombud_ledger.layout import SealedFile
from ombud_ledger.records import Stored, stretch
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.vault.vault import Vault


def check_keys(shot: Snapshot, vault: Vault, origin: str) -> Iterator[Finding]:
    """Open every payload whose key is there; yield what does not hold, and how many have no key.

    Those of people who are erased stay dark, and are not missed. Raises VaultUnusable, LedgerUnreadable.
    """
    vault.demand_sound()
    missing = 0
    for name, rows in _with_records(shot):
        try:
            for row, record in rows:
                call, commitment = str(record.get("id")), str(record.get("payload_key_commit"))
                try:
                    vault.open_payload(row, origin=origin, call=call, commitment=commitment)
                except LedgerBroken as error:
                    yield Finding(BROKEN, str(error), entry=row.seq)
                except SubjectErased:
                    continue
                except SubjectKeyMissing:
                    missing += 1
        except LedgerUnreadable as error:  # the other files are looked into all the same
            what = f"its payloads cannot be held against their keys: {error}"
            yield Finding(UNREADABLE, what[:500], file=name)
    if missing:
        yield Finding(INCOMPLETE, f"{missing} payloads have no key in this key store")


_Joined = Iterator[tuple[PayloadRow, dict[str, Any]]]


def _with_records(shot: Snapshot) -> Iterator[tuple[str, _Joined]]:
    for file in shot.payloads:
        yield file.name, _of_file(shot, file)
    hot = (Stored(row.seq, row.record, row.chain) for row in shot.rows())
    yield "hot", _join(shot.payload_rows(), hot)


def _of_file(shot: Snapshot, file: SealedFile) -> _Joined:
    yield from _join(payload_rows(file.at_hand()), stretch(shot, file.first, file.last + 1))


def _join(payloads: Iterable[PayloadRow], entries: Iterator[Stored]) -> _Joined:
    for row in payloads:
        entry = next((entry for entry in entries if entry.seq == row.seq), None)
        if entry is not None:  # without its record it is reported already, as is a record that is none
            with suppress(RecordInvalid):
                yield row, parse(entry.record, limit=MAX_RECORD)
