# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Hand a person what the ledger holds of them (GDPR Article 15), entry by entry."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import Any

import orjson

from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.check_payloads import payload_rows
from ombud_ledger.errors import LedgerBroken, LedgerUnreadable, SubjectUnknown
from ombud_ledger.hashing import facts_commit
from ombud_ledger.hot import PayloadRow, Row
from ombud_ledger.layout import LogLayout
from ombud_ledger.origin import origin_of
from ombud_ledger.place import Place
from ombud_ledger.records import Stored, stretch
from ombud_ledger.snapshot import Snapshot, snapshot
from ombud_ledger.vault.about import FactsRow, facts_about, subject_of
from ombud_ledger.vault.payload import Payload
from ombud_ledger.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class SubjectEntry:
    """One entry about the person: its record, its facts, and its payload, decrypted."""

    log: str
    seq: int
    record: dict[str, Any]
    facts: dict[str, Any] | None
    payload: Payload | None


@dataclass(frozen=True, slots=True)
class SubjectFile:
    """All that is held of a person, log by log, in order; read as it is iterated, once, in one thread."""

    subject: str
    pseudonym: str
    entries: Iterator[SubjectEntry]


def export(place: Place, vault: Vault, subject: str, origins: Mapping[str, str]) -> SubjectFile:
    """Find everything about a person in all logs of a ledger; `origins` are those known, by log.

    Raises SubjectUnknown, VaultUnusable; while it is read LedgerUnreadable, LedgerBroken too.
    """
    vault.demand_sound()  # who is not found must be unknown
    pseudonym = vault.find(subject)
    if pseudonym is None:
        raise SubjectUnknown("the vault knows no such subject: never met, or erased")

    def entries() -> Iterator[SubjectEntry]:
        for log in place.logs():
            layout = place.layout(log)
            reader = _Reader(layout, vault, pseudonym, origins.get(log))
            with snapshot(layout) as shot:
                yield from reader.read(shot)

    return SubjectFile(subject, pseudonym, entries())


class _Reader:
    def __init__(self, layout: LogLayout, vault: Vault, pseudonym: str, origin: str | None) -> None:
        self._log = layout.folder.name
        self._layout = layout
        self._vault = vault
        self._pseudonym = pseudonym
        self._origin = origin

    def read(self, shot: Snapshot) -> Iterator[SubjectEntry]:
        """Yield the entries about the person, sealed ones first."""
        for file in shot.entries:
            facts = [each for each in shot.facts if each.first == file.first]
            payloads = [each for each in shot.payloads if each.first == file.first]
            yield from self._join(
                stretch(shot, file.first, file.last + 1),
                merge(*(facts_about(each, [self._pseudonym]) for each in facts)),
                (
                    row
                    for each in payloads
                    for row in payload_rows(each.at_hand())
                    if row.subject == self._pseudonym
                ),
            )
        yield from self._join(
            (Stored(row.seq, row.record, row.chain) for row in shot.rows()),
            (row for row in map(_facts_of, shot.rows()) if row and subject_of(row.facts) == self._pseudonym),
            (row for row in shot.payload_rows() if row.subject == self._pseudonym),
        )

    def _join(
        self, entries: Iterator[Stored], facts: Iterator[FactsRow], payloads: Iterator[PayloadRow]
    ) -> Iterator[SubjectEntry]:
        held, dark = next(facts, None), next(payloads, None)
        if held is None and dark is None:
            return
        for entry in entries:
            mine = held is not None and held.seq == entry.seq
            kept = dark is not None and dark.seq == entry.seq
            if mine or kept:
                yield self._told(entry, held if mine else None, dark if kept else None)
            held = next(facts, None) if mine else held
            dark = next(payloads, None) if kept else dark
            if held is None and dark is None:
                return
        raise LedgerUnreadable(f"log {self._log}: there are facts or payloads of entries that are not there")

    def _told(self, entry: Stored, held: FactsRow | None, dark: PayloadRow | None) -> SubjectEntry:
        record = parse(entry.record, limit=MAX_RECORD)
        if held is not None and facts_commit(held.salt, held.facts).hex() != record.get("facts_commit"):
            raise LedgerBroken(f"log {self._log}, entry {entry.seq}: its facts are not those it commits to")
        payload = None
        if dark is not None:
            payload = self._vault.open_payload(
                dark,
                origin=self._origin_of(),
                call=str(record.get("id")),
                commitment=str(record.get("payload_key_commit")),
            )
        facts = None if held is None else orjson.loads(held.facts)
        return SubjectEntry(self._log, entry.seq, record, facts, payload)

    def _origin_of(self) -> str:
        if self._origin is None:
            self._origin = origin_of(self._layout)
        return self._origin


def _facts_of(row: Row) -> FactsRow | None:
    return None if row.salt is None or row.facts is None else FactsRow(row.seq, row.salt, row.facts)
