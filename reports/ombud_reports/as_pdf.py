# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A report as a PDF on A4, for the file: headings, bookmarks, tables over pages, the basis in every foot.

Figures are rounded as on the page; an appendix has each of them exactly, and another the statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import reportlab
from reportlab.graphics import shapes
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Frame,
    KeepTogether,
    LongTable,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus.tableofcontents import TableOfContents

from ombud_reports.as_html import extent, moment_text, numeric_columns, option_text, pieces
from ombud_reports.drawing import COLOURS, WIDTH, Area, Dot, Line, Mark, Words, draw
from ombud_reports.result import Block, Chart, Figure, Notice, Report, Table, Text
from ombud_reports.shown import shown
from ombud_reports.svg import legible

_LEFT: Final = 18 * mm
_ROOM: Final = A4[0] - 2 * _LEFT
_DIGEST: Final = 0.65 * _ROOM
"""The most that a column asks for: what a SHA-256 takes."""
_WHOLE: Final = 12
"""Rows up to which a table stands on one page, if one has the room."""
_FONTS: Final = {
    # DejaVu knows Greek and Cyrillic and comes with most systems; Vera, its origin, comes with reportlab.
    Path("/usr/share/fonts/truetype/dejavu"): ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono"),
    Path(reportlab.__file__).parent / "fonts": ("Vera", "VeraBd", "Vera"),
}
_BODY, _BOLD, _MONO = "OmbudBody", "OmbudBold", "OmbudMono"
_INK, _SOFT, _RULE = colors.HexColor(0x1C2127), colors.HexColor(0x58626E), colors.HexColor(0xC8CED5)
_SERIES: Final = tuple(
    colors.HexColor(each) for each in (0x1F6FB5, 0xC2570C, 0x2C7D4F, 0x8B3F9B, 0x7A6A12, 0xB0305A)
)
_DASHES: Final = (None, [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2])
_NOTICES: Final = {
    "note": ("Note", colors.HexColor(0x1F6FB5), colors.HexColor(0xEFF4F9)),
    "warning": ("Warning", colors.HexColor(0x8A5A00), colors.HexColor(0xFDF5E4)),
    "gap": ("Gap", colors.HexColor(0xA3281F), colors.HexColor(0xFDF0EE)),
}


def to_pdf(report: Report) -> bytes:
    """Return the document. The same report gives the same bytes on the same machine."""
    _register()
    into = BytesIO()
    document = _Document(into, report)
    document.multiBuild(list(_story(report)), canvasmaker=_numbered(report))
    return into.getvalue()


@cache
def _register() -> frozenset[int]:
    """Register the fonts; return the characters that they all have."""
    for folder, names in _FONTS.items():
        if all((folder / f"{name}.ttf").is_file() for name in names):
            break
    fonts = [
        TTFont(as_name, str(folder / f"{name}.ttf"))
        for as_name, name in zip((_BODY, _BOLD, _MONO), names, strict=True)
    ]
    for font in fonts:
        pdfmetrics.registerFont(font)
    return frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in fonts))


def _drawable(text: str) -> str:
    """Show what the fonts have no shape for by its number, rather than as an empty box."""
    known = _register()
    return "".join(
        char if ord(char) in known or char == "\n" else char.encode("unicode_escape").decode()
        for char in legible(text)
    )


def _marked(text: str) -> str:
    return escape(_drawable(text))


def _style(name: str, **more: Any) -> ParagraphStyle:
    given = {"fontName": _BODY, "fontSize": 9, "leading": 12.5, "textColor": _INK, "spaceAfter": 4, **more}
    return ParagraphStyle(name, **given)


@cache
def _styles() -> dict[str, ParagraphStyle]:
    cells: dict[str, dict[str, Any]] = {
        "cell": {"fontSize": 7.8, "leading": 10, "spaceAfter": 0},
        "absent": {"fontSize": 7.8, "leading": 10, "spaceAfter": 0, "textColor": _SOFT},
        "head": {"fontName": _BOLD, "fontSize": 7.4, "leading": 9.5, "spaceAfter": 0, "textColor": _SOFT},
    }
    return {
        **{name: _style(name, **given) for name, given in cells.items()},
        **{f"{name}-right": _style(name, **given, alignment=TA_RIGHT) for name, given in cells.items()},
        "text": _style("text"),
        "title": _style("title", fontName=_BOLD, fontSize=19, leading=24, spaceAfter=8),
        "h2": _style("h2", fontName=_BOLD, fontSize=13, leading=17, spaceBefore=12, spaceAfter=5),
        "caption": _style("caption", fontName=_BOLD, spaceBefore=6, spaceAfter=3),
        "small": _style("small", fontSize=7.6, leading=10, textColor=_SOFT),
        "code": _style(
            "code",
            fontName=_MONO,
            fontSize=6.4,
            leading=8.4,
            backColor=colors.HexColor(0xF4F6F8),
            borderPadding=3,
        ),
        "toc": _style("toc", leading=14),
    }


class _Document(BaseDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """Notes headings for contents and bookmarks as they are laid out."""

    def __init__(self, into: BytesIO, report: Report) -> None:
        super().__init__(
            into,
            pagesize=A4,
            leftMargin=_LEFT,
            rightMargin=_LEFT,
            topMargin=20 * mm,
            bottomMargin=24 * mm,
            title=_drawable(report.title),
            author="Ombud",
            subject=_drawable(extent(report)),
            lang="en",
            invariant=1,
        )
        frame = Frame(_LEFT, 24 * mm, _ROOM, A4[1] - 44 * mm, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate("page", [frame]))

    def afterFlowable(self, flowable: Any) -> None:  # noqa: N802 - reportlab's name
        """Follow the layout."""
        key = getattr(flowable, "ombud_key", None)
        if key is not None:
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, 0)
            self.notify("TOCEntry", (0, escape(flowable.getPlainText()), self.page, key))


def _numbered(report: Report) -> type[Canvas]:
    """Make a canvas that says on every page what page of how many it is, and what it rests on."""
    lines = [
        f"{each.log}: {each.size:,} entries, {'root ' + each.root if each.root else 'chain ' + each.chain}"
        for each in report.basis[:2]
    ]
    if len(report.basis) > 2:
        lines.append(f"and {len(report.basis) - 2} logs more")

    class Numbered(Canvas):  # type: ignore[misc]  # reportlab has no types
        def __init__(self, *args: Any, **given: Any) -> None:
            super().__init__(*args, **given)
            self._kept: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - reportlab's name
            self._kept.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._kept, 1):
                self.__dict__.update(page)
                self._furnish(number, len(self._kept))
                super().showPage()
            super().save()

        def _furnish(self, number: int, total: int) -> None:
            self.setStrokeColor(_RULE)
            self.line(_LEFT, 19 * mm, A4[0] - _LEFT, 19 * mm)
            self.setFillColor(_SOFT)
            self.setFont(_BODY, 6.6)
            self.drawString(_LEFT, 15.5 * mm, _drawable(report.title)[:100])
            self.drawRightString(A4[0] - _LEFT, 15.5 * mm, f"Page {number} of {total}")
            self.setFont(_BODY, 5.8)
            for at, line in enumerate(lines):
                self.drawString(_LEFT, (12.3 - 2.8 * at) * mm, _drawable(line)[:130])
            if report.draft:
                self.setFillColor(_NOTICES["gap"][1])
                self.setFont(_BOLD, 9)
                self.drawString(_LEFT, A4[1] - 13 * mm, "DRAFT, NOT RECORDED")

    return Numbered


def _story(report: Report) -> Iterator[Any]:
    styles = _styles()
    yield Paragraph(_marked(report.title), styles["title"])
    about = [
        ("System", report.system),
        ("Window", f"{moment_text(report.window.begin)} until before {moment_text(report.window.end)}"),
        *([("Made by", report.by)] if report.by else []),
        ("Rests on", extent(report)),
        *((name, option_text(value)) for name, value in report.options.items()),
    ]
    yield _grid(
        [
            [Paragraph(_marked(name), styles["head"]), Paragraph(_marked(value), styles["cell"])]
            for name, value in about
        ],
        [30 * mm, _ROOM - 30 * mm],
        head=0,
    )
    yield Spacer(1, 8)
    yield Paragraph("Contents", styles["caption"])
    contents = TableOfContents(dotsMinLevel=0)
    contents.levelStyles = [styles["toc"]]
    yield contents
    for number, section in enumerate(report.sections, 1):
        yield CondPageBreak(40 * mm)
        # A heading stays with what follows it.
        groups = [group for block in section.blocks for group in _block(block)]
        first, *others = groups or [[]]
        yield KeepTogether([_heading(section.title, f"section-{number}"), *first])
        for group in others:
            yield from group if len(group) == 1 else [KeepTogether(group)]
    yield from _appendices(report)


def _heading(title: str, key: str) -> Paragraph:
    heading = Paragraph(_marked(title), _styles()["h2"])
    heading.ombud_key = key
    return heading


def _block(block: Block) -> Iterator[list[Any]]:
    """Yield what a block is laid out as, by groups that a page does not part."""
    styles = _styles()
    match block:
        case Text():
            yield [Paragraph(_inline(block.text), styles["text"])]
        case Notice():
            word, ink, wash = _NOTICES[block.level]
            style = _style(
                f"notice-{block.level}",
                backColor=wash,
                borderPadding=(4, 6, 5, 6),
                leftIndent=6,
                rightIndent=6,
                spaceBefore=10,
                spaceAfter=12,
            )
            colour = f"#{ink.hexval()[2:]}"
            said = f'<font name="{_BOLD}" color="{colour}">{word}</font> {_inline(block.text)}'
            yield [Paragraph(said, style)]
        case Table():
            yield from _table(block)
        case Chart():
            title, alt = Paragraph(_marked(block.title), styles["caption"]), _marked(block.alt)
            chart = [title, _legend(block), _drawn(block), Paragraph(alt, styles["small"])]
            yield [each for each in chart if each]


def _inline(text: str) -> str:
    return "".join(
        f'<font name="{_MONO}">{_marked(piece)}</font>' if code else _marked(piece)
        for code, piece in pieces(text)
    )


def _table(table: Table) -> Iterator[list[Any]]:
    styles = _styles()
    numeric = numeric_columns(table)
    texts = [[cell if isinstance(cell, str) else shown(cell) for cell in row] for row in table.rows]
    head = [
        Paragraph(_marked(text), styles["head-right" if right else "head"])
        for text, right in zip(table.columns, numeric, strict=True)
    ]
    rows = [
        [
            Paragraph(_marked(text), styles[_cell_style(cell, right)])
            for text, cell, right in zip(line, row, numeric, strict=True)
        ]
        for line, row in zip(texts, table.rows, strict=True)
    ]
    if not rows:
        rows, texts = (
            [[Paragraph("nothing to show", styles["absent"]), *[""] * (len(head) - 1)]],
            [["nothing to show"]],
        )
        texts[0] += [""] * (len(head) - 1)
    caption = Paragraph(_marked(table.title), styles["caption"])
    grid = _grid([head, *rows], _widths(table.columns, texts), head=1)
    note = [Spacer(1, 3), Paragraph(_inline(table.note), styles["small"])] if table.note else []
    if len(rows) <= _WHOLE:
        yield [caption, grid, *note, Spacer(1, 5)]
    else:
        yield [CondPageBreak(22 * mm), caption]
        yield [grid]
        yield [*note, Spacer(1, 5)]


def _cell_style(cell: str | Figure, right: bool) -> str:
    style = "absent" if isinstance(cell, Figure) and cell.value is None else "cell"
    return f"{style}-right" if right else style


def _widths(columns: tuple[str, ...], rows: list[list[str]]) -> list[float]:
    """Share the room: each column has what its longest word needs, and of the rest as its texts are long."""
    pad = 9.0  # the right padding, and what rounding takes
    wide, least = [], []
    for at, column in enumerate(columns):
        texts = [row[at] for row in rows]
        wide.append(min(max([_wide(column, _BOLD), *map(_wide, texts)]), _DIGEST) + pad)
        words = [_wide(word) for text in texts for word in text.split()]
        longest = max([_wide(word, _BOLD) for word in column.split()] + words, default=0.0)
        least.append(min(longest + pad, wide[-1], _ROOM / len(columns) * 1.4))
    if sum(wide) <= _ROOM:
        return wide
    left = max(_ROOM - sum(least), 0)
    more = [each - low for each, low in zip(wide, least, strict=True)]
    found = [low + left * extra / (sum(more) or 1) for low, extra in zip(least, more, strict=True)]
    return [each * min(_ROOM / sum(found), 1) for each in found]


def _wide(text: str, font: str = _BODY) -> float:
    return float(pdfmetrics.stringWidth(_drawable(text), font, 7.8))


def _grid(rows: list[list[Any]], widths: list[float], *, head: int) -> LongTable:
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 7),
        ("TOPPADDING", (0, 0), (-1, -1), 2.4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.8),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
    ]
    if head:
        style.append(("LINEBELOW", (0, 0), (-1, 0), 0.8, _SOFT))
    return LongTable(rows, widths, repeatRows=head, splitInRow=1, hAlign="LEFT", style=style)


def _legend(chart: Chart) -> Paragraph | None:
    if len(chart.series) < 2:
        return None
    parts = [
        f'<font color="#{_SERIES[at % COLOURS].hexval()[2:]}">■</font> {_marked(series.name)}'
        for at, series in enumerate(chart.series)
    ]
    square = ord("■") in _register()
    return Paragraph(
        "   ".join(parts if square else [part.replace("■", "—") for part in parts]), _styles()["small"]
    )


def _drawn(chart: Chart) -> Any:
    drawing = draw(chart)
    scale = min(_ROOM / WIDTH, 1.0)
    found = shapes.Drawing(WIDTH * scale, drawing.height * scale)
    group = shapes.Group(transform=(scale, 0, 0, scale, 0, 0))
    for mark in drawing.marks:
        group.add(_shape(mark, drawing.height))
    found.add(group)
    return found


def _shape(mark: Mark, height: float) -> Any:
    match mark:
        case Line():
            points = [part for x, y in mark.points for part in (x, height - y)]
            colour = {"axis": _SOFT, "grid": _RULE, "whisker": _INK, "threshold": _NOTICES["gap"][1]}
            series = mark.role == "series"
            return shapes.PolyLine(
                points,
                strokeColor=_SERIES[mark.series % COLOURS] if series else colour[mark.role],
                strokeWidth=1.6 if series else 0.7,
                strokeDashArray=_DASHES[mark.series % COLOURS]
                if series
                else [5, 3]
                if mark.role == "threshold"
                else None,
            )
        case Area():
            points = [part for x, y in mark.points for part in (x, height - y)]
            opacity = 0.16 if mark.role == "band" else None
            return shapes.Polygon(
                points, fillColor=_SERIES[mark.series % COLOURS], fillOpacity=opacity, strokeColor=None
            )
        case Dot():
            return shapes.Circle(
                mark.x, height - mark.y, 2.2, fillColor=_SERIES[mark.series % COLOURS], strokeColor=None
            )
        case Words():
            tick = mark.role == "tick"
            return shapes.String(
                mark.x,
                height - mark.y,
                _drawable(mark.text),
                textAnchor=mark.anchor,
                fontName=_BODY,
                fontSize=8 if tick else 9,
                fillColor=_SOFT if tick else _INK,
            )


def _appendices(report: Report) -> Iterator[Any]:
    styles = _styles()
    yield CondPageBreak(40 * mm)
    yield _heading("What this rests on, exactly", "basis")
    for log in report.basis:
        kept = [
            ("Log", log.log),
            ("Origin", log.origin),
            ("Size", f"{log.size:,} entries"),
            ("Chain", log.chain),
        ]
        kept += [("Merkle root", log.root), ("Checkpoint", log.checkpoint)] if log.root else []
        rows = [
            [
                Paragraph(name, styles["head"]),
                Paragraph(_marked(value).replace("\n", "<br/>"), styles["cell"]),
            ]
            for name, value in kept
        ]
        yield _grid(rows, [30 * mm, _ROOM - 30 * mm], head=0)
        yield Spacer(1, 4)
    command = f'<font name="{_MONO}">ombud ledger verify PATH</font>'
    again = f'<font name="{_MONO}">ombud report verify FILE PATH</font>'
    yield Paragraph(
        f"PATH being the ledger's folder, {command} checks the ledger, and {again} computes every figure"
        " again from it; FILE is the page or the JSON that came with this document.",
        styles["text"],
    )
    yield CondPageBreak(40 * mm)
    yield _heading("Figures, exactly", "figures")
    figures = [
        (
            figure.name,
            f"none: {figure.absent}" if figure.value is None else str(figure.value),
            figure.unit,
            figure.source,
        )
        for figure in report.figures()
    ]
    columns = ("figure", "value", "unit", "statement")
    head = [Paragraph(text, styles["head"]) for text in columns]
    cells = [[Paragraph(_marked(text), styles["cell"]) for text in row] for row in figures]
    yield _grid([head, *cells], _widths(columns, [list(row) for row in figures]), head=1)
    yield CondPageBreak(40 * mm)
    yield _heading("Statements", "statements")
    for source in report.sources:
        yield CondPageBreak(25 * mm)
        yield Paragraph(_marked(source.name), styles["caption"])
        given = [f"${name} = {value}" for name, value in source.parameters.items()]
        lines = [_marked(line).replace(" ", "&nbsp;") for line in (*source.sql.split("\n"), "", *given)]
        yield Paragraph("<br/>".join(lines).strip(), styles["code"])
