# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read stretches of a log's entries, sealed or hot, in order."""

from collections.abc import Iterator
from typing import NamedTuple

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.hashing import chain_start
from ombud_ledger.layout import LogLayout, SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.pruned import newest_prune, prunes_in
from ombud_ledger.snapshot import Snapshot, snapshot

_THRIFT_LIMIT = 64 * 1024 * 1024


class Stored(NamedTuple):
    """One entry as it is stored."""

    seq: int
    record: bytes
    chain: bytes


def stretch(shot: Snapshot, first: int, end: int) -> Iterator[Stored]:
    """Yield the entries from `first` up to, not including, `end`, as far as they are there.

    Checks nothing but that entries are where their files' names say. Raises LedgerUnreadable.
    """
    for file in shot.entries:
        if file.first < end and first <= file.last:
            yield from _sealed(file, first, end)
    sealed_end = shot.entries[-1].last + 1 if shot.entries else 0
    if end > sealed_end:
        for row in shot.rows(max(first, sealed_end)):
            if row.seq >= end:
                return
            yield Stored(row.seq, row.record, row.chain)


def whole_stretch(layout: LogLayout, first: int, end: int) -> Iterator[Stored]:
    """Yield every entry from `first` up to, not including, `end`.

    Raises LedgerUnreadable if one is missing.
    """
    at = first
    with snapshot(layout) as shot:
        for entry in stretch(shot, first, end):
            if entry.seq != at:
                break
            yield entry
            at += 1
    if at != end:
        prune = newest_prune(layout)
        if prune is not None and at < prune.before:
            what = f"entry {at} was pruned by declaration, as all before entry {prune.before}"
            raise LedgerUnreadable(f"{layout.folder.name}: {what}; receipts and proofs of it still hold")
        raise LedgerUnreadable(f"{layout.folder.name}: entry {at} is missing")


def chain_at(layout: LogLayout, seq: int) -> bytes:
    """Return the stored chain value of an entry. Raises LedgerUnreadable."""
    (entry,) = whole_stretch(layout, seq, seq + 1)
    return entry.chain


def chain_before(layout: LogLayout, first: int, origin: str) -> bytes:
    """Return the chain value before entry `first` of the log of this origin. Raises LedgerUnreadable."""
    if first == 0:
        return chain_start(origin)
    with snapshot(layout) as shot:
        before = next(stretch(shot, first - 1, first), None)
    if before is not None:
        return before.chain
    for prune in prunes_in(layout):
        if prune.before == first:
            return bytes.fromhex(prune.chain)
    raise LedgerUnreadable(
        f"{layout.folder.name}: entry {first - 1} is missing, and no prune entry says what chain value it had"
    )


def _sealed(file: SealedFile, first: int, end: int) -> Iterator[Stored]:
    import pyarrow as pa  # here: a process that only appends does without Arrow

    from ombud_ledger.tables import blobs, texts

    limits = {"thrift_string_size_limit": _THRIFT_LIMIT, "thrift_container_size_limit": _THRIFT_LIMIT}
    begins, name = file.first, file.name
    try:
        with open_parquet(file, page_checksum_verification=True, **limits) as parquet:
            for group in range(parquet.num_row_groups):
                rows = parquet.metadata.row_group(group).num_rows
                if begins < end and first < begins + rows:
                    columns = ["seq", "record", "chain"]
                    for batch in parquet.iter_batches(
                        4_096, row_groups=[group], columns=columns, use_threads=False
                    ):
                        seqs = batch.column(0).to_pylist()
                        if seqs[-1] < first:
                            continue
                        if seqs[0] >= end:
                            return
                        entries = zip(seqs, texts(batch.column(1)), blobs(batch.column(2)), strict=True)
                        yield from (Stored(*each) for each in entries if first <= each[0] < end)
                begins += rows
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise LedgerUnreadable(f"{name}: {error}") from error
