# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check a sealed facts file: every row is what its entry commits to, or erased, as the log says."""

from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger import facts as facts_of
from ombud_ledger import tables
from ombud_ledger.account import BROKEN, INCOMPLETE, UNREADABLE, Finding
from ombud_ledger.batches import batches, demand_projected, parts, projected
from ombud_ledger.canonical import MAX_FACTS
from ombud_ledger.durable import act_now
from ombud_ledger.errors import EntryBroken, LedgerBroken, LedgerUnreadable, ObjectMissing
from ombud_ledger.facts import Column, contract_columns
from ombud_ledger.follow import check_facts, facts_match, values_of
from ombud_ledger.layout import facts_name
from ombud_ledger.objects import Objects
from ombud_ledger.reprint import values_printed
from ombud_ledger.segment_job import SegmentJob, SegmentResult, check_bytes, file_finding
from ombud_ledger.shapes import Shapes
from ombud_ledger.shreds import check_shreds
from ombud_ledger.tables import blobs, texts


def check_facts_file(job: SegmentJob, contract: str, commits: dict[int, str], result: SegmentResult) -> None:
    """Check the facts file of a contract; what does not hold goes into the result."""
    name = facts_name(contract or None, job.first, job.last)
    seal = job.seals.get(name)
    if not (job.folder / name).is_file():
        if name in job.pruned:
            return
        result.findings.append(file_finding(INCOMPLETE, "the facts file is missing", name, seal))
        return
    stands = check_bytes(job, name, result)
    try:
        if seal is not None:
            check_shreds(seal, job.shreds.get(name, []))
        rows = _FactsRows(job, name, contract, commits)
        rows.check()
        if stands is not None and stands.blanks not in (None, rows.blanks):
            what = f"{rows.blanks} of its rows are blank; erased, as the log says, are {stands.blanks}"
            result.findings.append(file_finding(BROKEN, what, name, seal))
        result.erased += rows.blanks
    except EntryBroken as error:
        result.findings.append(Finding(BROKEN, str(error), entry=error.seq, file=name))
    except ObjectMissing as error:
        what = f"the contract that types its columns is missing: {error}"
        result.findings.append(file_finding(INCOMPLETE, what, name, seal))
    except LedgerBroken as error:
        result.findings.append(file_finding(BROKEN, str(error), name, seal))
    except (LedgerUnreadable, OSError, pa.ArrowException, ValueError, MemoryError) as error:
        if stands is not None:
            result.findings.append(file_finding(UNREADABLE, f"cannot be read: {error}"[:500], name, seal))


class _FactsRows:
    """The rows of one facts file, against the commitments of the entries."""

    def __init__(self, job: SegmentJob, name: str, contract: str, commits: dict[int, str]) -> None:
        self.blanks = 0
        self._name = name
        self._path = job.folder / name
        self._expected = iter(commits.items())
        self._columns: tuple[Column, ...] = ()
        if contract:
            self._columns = contract_columns(Objects(job.objects, act_now).get(contract))
        self._shapes = Shapes(MAX_FACTS)

    def check(self) -> None:
        """Check them all, and count the blank ones. Raises EntryBroken naming the first at fault."""
        for batch in batches(self._path, tables.facts_schema(self._columns)):
            # 1. There is one row for each commitment, in order.
            seqs = batch.column(0).to_pylist()
            due = list(islice(self._expected, len(seqs)))
            if seqs != [seq for seq, _ in due]:
                self._check_order(seqs, due)
            # 2. Blank ones are wholly blank. How many may be, the log says.
            rows = batch
            if batch.column(2).null_count:
                rows, due = self._without_blanks(batch, due)
            # 3. The others are those committed to: all at once, if nothing is wrong with any; otherwise one
            #    by one, so that the first at fault is named.
            if len(rows) and not self._hold(rows, [commit for _, commit in due]):
                self._check_each(rows, due)
        for wanted, _ in self._expected:
            raise EntryBroken(wanted, "the facts that the record commits to are missing")

    def _check_order(self, seqs: list[int], due: list[tuple[int, str]]) -> None:
        for at, seq in enumerate(seqs):
            if at >= len(due):
                raise EntryBroken(seq, "no such facts")
            if seq != due[at][0]:
                raise EntryBroken(seq, f"the facts of entry {due[at][0]} should come here")

    def _without_blanks(self, batch: Any, due: list[tuple[int, str]]) -> tuple[Any, list[tuple[int, str]]]:
        blank = pc.is_null(batch.column(2)).to_pylist()
        kept = [at for at, each in enumerate(blank) if not each]
        gone = batch.take(pa.array([at for at, each in enumerate(blank) if each], pa.int64()))
        for column, name in zip(gone.columns[1:], gone.schema.names[1:], strict=True):
            if column.null_count < len(gone):
                valid = column.is_valid().to_pylist().index(True)
                seq = gone.column(0)[valid].as_py()
                raise EntryBroken(seq, f"its facts are blank, but column {name} in {self._name} is not")
        self.blanks += len(gone)
        return batch.take(pa.array(kept, pa.int64())), [due[at] for at in kept]

    def _hold(self, batch: Any, commits: list[str]) -> bool:
        salts, facts = blobs(batch.column(1)), texts(batch.column(2))
        if None in salts or not facts_match(commits, salts, facts):
            return False
        fields = tables.facts_projection(self._columns)
        typed = partial(facts_of.project_block, columns=self._columns)
        # Facts whose values print from their typed columns are canonical, and the columns are true. The
        # others are parsed, and their columns compared.
        others = [at for at, holds in enumerate(values_printed(batch, facts)) if not holds]
        for part in parts(batch.take(pa.array(others, pa.int64()))) if others else ():
            blocks = values_of(texts(part.column(2)))
            if not blocks or not projected(part, blocks, typed, fields):
                return False
        return True

    def _check_each(self, batch: Any, due: list[tuple[int, str]]) -> None:
        values: list[dict[str, Any]] = []
        rows = zip(due, blobs(batch.column(1)), texts(batch.column(2)), strict=True)
        for (seq, commit), salt, text in rows:
            parsed = check_facts(self._shapes, seq, commit, salt, text)
            values.append(parsed["values"] if parsed else {})
        fields = tables.facts_projection(self._columns)
        demand_projected(batch, tables.arrays(facts_of.project(values, self._columns), fields), self._name)
