# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""SQL over sealed and hot entries: DuckDB views, read-only, shut in before a caller's first statement."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow as pa

from ombud_ledger.as_of import check_heads, match_logs, newest_notes
from ombud_ledger.columns import COLUMNS, DERIVED
from ombud_ledger.entry import Head
from ombud_ledger.errors import LedgerUnreadable, ObjectMissing, QueryRefused
from ombud_ledger.exported import exported
from ombud_ledger.labels import ABOUT
from ombud_ledger.place import Place, at_place
from ombud_ledger.statement import check_names, check_statement
from ombud_ledger.tlog.checkpoint import Checkpoint
from ombud_ledger.views import Sources, sql_text
from ombud_ledger.watchdog import Watchdog

if TYPE_CHECKING:
    from ombud_ledger.remote.address import RemoteAddress

__all__ = ["Query", "check_names", "connect"]

_COLUMNS_OF_VIEWS: Final = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE NOT regexp_matches(table_name, '^((hot|sealed)_[0-9]+|lent_.*)$') AND table_name <> 'all_entries'
ORDER BY table_name, ordinal_position
"""
_HEADS: Final = """
SELECT log, max(seq) + 1 AS size, lower(hex(arg_max(chain, seq))) AS chain
FROM entries GROUP BY log ORDER BY log
"""
_LENT: Final = re.compile(r"lent_[a-z0-9_]{1,58}")
_ABOUT: Final = {**{each.name: each.about for each in COLUMNS}, **DERIVED, **ABOUT}


class Query:
    """A read-only DuckDB over a ledger. Make it with `connect`; close it, or use it in a `with`.

    Views: `entries`, one per kind (`decisions`, `reviews`, ...), `calls` (decisions and intents), `facts`,
    and `facts_<contract16>` and `facts_<system>` with the contract's typed columns; `newest_labels`, what
    holds of each decision, and `label_values`. `ts` is TIMESTAMP in UTC.
    """

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        *,
        timeout: float | None = None,
        as_of: Mapping[str, Checkpoint] = MappingProxyType({}),
        notes: Mapping[str, bytes] = MappingProxyType({}),
        left_out: Sequence[str] = (),
        pruned: Mapping[str, int] = MappingProxyType({}),
        export: Sequence[str] = (),
        place: Place | None = None,
        opened: ExitStack | None = None,
    ) -> None:
        self.as_of = as_of
        """By log, the checkpoint that the views stop at; empty if they show all there is."""
        self.notes = notes
        """The same checkpoints as they are signed."""
        self.left_out = left_out
        """Logs that are not shown, having no checkpoint where others have one."""
        self.pruned = pruned
        """By log, the number before which all entries were pruned by declaration."""
        self.export = export
        """Of an evidence folder: what it is, in words, a line each."""
        self._place = place
        self._opened = opened or ExitStack()
        self._db = db
        self._watchdog = Watchdog(db.interrupt, timeout)

    def heads(self) -> list[tuple[str, int, str]]:
        """Return (log, size, chain of its last entry in hex) of every log that is shown."""
        return self.execute(_HEADS).fetchall()

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

    def batches(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, rows: int = 16_384
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Run one SELECT; return the schema of its rows, and these in Arrow batches, made as they are read.

        Raises what `execute` raises, here and while reading.
        """
        check_statement(self._db, sql)
        self._watchdog.start()
        reader = self._db.sql(sql, params=dict(parameters) if parameters else None).to_arrow_reader(rows)
        if reader is None:
            raise QueryRefused("the statement has no rows to read")
        return reader.schema, _batches(reader)

    def lend(self, name: str, table: pa.Table) -> None:
        """Let statements read a table of the caller's own as `name`, which no view may have.

        It is read where it lies, and nothing of it is kept. Raises QueryRefused.
        """
        if not _LENT.fullmatch(name):
            raise QueryRefused(f"a lent table is named {name[:80]!r}, must be like lent_groups")
        if self._db.execute("SELECT 1 FROM duckdb_views() WHERE view_name = ?", [name]).fetchall():
            raise QueryRefused(f"a table {name} was lent already")
        self._db.register(name, table)

    def kept(self, digest: str) -> bytes:
        """Return what is kept under a digest: a system file, a contract, a bundle.

        Raises ObjectMissing, LedgerBroken.
        """
        if self._place is None:
            raise ObjectMissing(f"object {digest[:80]}: nothing is kept here")
        return self._place.object(digest)

    def close(self) -> None:
        """Let DuckDB go, and what was fetched."""
        self._watchdog.rest()
        self._db.close()
        self._opened.close()

    def __enter__(self) -> "Query":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    root: "Path | RemoteAddress | Place",
    *,
    log: str | None = None,
    memory: str = "1GB",
    threads: int = 2,
    timeout: float | None = None,
    as_of: Iterable[bytes] = (),
    heads: Mapping[str, Head] = MappingProxyType({}),
    published: bool = False,
) -> Query:
    """Open the ledger under `root` (all logs, or one) for SQL. The hot tail is read once, now.

    Of one that lies elsewhere, sealed files are read there, and of them what a statement asks for.

    `memory` bounds DuckDB, `timeout`, in seconds, each statement with the fetching of its rows.
    `as_of` are signed checkpoints: the views then show exactly the entries these cover, and the logs without
    one are left out. Their logs are held to them; whose signatures they bear is not looked at. `heads` does
    the same by log, for logs that publish no checkpoint. With `published`, and neither, each log is read as
    of the newest checkpoint it published; those that publish none are shown as they are.
    Raises LedgerUnreadable if there is no log, or one cannot be read; NotProven if one does
    not extend its checkpoint; duckdb.OutOfMemoryException if the views alone take more than `memory`.
    """
    notes = list(as_of)
    with ExitStack() as stack:
        # Of pruned entries that a checkpoint covers, tiles have the hashes; objects come with them.
        place = stack.enter_context(at_place(root, log, proofs=bool(notes or heads or published)))
        names = [name for name in place.logs() if log in (None, name)]
        if not names:
            raise LedgerUnreadable(f"{root}: no log {log or 'here'}")
        others = published and not notes and not heads
        signed = match_logs(place, names, newest_notes(place, names) if others else notes)
        check_heads(names, heads, signed)
        bounds: dict[str, Checkpoint | Head] = {name: each for name, (each, _) in signed.items()}
        bounds.update(heads)
        shown = [name for name in names if name in bounds or others or not bounds]
        config = {"memory_limit": memory, "threads": threads, "temp_directory": ""}
        db, begins = _open(place, {name: bounds.get(name) for name in shown}, config)
        stack.callback(db.close)
        evidence = exported(place.root)
        return Query(
            db,
            timeout=timeout,
            as_of={name: each for name, (each, _) in signed.items()},
            notes={name: note for name, (_, note) in signed.items()},
            left_out=[name for name in names if name not in shown],
            pruned=begins,
            export=evidence.tell() if evidence else (),
            place=place,
            opened=stack.pop_all(),
        )


def _open(
    place: Place, shown: Mapping[str, Checkpoint | Head | None], config: dict[str, Any]
) -> tuple[duckdb.DuckDBPyConnection, dict[str, int]]:
    """Return DuckDB with the views, shut in, and by log the number before which all entries were pruned."""
    db = duckdb.connect(":memory:", config=config)
    try:
        # 1. Collect what there is: sealed files by path, hot rows as Arrow tables.
        sources = Sources(place)
        for name, bound in shown.items():
            sources.add(name, bound)
        # 2. Shut DuckDB in: of all files, the sealed ones of this ledger alone, and no extension.
        paths = ", ".join(sql_text(str(path)) for path in sources.paths)
        db.execute("SET python_enable_replacements = false")
        db.execute("SET autoinstall_known_extensions = false")
        db.execute("SET autoload_known_extensions = false")
        if paths:
            db.execute(f"SET allowed_paths = [{paths}]")
        db.execute("SET enable_external_access = false")
        # Every statement reads all footers, which takes a tenth of it; those of files as they were are kept.
        db.execute("SET parquet_metadata_cache = true")
        # 3. The views.
        sources.create_views(db)
        # 4. Nobody turns the key back.
        db.execute("SET lock_configuration = true")
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        db.close()
        if isinstance(error, duckdb.OutOfMemoryException):
            raise
        # A sealed file that is none shows when a view is made of it. No cause: it may hold credentials.
        raise LedgerUnreadable(place.told(error)) from None
    except BaseException:
        db.close()
        raise
    return db, {log: begins for log, begins in sources.begins.items() if begins}


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (pa.ArrowException, OSError) as error:  # Arrow keeps of DuckDB's exceptions the text alone
        text = str(error)
        kinds = {"INTERRUPT": duckdb.InterruptException, "Out of Memory": duckdb.OutOfMemoryException}
        kind = next((each for begin, each in kinds.items() if text.startswith(begin)), duckdb.Error)
        raise kind(text) from error


def _about(view: str, column: str) -> str:
    typed = view.startswith("facts_") and column not in DERIVED  # a contract's column may be named like ours
    return "as the contract declares it, with its unit" if typed else _ABOUT[column]
