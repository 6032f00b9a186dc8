# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Make a report of a kind from an open ledger: what `build` says, on a basis that is named exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ombud_ledger import query
from ombud_reports.errors import OptionInvalid
from ombud_reports.gaps import gaps
from ombud_reports.kinds import kind_of
from ombud_reports.known import known
from ombud_reports.options import complete, recorded
from ombud_reports.reading import Reading
from ombud_reports.result import Figure, LogBasis, Notice, Report, Section, Table, Window

_ORIGINS: Final = """
SELECT log, arg_min(record->>'$.origin', seq) AS origin FROM entries
WHERE kind IN ('genesis', 'prune') GROUP BY log
"""
_TIMES: Final = """
SELECT system, min(ts) AS first_utc, max(ts) AS last_utc FROM entries
WHERE system IS NOT NULL AND kind <> 'report' GROUP BY system ORDER BY system
"""
_MICROSECOND: Final = timedelta(microseconds=1)


def make(
    name: str,
    ledger: query.Query,
    *,
    system: str,
    begin: datetime | None = None,
    end: datetime | None = None,
    options: Mapping[str, object] | None = None,
    by: str = "",
    draft: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Make a report over a system's entries from `begin` until before `end`; by default all there are.

    Times are UTC where they do not say. `progress` is told the name of each statement before it is asked.
    Raises OptionInvalid, and what `Query.execute` raises.
    """
    kind = kind_of(name)
    asked = complete(kind, options or {})
    reading = Reading(ledger, system, _window(ledger, system, begin, end), progress)
    missing = gaps(reading)
    report = Report(
        kind=kind.name,
        title=f"{kind.title}: {system}",
        system=system,
        window=reading.window,
        options=recorded(asked),
        basis=_basis(ledger),
        sections=(_remarked(missing, reading), *kind.build(reading, asked)),
        sources=reading.sources,
        by=by,
        draft=draft,
    )
    demand_sound(report)
    return report


def _remarked(section: Section, reading: Reading) -> Section:
    """Return a section that begins with what the system's file wants said on every report of it."""
    note = known(reading).section("ai_act").get("note")
    if not isinstance(note, str) or not note:
        return section
    return Section(section.title, (Notice(note, "warning"), *section.blocks))


def demand_sound(report: Report) -> None:
    """Demand what renderers and verifiers rely on; raise ValueError naming what a builder did wrong."""
    named: dict[str, Figure] = {}
    sources = {source.name for source in report.sources}
    for figure in report.cells():
        if named.setdefault(figure.name, figure) != figure:
            raise ValueError(f"figure {figure.name}: another figure of this report has that name")
        if figure.source and figure.source not in sources:
            raise ValueError(f"figure {figure.name}: its source {figure.source!r} was never asked")
        numbers = [figure.value]
        if figure.interval is not None:
            numbers += [figure.interval.low, figure.interval.high]
        if any(isinstance(each, float) and not math.isfinite(each) for each in numbers):
            raise ValueError(f"figure {figure.name}: is not finite; say in `absent` why there is none")
        if figure.value is None and not figure.absent:
            raise ValueError(f"figure {figure.name}: has no value and does not say why")
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Table) and any(len(row) != len(block.columns) for row in block.rows):
                raise ValueError(f"table {block.title!r}: a row has not as many cells as there are columns")


def _window(ledger: query.Query, system: str, begin: datetime | None, end: datetime | None) -> Window:
    times = {row[0]: row[1:] for row in ledger.execute(_TIMES).fetchall()}
    if system not in times:
        known = ", ".join(times) or "none"
        raise OptionInvalid(
            f"system: is {system[:80]!r}, must be one that the ledger has entries of: {known}"
        )
    first, last = (moment.replace(tzinfo=UTC) for moment in times[system])
    window = Window(_utc(begin or first), _utc(end or last + _MICROSECOND))
    if window.begin >= window.end:
        raise OptionInvalid(f"window: from {window.begin} to {window.end}, must begin before it ends")
    return window


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _basis(ledger: query.Query) -> tuple[LogBasis, ...]:
    origins: dict[str, Any] = dict(ledger.execute(_ORIGINS).fetchall())
    found = []
    for log, size, chain in ledger.heads():
        checkpoint = ledger.as_of.get(log)
        note = ledger.notes.get(log, b"")
        root = checkpoint.root.hex() if checkpoint is not None else ""
        found.append(LogBasis(log, str(origins.get(log, "")), size, chain, root, note.decode()))
    return tuple(found)
