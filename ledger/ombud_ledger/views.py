# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The views: SQL over sealed files and the hot tail of every log, as of a checkpoint where there is one."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ombud_ledger import labels, tables
from ombud_ledger.as_of import demand, demand_head
from ombud_ledger.batches import readable
from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.columns import COLUMNS
from ombud_ledger.entry import Head
from ombud_ledger.facts import contract_columns
from ombud_ledger.hot import Row
from ombud_ledger.kinds import VIEWS
from ombud_ledger.layout import NO_CONTRACT, SealedFile
from ombud_ledger.origin import origin_of
from ombud_ledger.place import Place
from ombud_ledger.pruned import newest_prune
from ombud_ledger.records import chain_before
from ombud_ledger.snapshot import snapshot
from ombud_ledger.tlog.checkpoint import Checkpoint
from ombud_ledger.tlog.pub import Pub

_CHUNK: Final = 4_096
_TYPED: Final = ", ".join(f'"{each.name}"' for each in COLUMNS if each.name not in {"ts", "kind"})


class Sources:
    """What the views are made of, by log and by contract."""

    def __init__(self, place: Place) -> None:
        self.paths: list[Path] = []
        self.begins: dict[str, int] = {}
        """By log, the number before which all entries were pruned by declaration."""
        self._place = place
        self._entries: list[str] = []
        self._facts: dict[str, list[str]] = {}
        self._tables: dict[str, Any] = {}  # Arrow tables, and datasets of what is read where it lies

    def add(self, log: str, bound: Checkpoint | Head | None = None) -> None:
        """Add a log; given a checkpoint or a head, no entry but those it covers.

        Raises NotProven, LedgerUnreadable.
        """
        layout = self._place.layout(log)
        end = None if bound is None else bound.size
        with snapshot(layout) as shot:
            first = shot.entries[0].first if shot.entries else shot.begins
            prune = newest_prune(layout) if first else None
            if first and prune is not None:
                self.begins[log] = min(first, prune.before)
            begins = self.begins.get(log, 0)
            if isinstance(bound, Checkpoint):
                demand(shot, log, bound, Pub(layout.pub), begins)
            elif bound is not None:
                before = chain_before(layout, begins, origin_of(layout))
                demand_head(shot, log, bound, before, begins)
            self._add_sealed(
                self._entries, log, _before(end, shot.entries), end, schema=tables.entries_schema()
            )
            sealed_facts = _before(end, shot.facts)
            for contract in sorted({file.path.parent.name for file in sealed_facts}):
                files = [file for file in sealed_facts if file.path.parent.name == contract]
                self._add_sealed(self._facts.setdefault(contract, []), log, files, end)
            entries: list[pa.Table] = [tables.entries_table(())]
            facts: dict[str, list[pa.Table]] = {}
            for chunk in _chunks(row for row in shot.rows() if end is None or row.seq < end):
                entries.append(tables.entries_table((row.seq, row.record, row.chain) for row in chunk))
                self._hot_facts(chunk, facts)
        self._entries.append(self._register(log, pa.concat_tables(entries)))
        for contract, parts in facts.items():
            self._facts.setdefault(contract, []).append(self._register(log, pa.concat_tables(parts)))

    def _hot_facts(self, chunk: list[Row], into: dict[str, list[pa.Table]]) -> None:
        by_contract: dict[str, list[Row]] = {}
        for row in chunk:
            if row.facts is not None:
                contract = parse(row.record, limit=MAX_RECORD).get("facts_contract", "")
                by_contract.setdefault(contract, []).append(row)
        for contract, rows in by_contract.items():
            columns = contract_columns(self._place.object(contract)) if contract else ()
            table = tables.facts_table(((row.seq, row.salt, row.facts) for row in rows), columns)
            into.setdefault(contract[:16] or NO_CONTRACT, []).append(table)

    def _add_sealed(
        self,
        into: list[str],
        log: str,
        files: list[SealedFile],
        end: int | None,
        *,
        schema: pa.Schema | None = None,
    ) -> None:
        if not files:
            return
        covered = "" if end is None else f" WHERE seq < {end}"
        elsewhere = self._place.read_in_place(files)
        if elsewhere:
            dataset = self._place.dataset(log, elsewhere)
            if schema is not None:
                tables.demand_columns(dataset.schema, schema, elsewhere[0].name)
            into.append(self._register(log, dataset, "sealed") + covered)
        there = {file.name for file in elsewhere}
        files = [file for file in files if file.name not in there]
        if not files:
            return
        if schema is not None:
            # What is not there would show as NULL. The oldest tells: DuckDB holds the others to it.
            with readable(files[0].path):
                tables.demand_columns(pq.read_schema(files[0].path), schema, files[0].name)
        self.paths += [file.path.absolute() for file in files]
        listed = ", ".join(sql_text(str(file.path.absolute())) for file in files)
        into.append(f"SELECT {sql_text(log)} AS log, * FROM read_parquet([{listed}]){covered}")  # noqa: S608

    def _register(self, log: str, table: Any, kind: str = "hot") -> str:
        name = f"{kind}_{len(self._tables)}"
        self._tables[name] = table
        return f"SELECT {sql_text(log)} AS log, * FROM {name}"  # noqa: S608

    def create_views(self, db: duckdb.DuckDBPyConnection) -> None:
        """Make the views."""
        for name, table in self._tables.items():
            db.register(name, table)
        _view(db, "all_entries", " UNION ALL BY NAME ".join(self._entries))
        _view(
            db,
            "entries",
            f"SELECT log, seq, ts, kind, {_TYPED}, record->'$.steps' AS steps, chain, record"  # noqa: S608
            " FROM all_entries",
        )
        for kind, view in VIEWS.items():
            _view(db, view, f"SELECT * FROM entries WHERE kind = {sql_text(kind)}")  # noqa: S608
        _view(db, "calls", "SELECT * FROM entries WHERE kind IN ('decision', 'intent')")
        every = []
        for contract, parts in self._facts.items():
            united = f"({' UNION ALL BY NAME '.join(parts)})"
            _view(db, f"facts_{contract}", f"SELECT * EXCLUDE (salt) FROM {united}")  # noqa: S608
            # Salt goes with the facts, and is quicker to look at.
            columns = f"log, seq, {sql_text(contract)} AS contract, facts, salt IS NULL AS erased"
            every.append(f"SELECT {columns} FROM {united}")  # noqa: S608
        none = "SELECT '' AS log, 0::BIGINT AS seq, '' AS contract, '' AS facts, true AS erased WHERE false"
        _view(db, "facts", " UNION ALL ".join(every) or none)
        _view(db, labels.VALUES, labels.values_view(sorted(labels.CONTRACTS16 & self._facts.keys())))
        _view(db, labels.NEWEST, labels.NEWEST_VIEW)
        self._system_views(db)

    def _system_views(self, db: duckdb.DuckDBPyConnection) -> None:
        pairs = db.execute(
            "SELECT DISTINCT system, left(facts_contract, 16) FROM entries"
            " WHERE system IS NOT NULL AND facts_contract IS NOT NULL ORDER BY ALL"
        ).fetchall()
        systems: dict[str, list[str]] = {}
        for system, contract in pairs:
            # What is told of a call later, its label, is not among the facts of calls.
            if contract in labels.CONTRACTS16:
                continue
            if contract in self._facts and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", system):
                systems.setdefault(system, []).append(contract)
        for system, contracts in systems.items():
            if f"facts_{system}" not in {f"facts_{contract}" for contract in self._facts}:
                parts = [f"SELECT * FROM facts_{contract}" for contract in contracts]  # noqa: S608
                _view(db, f"facts_{system}", " UNION ALL BY NAME ".join(parts))


def _view(db: duckdb.DuckDBPyConnection, name: str, select: str) -> None:
    db.execute(f'CREATE VIEW "{name}" AS {select}')


def sql_text(value: str) -> str:
    """Return a text as SQL spells it."""
    return "'" + value.replace("'", "''") + "'"


def _before(end: int | None, files: list[SealedFile]) -> list[SealedFile]:
    return [file for file in files if end is None or file.first < end]


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
