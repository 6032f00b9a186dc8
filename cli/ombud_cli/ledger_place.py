# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where the ledger is that a command reads, and how it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import duckdb
import pyarrow as pa
import typer

from ombud_cli.bounded import read_bounded
from ombud_cli.failure import no, unusable, unusable_on
from ombud_ledger import Head, LedgerError, NotProven, QueryRefused, query, sample

if TYPE_CHECKING:
    from ombud_ledger import remote

AsOf = Annotated[
    list[Path] | None,
    typer.Option(
        "--as-of",
        metavar="FILE",
        help="A checkpoint, as `ombud ledger checkpoint` prints it: read exactly the entries it covers, which"
        " the log must still have. Repeatable, one per log; logs without one are then left out.",
    ),
]
Heads = Annotated[
    list[str] | None,
    typer.Option(
        "--head",
        metavar="LOG=SIZE:HEX",
        help="Of a log that publishes no checkpoint: read its first SIZE entries, whose last has the chain"
        " value HEX. Repeatable, one per log.",
    ),
]
CONFIG = Path("ombud.toml")
_HEAD = re.compile(r"([^=]{1,128})=([1-9][0-9]{0,17}):([0-9a-f]{64})")
_CHUNK = 1_000


def ledger_path(given: Path | None, config: Path = CONFIG) -> Path:
    """Return the ledger given, else the one that the configuration names."""
    if given is not None:
        return given
    if not config.is_file():
        raise unusable(f"PATH: must be given, or OMBUD_LEDGER set, where there is no {config}")
    from ombud_gateway.config import load_config
    from ombud_gateway.problems import ConfigInvalid

    try:
        return load_config(config).ledger.path
    except ConfigInvalid as error:
        raise unusable(str(error)) from error


def read_checkpoints(files: Sequence[Path] | None) -> list[bytes]:
    """Return the bytes of the files given with `--as-of`; raise `Failure`."""
    return [read_bounded(file, "--as-of") for file in files or ()]


def parse_heads(given: Sequence[str] | None) -> dict[str, Head]:
    """Return, by log, the heads given with `--head`; raise `Failure`."""
    heads: dict[str, Head] = {}
    for each in given or ():
        found = _HEAD.fullmatch(each)
        if found is None or found[1] in heads:
            raise unusable(f"--head: is {each[:160]!r}, must be LOG=SIZE:HEX, once for a log")
        heads[found[1]] = Head(int(found[2]), bytes.fromhex(found[3]))
    return heads


class Asked:
    """A ledger open for SQL; every refusal is a `Failure` of one line."""

    def __init__(self, opened: query.Query) -> None:
        self._query = opened

    def extent(self) -> list[str]:
        """Say, a line a log, as of which checkpoint it is read, that it is left out, or what was pruned."""
        lines = [
            f"log {log}: as of its checkpoint of {each.size} entries, root {each.root.hex()}"
            for log, each in self._query.as_of.items()
        ]
        lines += [f"log {log}: left out, no --as-of is of it" for log in self._query.left_out]
        return [*self._query.export, *lines, *pruned_lines(self.pruned)]

    @property
    def is_export(self) -> bool:
        """Whether it is a folder of evidence rather than a ledger."""
        return bool(self._query.export)

    @property
    def pruned(self) -> dict[str, int]:
        """By log, the number before which all entries were pruned by declaration."""
        return dict(self._query.pruned)

    def rows(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Run one SELECT; return its columns, and its rows as they are read."""
        with _told():
            result = self._query.execute(sql, parameters)
            columns = [column[0] for column in result.description]
        return columns, _read(result)

    def heads(self) -> list[tuple[str, int, str]]:
        """Return (log, size, chain of its last entry in hex) of every log that is shown."""
        with _told():
            return self._query.heads()

    def schema(self) -> list[tuple[str, str, str, str]]:
        """Return (view, column, type, what it is) of every column of every view."""
        return self._query.schema()

    def check_parameters(self, sql: str, given: Mapping[str, Any], *, option: str) -> None:
        """Demand that an option gave a value for each of a statement's parameters, and no other."""
        with _told():
            named = self._query.parameters(sql)
        with unusable_on(QueryRefused):
            query.check_names(given.keys(), named, option=option)

    def batches(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Run one SELECT; return the schema of its rows, and these as they are read, in Arrow batches."""
        with _told():
            schema, batches = self._query.batches(sql, parameters)
        return schema, _read_batches(batches)

    def draw(self, count: int, **of: Any) -> tuple[sample.Sample, str, str]:
        """Draw a sample; return it, its method in words, and in SQL."""
        with _told():
            return sample.draw(self._query, count, **of), sample.METHOD, sample.SAMPLE_SQL

    def dicts(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT of few rows."""
        columns, rows = self.rows(sql, parameters)
        return [dict(zip(columns, row, strict=True)) for row in rows]


def pruned_lines(pruned: Mapping[str, int]) -> list[str]:
    """Say, a line a log, what is not there any more."""
    return [
        f"log {log}: entries before {begins} were pruned by declaration" for log, begins in pruned.items()
    ]


@contextmanager
def asking(path: Path | remote.RemoteAddress | remote.Thinned, **how: Any) -> Iterator[Asked]:
    """Open a ledger, read-only, for SQL; `how` is what `query.connect` takes."""
    try:
        with _told():
            opened = query.connect(path, **how)
    except NotProven as error:
        raise no(f"--as-of: {error}") from error
    except LedgerError as error:
        raise unusable(str(error)) from error
    with opened:
        yield Asked(opened)


def _read(result: Any) -> Iterator[tuple[Any, ...]]:
    while True:
        with _told():
            chunk = result.fetchmany(_CHUNK)
        if not chunk:
            return
        yield from chunk


def _read_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with _told():
        yield from batches


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except QueryRefused as error:
        raise unusable(f"SQL: {str(error).splitlines()[0]}") from error
    except duckdb.InterruptException as error:
        raise unusable(
            "SQL: ran longer than --timeout allows, and was stopped; nothing was changed"
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise unusable("SQL: needs more memory than --memory allows, and was stopped") from error
    except duckdb.Error as error:
        if "pytz" in str(error):
            raise unusable("SQL: cast TIMESTAMP WITH TIME ZONE to TIMESTAMP; `ts` is one, in UTC") from error
        raise unusable(f"SQL: {str(error).splitlines()[0]}") from error
