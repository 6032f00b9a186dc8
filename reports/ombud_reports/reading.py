# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger that is being read for one report: notes every statement, so that each figure can name its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from textwrap import dedent
from typing import Any, Final

import pyarrow as pa

from ombud_ledger import query
from ombud_reports.result import Source, Window, as_text

_AT_ONCE: Final = 65_536


class Reading:
    """One system's entries in one window; `$system`, `$begin` and `$end` stand for these in a statement.

    Parameters reach a statement as texts, as with `ombud query -p NAME=TEXT`, so that the command on the page
    is the statement that was asked. So each is cast where it is used: `ts >= $begin::TIMESTAMP`,
    `calls >= $least::BIGINT`. A moment is written `2026-01-31 00:00:00.000000`, UTC.
    """

    def __init__(
        self,
        ledger: query.Query,
        system: str,
        window: Window,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.system = system
        self.window = window
        self.ledger = ledger
        """For what is no statement: tables lent to it, objects, checkpoints."""
        self._progress = progress
        self._sources: dict[str, Source] = {}
        self._held: dict[str, str] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was asked so far, in order."""
        return tuple(self._sources.values())

    def ask(self, name: str, sql: str, **parameters: str | float | datetime) -> list[dict[str, Any]]:
        """Return the rows of one SELECT, by column, and note it under `name`.

        Raises what `Query.execute` raises; ValueError where another statement has the name.
        """
        result = self.ledger.execute(*self._note(name, sql, parameters))
        columns = [column[0] for column in result.description]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def batches(self, name: str, sql: str, **parameters: str | float | datetime) -> Iterator[pa.RecordBatch]:
        """Return the rows of one SELECT as they are read, many at a time, and note it under `name`.

        For rows that are counted as they come, and never all held. Raises what `ask` raises, also while read.
        """
        return self.ledger.batches(*self._note(name, sql, parameters), rows=_AT_ONCE)[1]

    def hold(self, name: str, part: str, **parameters: str | float | datetime) -> None:
        """Keep the rows of a part that several statements have in their WITH, so that it is asked once.

        A statement is noted as it stands, and run on these rows instead: they are what the part gives.
        Parameters of the part must mean the same in all of them, and its text must stand there as given.
        """
        if part in self._held:
            return
        schema, batches = self.ledger.batches(part, self._texts(self.ledger.parameters(part), parameters))
        self.ledger.lend(f"lent_{name}", pa.Table.from_batches(batches, schema))
        self._held[part] = f"SELECT * FROM lent_{name}"  # noqa: S608 - a name of ours

    def _note(
        self, name: str, sql: str, parameters: Mapping[str, str | float | datetime]
    ) -> tuple[str, dict[str, str]]:
        """Note a statement; return what to run for it, and with which parameters."""
        sql = dedent(sql).strip()
        texts = self._texts(self.ledger.parameters(sql), parameters)
        source = Source(name, sql, texts)
        if self._sources.setdefault(name, source) != source:
            raise ValueError(f"{name}: another statement of this report has that name")
        self._progress(name)
        run = sql
        for part, held in self._held.items():
            run = run.replace(part, held)
        if run == sql:
            return sql, texts
        return run, {key: texts[key] for key in self.ledger.parameters(run)}

    def _texts(
        self, named: Iterable[str], parameters: Mapping[str, str | float | datetime]
    ) -> dict[str, str]:
        known = {"system": self.system, "begin": self.window.begin, "end": self.window.end, **parameters}
        return {key: as_text(known[key]) for key in sorted(named)}
