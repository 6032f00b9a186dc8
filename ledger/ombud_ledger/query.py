# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""SQL over sealed and hot entries: DuckDB views, read-only, shut in before a caller's first statement."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from ombud_ledger import tables
from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.columns import COLUMNS, DERIVED
from ombud_ledger.durable import act_now
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.facts import contract_columns
from ombud_ledger.hot import Row
from ombud_ledger.kinds import VIEWS
from ombud_ledger.layout import NO_CONTRACT, SealedFile, log_layout, log_names, objects_folder
from ombud_ledger.objects import Objects
from ombud_ledger.snapshot import snapshot
from ombud_ledger.statement import check_statement
from ombud_ledger.watchdog import Watchdog

_CHUNK: Final = 4_096
_TYPED: Final = ", ".join(f'"{each.name}"' for each in COLUMNS if each.name not in {"ts", "kind"})

_COLUMNS_OF_VIEWS: Final = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_name NOT LIKE 'hot\\_%' ESCAPE '\\' AND table_name <> 'all_entries'
ORDER BY table_name, ordinal_position
"""
_ABOUT: Final = {**{each.name: each.about for each in COLUMNS}, **DERIVED}


class Query:
    """A read-only DuckDB over a ledger. Make it with `connect`; close it, or use it in a `with`.

    Views: `entries`, one per kind (`decisions`, `reviews`, ...), `calls` (decisions and intents), `facts`,
    and
    `facts_<contract16>` and `facts_<system>` with the contract's typed columns. `ts` is TIMESTAMP in UTC.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, *, timeout: float | None = None) -> None:
        self._db = db
        self._watchdog = Watchdog(db.interrupt, timeout)

    def schema(self) -> list[tuple[str, str, str, str]]:
        """Return (view, column, type, what it is) of every column of every view."""
        found = self._db.execute(_COLUMNS_OF_VIEWS).fetchall()
        return [(view, column, kind, _about(view, column)) for view, column, kind in found]

    def parameters(self, sql: str) -> frozenset[str]:
        """Return the names of a statement's parameters. Raises what `execute` raises."""
        return check_statement(self._db, sql)

    def execute(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Run one SELECT and return the connection to fetch from.

        Raises QueryRefused for any other statement, duckdb.Error for what DuckDB refuses; here and while
        fetching, duckdb.InterruptException after the timeout, duckdb.OutOfMemoryException beyond the memory.
        """
        check_statement(self._db, sql)
        self._watchdog.start()
        return self._db.execute(sql, parameters) if parameters else self._db.execute(sql)

    def close(self) -> None:
        """Let DuckDB go."""
        self._watchdog.rest()
        self._db.close()

    def __enter__(self) -> "Query":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    root: Path,
    *,
    log: str | None = None,
    memory: str = "1GB",
    threads: int = 2,
    timeout: float | None = None,
) -> Query:
    """Open the ledger under `root` (all logs, or one) for SQL. The hot tail is read once, now.

    `memory` bounds DuckDB, `timeout`, in seconds, each statement with the fetching of its rows.
    Raises LedgerUnreadable if there is no log, or one cannot be read.
    """
    names = log_names(root) if log is None else [log]
    if not names:
        raise LedgerUnreadable(f"{root}: no log here")
    db = duckdb.connect(":memory:", config={"memory_limit": memory, "threads": threads, "temp_directory": ""})
    try:
        # 1. Collect what there is: sealed files by path, hot rows as Arrow tables.
        sources = _Sources(Objects(objects_folder(root), act_now))
        for name in names:
            sources.add(name, root)
        # 2. Shut DuckDB in: of all files, the sealed ones of this ledger alone, and no extension.
        paths = ", ".join(_text(str(path)) for path in sources.paths)
        db.execute("SET python_enable_replacements = false")
        db.execute("SET autoinstall_known_extensions = false")
        db.execute("SET autoload_known_extensions = false")
        if paths:
            db.execute(f"SET allowed_paths = [{paths}]")
        db.execute("SET enable_external_access = false")
        # 3. The views.
        sources.create_views(db)
        # 4. Nobody turns the key back.
        db.execute("SET lock_configuration = true")
    except BaseException:
        db.close()
        raise
    return Query(db, timeout=timeout)


class _Sources:
    """What the views are made of, by log and by contract."""

    def __init__(self, objects: Objects) -> None:
        self.paths: list[Path] = []
        self._objects = objects
        self._entries: list[str] = []
        self._facts: dict[str, list[str]] = {}
        self._tables: dict[str, pa.Table] = {}

    def add(self, log: str, root: Path) -> None:
        layout = log_layout(root, log)
        if not layout.folder.is_dir():
            raise LedgerUnreadable(f"{layout.folder}: no such log")
        with snapshot(layout) as shot:
            self._add_sealed(self._entries, log, shot.entries)
            for contract in sorted({file.path.parent.name for file in shot.facts}):
                files = [file for file in shot.facts if file.path.parent.name == contract]
                self._add_sealed(self._facts.setdefault(contract, []), log, files)
            entries: list[pa.Table] = [tables.entries_table(())]
            facts: dict[str, list[pa.Table]] = {}
            for chunk in _chunks(shot.rows()):
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
            columns = contract_columns(self._objects.get(contract)) if contract else ()
            table = tables.facts_table(((row.seq, row.salt, row.facts) for row in rows), columns)
            into.setdefault(contract[:16] or NO_CONTRACT, []).append(table)

    def _add_sealed(self, into: list[str], log: str, files: list[SealedFile]) -> None:
        if files:
            self.paths += [file.path.absolute() for file in files]
            listed = ", ".join(_text(str(file.path.absolute())) for file in files)
            into.append(f"SELECT {_text(log)} AS log, * FROM read_parquet([{listed}])")  # noqa: S608

    def _register(self, log: str, table: pa.Table) -> str:
        name = f"hot_{len(self._tables)}"
        self._tables[name] = table
        return f"SELECT {_text(log)} AS log, * FROM {name}"  # noqa: S608

    def create_views(self, db: duckdb.DuckDBPyConnection) -> None:
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
            _view(db, view, f"SELECT * FROM entries WHERE kind = {_text(kind)}")  # noqa: S608
        _view(db, "calls", "SELECT * FROM entries WHERE kind IN ('decision', 'intent')")
        every = []
        for contract, parts in self._facts.items():
            name = f"facts_{contract}"
            _view(db, name, f"SELECT * EXCLUDE (salt) FROM ({' UNION ALL BY NAME '.join(parts)})")  # noqa: S608
            every.append(f"SELECT log, seq, {_text(contract)} AS contract, facts FROM {name}")  # noqa: S608
        none = "SELECT '' AS log, 0::BIGINT AS seq, '' AS contract, '' AS facts WHERE false"
        _view(db, "facts", " UNION ALL ".join(every) or none)
        self._system_views(db)

    def _system_views(self, db: duckdb.DuckDBPyConnection) -> None:
        pairs = db.execute(
            "SELECT DISTINCT system, left(facts_contract, 16) FROM entries"
            " WHERE system IS NOT NULL AND facts_contract IS NOT NULL ORDER BY ALL"
        ).fetchall()
        systems: dict[str, list[str]] = {}
        for system, contract in pairs:
            if contract in self._facts and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", system):
                systems.setdefault(system, []).append(contract)
        for system, contracts in systems.items():
            if f"facts_{system}" not in {f"facts_{contract}" for contract in self._facts}:
                parts = [f"SELECT * FROM facts_{contract}" for contract in contracts]  # noqa: S608
                _view(db, f"facts_{system}", " UNION ALL BY NAME ".join(parts))


def _about(view: str, column: str) -> str:
    typed = view.startswith("facts_") and column not in DERIVED  # a contract's column may be named like ours
    return "as the contract declares it, with its unit" if typed else _ABOUT[column]


def _view(db: duckdb.DuckDBPyConnection, name: str, select: str) -> None:
    db.execute(f'CREATE VIEW "{name}" AS {select}')


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
