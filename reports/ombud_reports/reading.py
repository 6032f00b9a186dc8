# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger that is being read for one report: notes every statement, so that each figure can name its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ombud_ledger import query
from ombud_reports.result import Scalar, Source, Window


class Reading:
    """One system's entries in one window; `$system`, `$begin` and `$end` stand for these in a statement."""

    def __init__(
        self,
        ledger: query.Query,
        system: str,
        window: Window,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.system = system
        self.window = window
        self._ledger = ledger
        self._progress = progress
        self._sources: dict[str, Source] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was asked so far, in order."""
        return tuple(self._sources.values())

    def ask(self, name: str, sql: str, **parameters: Scalar) -> list[dict[str, Any]]:
        """Return the rows of one SELECT, by column, and note it under `name`.

        Raises what `Query.execute` raises; ValueError where another statement has the name.
        """
        known: dict[str, Scalar] = {
            "system": self.system,
            "begin": self.window.begin.isoformat(),
            "end": self.window.end.isoformat(),
            **parameters,
        }
        named = self._ledger.parameters(sql)
        source = Source(name, sql, {key: known[key] for key in sorted(named)})
        if self._sources.setdefault(name, source) != source:
            raise ValueError(f"{name}: another statement of this report has that name")
        self._progress(name)
        result = self._ledger.execute(sql, dict(source.parameters))
        columns = [column[0] for column in result.description]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
