# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check payloads: each entry's ciphertext is the one it commits to, whoever may still read it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ombud_ledger import tables
from ombud_ledger.account import BROKEN, INCOMPLETE, UNREADABLE, Finding
from ombud_ledger.batches import batches, readable
from ombud_ledger.errors import EntryBroken, LedgerUnreadable
from ombud_ledger.hashing import payload_commit
from ombud_ledger.hot import PayloadRow
from ombud_ledger.layout import payloads_name
from ombud_ledger.segment_job import SegmentJob, SegmentResult, check_bytes, file_finding


def check_payloads_file(job: SegmentJob, commits: dict[int, str], result: SegmentResult) -> None:
    """Check the payloads file of a segment; what does not hold goes into the result."""
    name = payloads_name(job.first, job.last)
    seal = job.seals.get(name)
    if not (job.folder / name).is_file():
        if name in job.pruned:
            return
        result.findings.append(file_finding(INCOMPLETE, "the payloads file is missing", name, seal))
        return
    stands = check_bytes(job, name, result)
    try:
        check_payloads(payload_rows(job.folder / name), commits)
    except EntryBroken as error:
        result.findings.append(Finding(BROKEN, str(error), entry=error.seq, file=name))
    except LedgerUnreadable as error:
        if stands is not None:
            result.findings.append(file_finding(UNREADABLE, f"cannot be read: {error}"[:500], name, seal))


def check_payloads(rows: Iterable[PayloadRow], commits: dict[int, str]) -> None:
    """Demand exactly the payloads that entries commit to, in order. Raises EntryBroken."""
    due = iter(commits.items())
    for row in rows:
        wanted, commit = next(due, (-1, ""))
        if row.seq != wanted:
            what = f"the payload of entry {wanted} should come here" if wanted >= 0 else "no such payload"
            raise EntryBroken(row.seq, what)
        if payload_commit(row.salt, row.ciphertext).hex() != commit:
            raise EntryBroken(row.seq, "the payload is not the one that the record commits to")
    for wanted, _ in due:
        raise EntryBroken(wanted, "the payload that the record commits to is missing")


def payload_rows(path: Path) -> Iterator[PayloadRow]:
    """Yield the rows of a payloads file. Raises LedgerUnreadable."""
    with readable(path):
        for batch in batches(path, tables.payloads_schema()):
            yield from map(PayloadRow, *(column.to_pylist() for column in batch.columns))
