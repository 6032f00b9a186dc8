# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a log says of its own files: the digests it sealed them with, rewrote them to, and which it let go."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.errors import EntryBroken, LedgerUnreadable, RecordInvalid
from ombud_ledger.layout import SealedFile
from ombud_ledger.of_kinds import of_kinds
from ombud_ledger.opened import open_parquet
from ombud_ledger.pruned import prune_of
from ombud_ledger.said import SAYING
from ombud_ledger.seals import seals_of
from ombud_ledger.shreds import shred_of
from ombud_ledger.snapshot import Snapshot

_MARKS: Final = tuple(f'"kind":"{kind}"'.encode() for kind in SAYING)


class ToldFile(NamedTuple):
    """One file as one entry tells of it; without digest, the entry lets it go."""

    entry: int
    path: str  # inside the log
    sha256: str | None


def told_since(shot: Snapshot, since: int) -> Iterator[ToldFile]:
    """Yield what the entries from number `since` on say of files, in order.

    A `seal` entry gives each file's digest, a `shred` entry the new one of a file it rewrote, a `prune` entry
    names files that are let go, each with its digest first. Raises LedgerUnreadable, and EntryBroken for one
    that is malformed.
    """
    for seq, record in _records(shot, since):
        try:
            fields = parse(record, limit=MAX_RECORD)
        except RecordInvalid as error:
            raise EntryBroken(seq, f"entry {seq} is no record: {error}") from error
        if fields.get("kind") == "seal":
            yield from (ToldFile(seq, seal.path, seal.sha256) for seal in seals_of(seq, fields))
        elif fields.get("kind") == "shred":
            shred = shred_of(seq, fields)
            if shred is not None:
                yield ToldFile(seq, shred.path, shred.new)
        elif fields.get("kind") == "prune":
            for path, digest in prune_of(seq, fields).files.items():
                yield ToldFile(seq, path, digest)  # what it went with: the entry that sealed it may be gone
                yield ToldFile(seq, path, None)


def _records(shot: Snapshot, since: int) -> Iterator[tuple[int, bytes]]:
    for file in shot.entries:
        if file.last >= since:
            yield from _sealed(file, since)
    for row in shot.rows(since):
        if row.seq >= since and any(mark in row.record for mark in _MARKS):
            yield row.seq, row.record


def _sealed(file: SealedFile, since: int) -> Iterator[tuple[int, bytes]]:
    away = file.away()
    if away is not None and all(kind in away.records for kind in SAYING if kind in away.kinds):
        for seq, text in sorted(each for kind in SAYING for each in away.records.get(kind, ())):
            if seq >= since:
                yield seq, text.encode()
        return

    import pyarrow as pa

    try:
        with open_parquet(file, page_checksum_verification=True) as parquet:
            for seq, record in of_kinds(parquet, SAYING):
                if seq >= since:
                    yield seq, record
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerUnreadable(f"{file.name}: cannot be read: {error}") from error
