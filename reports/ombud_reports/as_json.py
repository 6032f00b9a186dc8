# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A report as JSON: every figure exact, with its statement, and all that a page or a verifier needs. Pure.

The same report gives the same bytes, which are what its entry in the ledger digests. `report.schema.json`
describes them. No character in them means anything to HTML, so that they stand in a page as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ombud_reports.errors import ReportUnreadable
from ombud_reports.result import (
    Block,
    Chart,
    Figure,
    Interval,
    LogBasis,
    Notice,
    Recorded,
    Report,
    Section,
    Series,
    Source,
    Table,
    Text,
    Window,
)

FORMAT: Final = "ombud-report/1"
_MOST: Final = 256 << 20
_INERT: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def to_json(report: Report) -> bytes:
    """Return a report's JSON document, UTF-8, with a newline at its end."""
    text = json.dumps(to_document(report), ensure_ascii=False, allow_nan=False, indent=1)
    return (text.translate(_INERT) + "\n").encode()


def to_document(report: Report) -> dict[str, Any]:
    """Return a report as JSON knows it. Tables and charts name figures, which stand once, in `figures`."""
    return {
        "format": FORMAT,
        "kind": report.kind,
        "title": report.title,
        "system": report.system,
        "window": {"from": _iso(report.window.begin), "to": _iso(report.window.end)},
        "options": {name: _plain(value) for name, value in report.options.items()},
        "by": report.by,
        "draft": report.draft,
        "basis": [
            {
                "log": each.log,
                "origin": each.origin,
                "size": each.size,
                "chain": each.chain,
                "root": each.root,
                "checkpoint": each.checkpoint,
            }
            for each in report.basis
        ],
        "figures": [_figure(figure) for figure in report.figures()],
        "sources": [
            {"name": each.name, "sql": each.sql, "parameters": dict(each.parameters)}
            for each in report.sources
        ],
        "sections": [
            {"title": section.title, "blocks": [_block(block) for block in section.blocks]}
            for section in report.sections
        ],
    }


def from_json(data: bytes) -> Report:
    """Read what `to_json` wrote. Raises ReportUnreadable."""
    if len(data) > _MOST:
        raise ReportUnreadable(f"the report has {len(data)} bytes, must be at most {_MOST}")
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise ReportUnreadable(
                f"format {str(document['format'])[:80]!r} is not known here, only {FORMAT}"
            )
        return _report(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReportUnreadable(
            f"it is no report, or malformed: {type(error).__name__}: {error}"[:300]
        ) from error


def _report(document: Mapping[str, Any]) -> Report:
    figures = {each["name"]: _to_figure(each) for each in document["figures"]}
    window = document["window"]
    return Report(
        kind=_text(document["kind"]),
        title=_text(document["title"]),
        system=_text(document["system"]),
        window=Window(datetime.fromisoformat(window["from"]), datetime.fromisoformat(window["to"])),
        options={name: _to_option(value) for name, value in document["options"].items()},
        basis=tuple(_to_basis(each) for each in document["basis"]),
        sections=tuple(
            Section(_text(each["title"]), tuple(_to_block(block, figures) for block in each["blocks"]))
            for each in document["sections"]
        ),
        sources=tuple(
            Source(
                each["name"], each["sql"], {name: _text(value) for name, value in each["parameters"].items()}
            )
            for each in document["sources"]
        ),
        by=_text(document["by"]),
        draft=document["draft"] is True,
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _plain(value: Recorded) -> object:
    return list(value) if isinstance(value, tuple) else value


def _figure(figure: Figure) -> dict[str, Any]:
    interval = figure.interval
    return {
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "source": figure.source,
        "how": figure.how,
        "interval": None
        if interval is None
        else {"low": interval.low, "high": interval.high, "level": interval.level, "method": interval.method},
        "absent": figure.absent,
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"type": "text", "text": block.text}
        case Notice():
            return {"type": "notice", "level": block.level, "text": block.text}
        case Table():
            rows = [
                [cell if isinstance(cell, str) else {"figure": cell.name} for cell in row]
                for row in block.rows
            ]
            return {
                "type": "table",
                "title": block.title,
                "columns": list(block.columns),
                "rows": rows,
                "note": block.note,
            }
        case Chart():
            series = [
                {
                    "name": each.name,
                    "values": list(each.values),
                    "low": list(each.low),
                    "high": list(each.high),
                }
                for each in block.series
            ]
            return {
                "type": "chart",
                "kind": block.kind,
                "title": block.title,
                "alt": block.alt,
                "labels": list(block.labels),
                "series": series,
                "unit": block.unit,
                "thresholds": [{"name": name, "value": value} for name, value in block.thresholds],
            }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return value


def _scalar(value: Any) -> Any:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise TypeError(f"{str(value)[:40]!r} is no single value")
    return value


def _to_option(value: Any) -> Recorded:
    return tuple(_scalar(each) for each in value) if isinstance(value, list) else _scalar(value)


def _to_basis(each: Mapping[str, Any]) -> LogBasis:
    texts = (_text(each[name]) for name in ("chain", "root", "checkpoint"))
    return LogBasis(_text(each["log"]), _text(each["origin"]), int(each["size"]), *texts)


def _to_figure(each: Mapping[str, Any]) -> Figure:
    interval = each["interval"]
    return Figure(
        name=_text(each["name"]),
        value=_scalar(each["value"]),
        unit=_text(each["unit"]),
        source=_text(each["source"]),
        how=_text(each["how"]),
        interval=None
        if interval is None
        else Interval(
            float(interval["low"]),
            float(interval["high"]),
            float(interval["level"]),
            _text(interval["method"]),
        ),
        absent=_text(each["absent"]),
    )


def _to_block(each: Mapping[str, Any], figures: Mapping[str, Figure]) -> Block:
    match each["type"]:
        case "text":
            return Text(_text(each["text"]))
        case "notice":
            if each["level"] not in ("note", "warning", "gap"):
                raise ValueError(f"notice of level {str(each['level'])[:40]!r}")
            return Notice(_text(each["text"]), each["level"])
        case "table":
            rows = tuple(
                tuple(cell if isinstance(cell, str) else figures[cell["figure"]] for cell in row)
                for row in each["rows"]
            )
            columns = tuple(map(_text, each["columns"]))
            return Table(_text(each["title"]), columns, rows, _text(each["note"]))
        case "chart":
            if each["kind"] not in ("line", "bars", "intervals"):
                raise ValueError(f"chart of kind {str(each['kind'])[:40]!r}")
            return Chart(
                _text(each["title"]),
                _text(each["alt"]),
                each["kind"],
                tuple(map(_text, each["labels"])),
                tuple(_to_series(one) for one in each["series"]),
                _text(each["unit"]),
                tuple((_text(one["name"]), float(one["value"])) for one in each["thresholds"]),
            )
    raise ValueError(f"block of type {str(each['type'])[:40]!r}")


def _to_series(each: Mapping[str, Any]) -> Series:
    values, low, high = (tuple(map(_number, each[name])) for name in ("values", "low", "high"))
    return Series(_text(each["name"]), values, low, high)


def _number(value: object) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise TypeError(f"{str(value)[:40]!r} is no number")
