# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check one sealed segment by itself: bytes against the seal, entries, projections, facts, payloads."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from ombud_ledger import bulk, tables
from ombud_ledger.account import BROKEN, UNREADABLE, Finding
from ombud_ledger.batches import batches, demand_projected, parts, projected
from ombud_ledger.canonical import MAX_RECORD
from ombud_ledger.check_facts import check_facts_file
from ombud_ledger.check_payloads import check_payloads_file
from ombud_ledger.columns import project, project_block
from ombud_ledger.errors import EntryBroken, EntryUnreadable, LedgerUnreadable
from ombud_ledger.follow import Follower, Told, are_digests, fields_hold
from ombud_ledger.layout import facts_name, payloads_name
from ombud_ledger.reprint import records_printed
from ombud_ledger.segment_job import SegmentJob, SegmentResult, check_bytes, file_finding
from ombud_ledger.tables import blobs, texts


def check_segment(job: SegmentJob, progress: Callable[[int], None] | None = None) -> SegmentResult:
    """Check the segment and return the account of it; raises nothing that its files can cause."""
    if job.fetcher is None:
        return _check_here(job, progress)
    try:
        with job.fetcher.segment() as folder:
            return _check_here(replace(job, folder=folder), progress)
    except (LedgerUnreadable, OSError) as error:
        finding = file_finding(UNREADABLE, f"cannot be fetched: {error}", job.name, job.seals.get(job.name))
        return SegmentResult(head=None, findings=[finding])


def _check_here(job: SegmentJob, progress: Callable[[int], None] | None) -> SegmentResult:
    seal = job.seals.get(job.name)
    result = SegmentResult(head=bytes.fromhex(seal.chain) if seal else None)
    # 1. Bytes first: every file is the one that was sealed. What is not is still read, to name the entry at
    #    fault, but nothing it says counts.
    sound = check_bytes(job, job.name, result) is not None
    # 2. The entries: sequence, canonical form, chain, kinds, projections.
    follower = Follower(size=job.first, head=job.head, wanted=job.wanted)
    try:
        _check_entries(job, follower, progress)
    except (EntryBroken, EntryUnreadable) as error:
        level = BROKEN if isinstance(error, EntryBroken) else UNREADABLE
        result.findings.append(Finding(level, str(error), entry=error.seq, file=job.name))
        sound = False
    except (LedgerUnreadable, OSError, pa.ArrowException, ValueError, MemoryError) as error:
        result.findings.append(file_finding(UNREADABLE, f"cannot be read: {error}"[:500], job.name, seal))
        sound = False
    if not sound:
        return result
    # 3. The facts: exactly those that the entries commit to, and their typed columns.
    for contract, commits in sorted(follower.commits.items()):
        check_facts_file(job, contract, commits, result)
    expected = {facts_name(contract or None, job.first, job.last) for contract in follower.commits}
    # 4. The payloads likewise, encrypted as they are.
    if follower.payloads:
        check_payloads_file(job, follower.payloads, result)
        expected.add(payloads_name(job.first, job.last))
    for path, extra in job.seals.items():
        if path != job.name and path not in expected:
            what = "sealed, but no entry has such facts or payloads"
            result.findings.append(file_finding(BROKEN, what, path, extra))
    result.head, result.origin = follower.head, follower.origin
    result.wanted_chain, result.last_ts = follower.wanted_chain, follower.last_ts
    result.first_ts = follower.first_ts
    return result


def _check_entries(job: SegmentJob, follower: Follower, progress: Callable[[int], None] | None) -> None:
    fields = tables.entries_projection()
    follower.last_ts = job.last_ts
    for batch in batches(job.folder / job.name, tables.entries_schema()):
        # All at once, if nothing is wrong with any; else one by one, so that the first at fault is named.
        if not _entries_hold(batch, job, follower, fields):
            seqs, records, chains = _entries(batch)
            if seqs[-1] > job.last:
                past = next(seq for seq in seqs if seq > job.last)
                raise EntryBroken(past, f"the file should end at entry {job.last}")
            each = [follower.follow(*entry) for entry in zip(seqs, records, chains, strict=True)]
            demand_projected(batch, tables.arrays(project(each), fields), job.name)
        if progress:
            progress(len(batch))
    if follower.size != job.last + 1:
        raise EntryBroken(follower.size, f"missing: the file should go on to entry {job.last}")
    seal = job.seals.get(job.name)
    if seal is not None and follower.head is not None and follower.head.hex() != seal.chain:
        raise EntryBroken(job.last, f"its chain value is not the one in seal entry {seal.entry}")


def _entries_hold(batch: Any, job: SegmentJob, follower: Follower, fields: list[pa.Field]) -> bool:
    seqs, records, chains = _entries(batch)
    if seqs[-1] > job.last:
        return False
    # 1. Records that print from their typed columns are canonical, and the columns are true.
    held, commits = records_printed(batch, records)
    kinds, times = batch["kind"].to_pylist(), batch["ts"].cast(pa.int64()).to_pylist()
    told = Told(kinds, times, commits, batch["facts_contract"].to_pylist(), {})
    if not are_digests([each for each in told.contracts if each is not None]):
        return False
    # 2. The others are parsed, and their columns compared.
    others = [at for at, holds in enumerate(held) if not holds]
    for part in parts(batch.take(pa.array(others, pa.int64()))) if others else ():
        parsed = bulk.parse(texts(part.column(1)), limit=MAX_RECORD)
        if parsed is None or not fields_hold(parsed.blocks):
            return False
        if not projected(part, parsed.blocks, project_block, fields):
            return False
        for record, at in zip(parsed.each, others[: len(part)], strict=True):
            told.commits[at] = record.get("facts_commit")
            if "payload_commit" in record:  # no column holds it, so no such record printed
                told.payloads[at] = record["payload_commit"]
        del others[: len(part)]
    # 3. They follow from each other.
    return follower.accept_told(seqs, records, chains, told)


def _entries(batch: Any) -> tuple[list[int], list[bytes], list[bytes]]:
    return batch.column(0).to_pylist(), texts(batch.column(1)), blobs(batch.column(2))
