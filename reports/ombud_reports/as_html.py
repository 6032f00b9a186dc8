# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A report as one HTML file that needs nothing else: no network, no script, charts drawn inline. Pure.

The page carries the JSON document as data, so that it alone can be verified.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from ombud_reports.as_json import to_json
from ombud_reports.drawing import COLOURS, draw
from ombud_reports.errors import ReportUnreadable
from ombud_reports.result import Block, Chart, Figure, LogBasis, Notice, Report, Section, Source, Table, Text
from ombud_reports.shown import shown
from ombud_reports.svg import legible, to_svg

_DATA: Final = re.compile(rb'<script type="application/json" id="report">\n(.*?)</script>', re.DOTALL)
_SHORT: Final = 16
"""Letters up to which a line of a cell is not broken: a date, a state."""
_LONG: Final = 40
"""Letters above which a cell gets room of its own, so that no column beside it squeezes it."""
_WORDS: Final = {"note": "Note", "warning": "Warning", "gap": "Gap"}


def to_html(report: Report) -> bytes:
    """Return the page, UTF-8."""
    return _Page(report).render().encode()


def data_of(page: bytes) -> bytes:
    """Return the JSON document that a page carries, as it was before. Raises ReportUnreadable."""
    found = _DATA.findall(page)
    if len(found) != 1:
        raise ReportUnreadable("the page carries no report, or several")
    return bytes(found[0])


@cache
def _template() -> Template:
    page = files("ombud_reports") / "page"
    text = (page / "report.html.j2").read_text(encoding="utf-8")
    return Environment(
        loader=DictLoader({"report.html": text}),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: legible(value) if type(value) is str else value,
    ).get_template("report.html")


class _Page:
    """Lays one report out; knows which statements were shown already."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sources = {source.name: source for source in report.sources}
        self._anchors = {name: f"statement-{at}" for at, name in enumerate(self._sources, 1)}
        self._shown: set[str] = set()

    def render(self) -> str:
        """Return the page's text."""
        report = self._report
        style = (files("ombud_reports") / "page" / "style.css").read_text(encoding="utf-8")
        sections = [self._section(at, section) for at, section in enumerate(report.sections, 1)]
        others = [self._source(source) for name, source in self._sources.items() if name not in self._shown]
        return _template().render(
            title=report.title,
            system=report.system,
            begin=moment_text(report.window.begin),
            end=moment_text(report.window.end),
            by=report.by,
            draft=report.draft,
            extent=extent(report),
            basis=[_log(each) for each in report.basis],
            options=[(name, option_text(value)) for name, value in report.options.items()],
            sections=sections,
            others=others,
            colours=COLOURS,
            style=style,
            data=to_json(report).decode(),
        )

    def _section(self, number: int, section: Section) -> dict[str, Any]:
        blocks = [self._block(block) for block in section.blocks]
        return {"anchor": f"section-{number}", "title": section.title, "blocks": blocks}

    def _block(self, block: Block) -> dict[str, Any]:
        match block:
            case Text():
                return {"type": "text", "pieces": pieces(block.text)}
            case Notice():
                return {
                    "type": "notice",
                    "level": block.level,
                    "word": _WORDS[block.level],
                    "pieces": pieces(block.text),
                }
            case Table():
                return self._table(block)
            case Chart():
                drawing = draw(block)
                return {
                    "type": "chart",
                    "title": block.title,
                    "alt": block.alt,
                    "legend": drawing.legend,
                    "svg": to_svg(drawing, block.alt),
                }

    def _table(self, table: Table) -> dict[str, Any]:
        figures = [cell for row in table.rows for cell in row if isinstance(cell, Figure)]
        numeric = numeric_columns(table)
        used = dict.fromkeys(figure.source for figure in figures if figure.source)
        known = [self._source(self._sources[name]) for name in used if name in self._shown]
        fresh = [self._source(self._sources[name]) for name in used if name not in self._shown]
        self._shown.update(used)
        return {
            "type": "table",
            "title": table.title,
            "columns": [
                {"text": text, "number": number} for text, number in zip(table.columns, numeric, strict=True)
            ],
            "rows": [list(map(_cell, row, numeric)) for row in table.rows],
            "note": pieces(table.note),
            "figures": [_exactly(figure) for figure in figures],
            "sources": fresh,
            "known": known,
        }

    def _source(self, source: Source) -> dict[str, Any]:
        return {
            "name": source.name,
            "anchor": self._anchors[source.name],
            "sql": source.sql,
            "parameters": list(source.parameters.items()),
            "command": command(source, self._report.basis),
        }


def pieces(text: str) -> list[tuple[bool, str]]:
    """Return a text's pieces, each with whether it is code: what stands between backticks."""
    return [(bool(at % 2), piece) for at, piece in enumerate(text.split("`")) if piece]


def command(source: Source, basis: Iterable[LogBasis]) -> str:
    """Return the shell command that asks a report's statement again, as of the report's basis."""
    parts = [f"ombud query PATH {shlex.quote(source.sql)}"]
    parts += [f"-p {shlex.quote(f'{name}={value}')}" for name, value in source.parameters.items()]
    for each in basis:
        if each.checkpoint:
            parts.append(f"--as-of {shlex.quote(checkpoint_file(each.log))}")
        else:
            parts.append(f"--head {shlex.quote(f'{each.log}={each.size}:{each.chain}')}")
    return " \\\n  ".join(parts)


def checkpoint_file(log: str) -> str:
    """Return how commands call the file of a log's checkpoint."""
    return f"{log}.checkpoint"


def extent(report: Report) -> str:
    """Say in a line which entries a report rests on."""
    logs = report.basis
    if len(logs) == 1:
        return f"the first {logs[0].size:,} entries of log {logs[0].log}, {logs[0].origin}"
    return f"{sum(each.size for each in logs):,} entries of {len(logs)} logs"


def _log(each: LogBasis) -> dict[str, str]:
    return {
        "log": each.log,
        "origin": each.origin,
        "size": f"{each.size:,}",
        "kind": "signed checkpoint" if each.checkpoint else "chain value; nothing is signed",
        "chain": each.chain,
        "root": each.root,
        "checkpoint": each.checkpoint,
        "file": checkpoint_file(each.log),
    }


def moment_text(moment: datetime) -> str:
    """Return a moment for people, to the second if it is one."""
    exact = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{exact} UTC"


def option_text(value: Any) -> str:
    """Return an option's value for people."""
    if isinstance(value, tuple):
        return ", ".join(map(option_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not given" if value is None else str(value)


def numeric_columns(table: Table) -> list[bool]:
    """Say of each column whether it holds numbers; then all that is in it stands to the right."""
    return [any(_is_number(row[at]) for row in table.rows) for at in range(len(table.columns))]


def _is_number(cell: str | Figure) -> bool:
    return isinstance(cell, Figure) and isinstance(cell.value, int | float)


def _cell(cell: str | Figure, numeric: bool) -> Mapping[str, Any]:
    css = ["right"] if numeric else []
    if isinstance(cell, str):
        lines = cell.split("\n")
        css += ["lines"] if len(lines) > 1 else []
        css += ["short"] if all(len(line) <= _SHORT for line in lines) else []
        css += ["long"] if len(cell) > _LONG else []
        return {"figure": False, "text": legible(cell), "css": " ".join(css)}
    css += ["number"] if _is_number(cell) else ["absent"] if cell.value is None else []
    css += ["interval"] if cell.interval is not None else []
    return {"figure": True, "text": shown(cell), "css": " ".join(css)}


def _exactly(figure: Figure) -> dict[str, str]:
    if figure.value is None:
        exact = f"none: {figure.absent}"
    else:
        value = figure.value if isinstance(figure.value, str) else repr(figure.value)
        exact = f"{value} {figure.unit}".rstrip()
    if figure.interval is not None:
        interval = figure.interval
        exact += f"; {interval.low!r} to {interval.high!r} at {interval.level!r}"
    said = [figure.source or "declared by a person", figure.how]
    if figure.interval is not None:
        said.append(f"interval: {figure.interval.method}")
    return {"name": figure.name, "exact": exact, "origin": "; ".join(filter(None, said))}
