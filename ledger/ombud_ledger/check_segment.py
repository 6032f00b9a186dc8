# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check one sealed segment by itself: bytes against the seal, entries, projections, facts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ombud_ledger import bulk, tables
from ombud_ledger import facts as facts_of
from ombud_ledger.account import BROKEN, INCOMPLETE, UNREADABLE, Finding
from ombud_ledger.bulk import Block
from ombud_ledger.canonical import MAX_FACTS, MAX_RECORD
from ombud_ledger.columns import project, project_block
from ombud_ledger.durable import act_now
from ombud_ledger.errors import LedgerBroken, LedgerUnreadable, ObjectMissing
from ombud_ledger.facts import Column, contract_columns
from ombud_ledger.follow import (
    EntryBroken,
    EntryUnreadable,
    Follower,
    Seal,
    Told,
    are_digests,
    check_facts,
    facts_match,
    fields_hold,
    values_of,
)
from ombud_ledger.layout import facts_name
from ombud_ledger.objects import Objects
from ombud_ledger.place import Fetcher
from ombud_ledger.reprint import records_printed, values_printed
from ombud_ledger.seal import digest_of
from ombud_ledger.shapes import Shapes
from ombud_ledger.tables import blobs, texts

_BATCH = 4_096  # rows checked at a time
_BATCH_BYTES = 16 * 1024 * 1024
_ROWS = 256  # and parsed at a time, if they must be: that should stay in the processor's cache
_BYTES = 1024 * 1024
_THRIFT_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SegmentJob:
    """What one check needs to know; plain values, so that it can be sent to another process."""

    folder: Path
    objects: Path
    name: str
    first: int
    last: int
    head: bytes | None  # chain value before `first`, None if not known
    last_ts: int
    seals: dict[str, Seal]  # by path, those of this segment
    wanted: int
    fetcher: Fetcher | None = None  # of the segment's files, where `folder` does not hold them


@dataclass(slots=True)
class SegmentResult:
    """What one check found."""

    head: bytes | None
    origin: str | None = None
    wanted_chain: bytes | None = None
    last_ts: int = 0
    first_ts: int = 0
    gaps: int = 0
    unclean_boots: int = 0
    files: int = 0
    findings: list[Finding] = field(default_factory=list)


def check_segment(job: SegmentJob, progress: Callable[[int], None] | None = None) -> SegmentResult:
    """Check the segment and return the account of it; raises nothing that its files can cause."""
    if job.fetcher is None:
        return _check_here(job, progress)
    try:
        with job.fetcher.segment() as folder:
            return _check_here(replace(job, folder=folder), progress)
    except (LedgerUnreadable, OSError) as error:
        finding = _file_finding(UNREADABLE, f"cannot be fetched: {error}", job.name, job.seals.get(job.name))
        return SegmentResult(head=None, findings=[finding])


def _check_here(job: SegmentJob, progress: Callable[[int], None] | None) -> SegmentResult:
    seal = job.seals.get(job.name)
    result = SegmentResult(head=bytes.fromhex(seal.chain) if seal else None)
    # 1. Bytes first: every file is the one that was sealed. What is not is still read, to name the entry at
    #    fault, but nothing it says counts.
    sound = _check_bytes(job, job.name, result)
    # 2. The entries: sequence, canonical form, chain, kinds, projections.
    follower = Follower(size=job.first, head=job.head, wanted=job.wanted)
    try:
        _check_entries(job, follower, progress)
    except (EntryBroken, EntryUnreadable) as error:
        level = BROKEN if isinstance(error, EntryBroken) else UNREADABLE
        result.findings.append(Finding(level, str(error), entry=error.seq, file=job.name))
        sound = False
    except (LedgerUnreadable, OSError, pa.ArrowException, ValueError, MemoryError) as error:
        result.findings.append(_file_finding(UNREADABLE, f"cannot be read: {error}"[:500], job.name, seal))
        sound = False
    if not sound:
        return result
    # 3. The facts: exactly those that the entries commit to, and their typed columns.
    for contract, commits in sorted(follower.commits.items()):
        _check_facts_file(job, contract, commits, result)
    expected = {facts_name(contract or None, job.first, job.last) for contract in follower.commits}
    for path, extra in job.seals.items():
        if path != job.name and path not in expected:
            result.findings.append(_file_finding(BROKEN, "sealed, but no entry has such facts", path, extra))
    result.head, result.origin = follower.head, follower.origin
    result.wanted_chain, result.last_ts = follower.wanted_chain, follower.last_ts
    result.first_ts = follower.first_ts
    result.gaps, result.unclean_boots = follower.gaps, follower.unclean_boots
    return result


def _check_bytes(job: SegmentJob, name: str, result: SegmentResult) -> bool:
    seal = job.seals.get(name)
    path = job.folder / name
    result.files += 1
    if seal is None:
        result.findings.append(
            Finding(INCOMPLETE, "no seal entry covers this file: the tail that held it is missing", file=name)
        )
        return True
    try:
        digest, size = digest_of(path), path.stat().st_size
    except OSError as error:
        result.findings.append(_file_finding(UNREADABLE, f"cannot be read: {error}", name, seal))
        return False
    if digest != seal.sha256 or size != seal.size:
        what = f"its bytes are not those that were sealed: SHA-256 {digest}, sealed {seal.sha256}"
        result.findings.append(_file_finding(BROKEN, what, name, seal))
        return False
    return True


def _check_entries(job: SegmentJob, follower: Follower, progress: Callable[[int], None] | None) -> None:
    fields = tables.entries_projection()
    follower.last_ts = job.last_ts
    for batch in _batches(job.folder / job.name, tables.entries_schema()):
        # All at once, if nothing is wrong with any; else one by one, so that the first at fault is named.
        if not _entries_hold(batch, job, follower, fields):
            seqs, records, chains = _entries(batch)
            if seqs[-1] > job.last:
                past = next(seq for seq in seqs if seq > job.last)
                raise EntryBroken(past, f"the file should end at entry {job.last}")
            each = [follower.follow(*entry) for entry in zip(seqs, records, chains, strict=True)]
            _same(batch, tables.arrays(project(each), fields), job.name)
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
    told = Told(kinds, times, commits, batch["facts_contract"].to_pylist())
    if not are_digests([each for each in told.contracts if each is not None]):
        return False
    # 2. The others are parsed, and their columns compared.
    others = [at for at, holds in enumerate(held) if not holds]
    for part in _parts(batch.take(pa.array(others, pa.int64()))) if others else ():
        parsed = bulk.parse(texts(part.column(1)), limit=MAX_RECORD)
        if parsed is None or not fields_hold(parsed.blocks):
            return False
        if not _hold(part, parsed.blocks, project_block, fields):
            return False
        for record, at in zip(parsed.each, others[: len(part)], strict=True):
            told.commits[at] = record.get("facts_commit")
        del others[: len(part)]
    # 3. They follow from each other.
    return follower.accept_told(seqs, records, chains, told)


def _entries(batch: Any) -> tuple[list[int], list[bytes], list[bytes]]:
    return batch.column(0).to_pylist(), texts(batch.column(1)), blobs(batch.column(2))


def _check_facts_file(job: SegmentJob, contract: str, commits: dict[int, str], result: SegmentResult) -> None:
    name = facts_name(contract or None, job.first, job.last)
    seal = job.seals.get(name)
    if not (job.folder / name).is_file():
        result.findings.append(_file_finding(INCOMPLETE, "the facts file is missing", name, seal))
        return
    sound = _check_bytes(job, name, result)
    try:
        columns = _columns(job, contract)
        for seq, what in _facts_faults(job, name, columns, commits):
            result.findings.append(Finding(BROKEN, what, entry=seq, file=name))
            return
    except ObjectMissing as error:
        what = f"the contract that types its columns is missing: {error}"
        result.findings.append(_file_finding(INCOMPLETE, what, name, seal))
    except LedgerBroken as error:
        result.findings.append(_file_finding(BROKEN, str(error), name, seal))
    except (LedgerUnreadable, OSError, pa.ArrowException, ValueError, MemoryError) as error:
        if sound:
            result.findings.append(_file_finding(UNREADABLE, f"cannot be read: {error}"[:500], name, seal))


def _columns(job: SegmentJob, contract: str) -> tuple[Column, ...]:
    return contract_columns(Objects(job.objects, act_now).get(contract)) if contract else ()


def _facts_faults(
    job: SegmentJob, name: str, columns: tuple[Column, ...], commits: dict[int, str]
) -> Iterator[tuple[int, str]]:
    fields = tables.facts_projection(columns)
    expected = iter(commits.items())
    shapes = Shapes(MAX_FACTS)
    for batch in _batches(job.folder / name, tables.facts_schema(columns)):
        seqs, salts, facts = batch.column(0).to_pylist(), blobs(batch.column(1)), texts(batch.column(2))
        # All at once, if nothing is wrong with any.
        due = list(islice(expected, len(seqs)))
        if (
            [seq for seq, _ in due] == seqs
            and None not in salts
            and None not in facts
            and facts_match([commit for _, commit in due], salts, facts)
            and _facts_hold(batch, facts, columns)
        ):
            continue
        # Otherwise one by one, so that the first at fault is named.
        values: list[dict[str, Any]] = []
        for at, (seq, salt, text) in enumerate(zip(seqs, salts, facts, strict=True)):
            wanted, commit = due[at] if at < len(due) else (-1, None)
            if seq != wanted:
                yield seq, f"the facts of entry {wanted} should come here" if wanted >= 0 else "no such facts"
                return
            try:
                parsed = check_facts(shapes, seq, commit, salt, text)
            except EntryBroken as error:
                yield seq, str(error)
                return
            values.append(parsed["values"] if parsed else {})
        try:
            _same(batch, tables.arrays(facts_of.project(values, columns), fields), name)
        except EntryBroken as error:
            yield error.seq, str(error)
            return
    for wanted, _ in expected:
        yield wanted, "the facts that the record commits to are missing"
        return


def _facts_hold(batch: Any, facts: list[bytes], columns: tuple[Column, ...]) -> bool:
    fields = tables.facts_projection(columns)
    typed = partial(facts_of.project_block, columns=columns)
    # 1. Facts whose values print from their typed columns are canonical, and the columns are true.
    others = [at for at, holds in enumerate(values_printed(batch, facts)) if not holds]
    # 2. The others are parsed, and their columns compared.
    for part in _parts(batch.take(pa.array(others, pa.int64()))) if others else ():
        blocks = values_of(texts(part.column(2)))
        if not blocks or not _hold(part, blocks, typed, fields):
            return False
    return True


def _batches(path: Path, schema: pa.Schema) -> Iterator[Any]:
    with pq.ParquetFile(
        path,
        page_checksum_verification=True,
        thrift_string_size_limit=_THRIFT_LIMIT,
        thrift_container_size_limit=_THRIFT_LIMIT,
    ) as parquet:
        stored = parquet.schema_arrow
        version = (stored.metadata or {}).get(b"ombud_format")
        if version != (schema.metadata or {}).get(b"ombud_format"):
            raise LedgerUnreadable(f"format {version!r} is not known here")
        if not stored.equals(schema):
            raise LedgerUnreadable("its columns are not those of the format")
        for batch in parquet.iter_batches(batch_size=_BATCH, use_threads=False):
            yield from _parts(batch, _BATCH, _BATCH_BYTES)


def _parts(batch: Any, most_rows: int = _ROWS, most_bytes: int = _BYTES) -> Iterator[Any]:
    """Cut a batch so that what is held at a time stays small, however long its texts are."""
    text = "record" if "record" in batch.schema.names else "facts"
    rows = max(1, min(most_rows, most_bytes * len(batch) // max(1, batch.column(text).nbytes)))
    for start in range(0, len(batch), rows):
        yield batch.slice(start, rows)


def _hold(
    batch: Any, blocks: list[Block], project: Callable[[Block], list[Any]], fields: list[pa.Field]
) -> bool:
    """Say whether all typed columns equal what the blocks project. (No blocks, no.)"""
    for block in blocks:
        stored = batch if len(block.rows) == len(batch) else batch.take(pa.array(block.rows, pa.int64()))
        for column, values, each in zip(stored.columns[3:], project(block), fields, strict=True):
            if values is None:
                if column.null_count != len(column):
                    return False
            elif not column.equals(_column(values, each.type)):
                return False
    return bool(blocks)


def _same(batch: Any, projected: list[pa.Array], name: str) -> None:
    """Raise EntryBroken naming the first typed value that is not the projection of its record or facts."""
    for stored, true, each in zip(batch.columns[3:], projected, batch.schema.names[3:], strict=True):
        if not stored.equals(true):
            pairs = zip(batch.column(0).to_pylist(), stored.to_pylist(), true.to_pylist(), strict=True)
            for seq, stored_value, true_value in pairs:
                # NaN is never projected, so inequality is a difference.
                if stored_value != true_value:
                    what = f"column {each} in {name} says {stored_value!r:.80}"
                    raise EntryBroken(seq, f"{what}, the hashed bytes say {true_value!r:.80}")


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.float64() and type(values[0]) is str:
        return pa.array(values, pa.string()).cast(kind)  # rounds as `float` does
    return pa.array(values, kind)


def _file_finding(level: str, what: str, name: str, seal: Seal | None) -> Finding:
    if seal is None:
        return Finding(level, what, file=name)
    return Finding(level, what, file=name, first=seal.first, last=seal.last, seal=seal.entry)
