# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Reports as JSON, HTML and PDF: what stands where, and that no text becomes anything else."""

from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from ombud_reports import ReportUnreadable, Source, from_json, read_report, to_html, to_json, to_pdf
from ombud_reports.as_html import command
from ombud_reports.drawing import WIDTH, Area, Dot, Line, Words, draw
from ombud_reports.result import Chart, Series
from ombud_reports.shown import number, quantity
from reports.samples import NASTY, report

VOID = {"meta", "circle", "polyline", "polygon", "wbr"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and demands that tags are closed as they were opened."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text, but for the data that the page carries."""
        if self._open and self._open[-1] not in ("script", "style"):
            self.text.append(data)


def schema() -> Draft202012Validator:
    """The committed schema."""
    text = (files("ombud_reports") / "report.schema.json").read_text()
    return Draft202012Validator(json.loads(text))


@pytest.mark.parametrize("text", ["plain", *NASTY])
def test_json_round_trips_and_is_as_the_schema_says(text: str) -> None:
    """What is read is what was written; no byte of it means anything to HTML."""
    data = to_json(report(text))
    assert report(text) == from_json(data)
    assert data == to_json(from_json(data))
    assert [error.message for error in schema().iter_errors(json.loads(data))] == []
    assert not set(b"<>&") & set(data)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "ombud-report/2"},
        {"figures": []},
        {"sections": [{"title": "x", "blocks": [{"type": "script", "text": "x"}]}]},
        {"basis": None},
        {"window": {"from": "yesterday", "to": "today"}},
        {"options": {"a": {"b": 1}}},
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, object]) -> None:
    """Unknown formats, figures that are missing, blocks that nobody knows."""
    document = json.loads(to_json(report())) | change
    with pytest.raises(ReportUnreadable):
        from_json(json.dumps(document).encode())


def test_the_page_has_what_a_reader_needs() -> None:
    """Contents, basis, notices, statements with commands, figures rounded and exact, charts in words."""
    page = Page(to_html(report()))
    text = " ".join(" ".join(page.text).split())
    for part in (
        "What this rests on", "ombud ledger verify PATH", "ombud report verify FILE PATH", "12 entries",
        "cd" * 32, "12.35 % (10 % to 15 %, 95%)", "0.1234567 share", "1,234,567 plain", "Gap",
        "SELECT 'plain'", "-p system=plain", "--as-of r0-0.checkpoint", "2026-01-31 12:00:00.000123 UTC",
        "Other statements",
    ):  # fmt: skip
        assert part in text, part
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {str(attributes["href"]) for tag, attributes in page.tags if tag == "a"}
    assert {link.removeprefix("#") for link in links} <= anchors
    charts = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    assert [chart["aria-label"] for chart in charts] == ["plain"] * 3
    scopes = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    assert set(scopes) == {"col", "row"}


def test_the_page_needs_nothing_else() -> None:
    """No address, no script that runs, and a policy that would forbid both."""
    page = to_html(report())
    tags = Page(page).tags
    assert {"link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in tags} == set()
    assert [attributes for tag, attributes in tags if tag == "script"] == [
        {"type": "application/json", "id": "report"}
    ]
    assert re.findall(rb"url\(|@import|https?:", page) == []
    (policy,) = (str(of["content"]) for tag, of in tags if of.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("text", NASTY)
def test_hostile_texts_stay_texts(text: str) -> None:
    """The page has the same tags and attributes whatever its texts say; no text turns others around."""
    page, plain = Page(to_html(report(text))), Page(to_html(report("x" * len(text))))
    # How many labels an axis has room for, and where a word may break, depends on the text; nothing else but
    # its length does.
    apart = ("code", "wbr", "text")
    ours = [(tag, sorted(of)) for tag, of in page.tags if tag not in apart]
    assert ours == [(tag, sorted(of)) for tag, of in plain.tags if tag not in apart]
    assert {tuple(of) for tag, of in page.tags if tag == "text"} == {("class", "x", "y", "text-anchor")}
    shown = "".join(page.text)
    assert not set(shown) & set("\u202e\u2028\x00\x1b")
    for svg in re.findall(rb"<svg role=.*?</svg>", to_html(report(text)), re.DOTALL):
        ET.fromstring(svg)  # noqa: S314 - ours


@pytest.mark.parametrize("text", ["plain", *NASTY])
def test_documents_take_any_text(text: str) -> None:
    """A PDF comes of every report, and the same of the same one."""
    first = to_pdf(report(text, draft=True))
    assert first.startswith(b"%PDF-")
    assert first == to_pdf(report(text, draft=True))


def test_a_draft_says_so_on_the_page() -> None:
    """DRAFT, NOT RECORDED stands before everything else, and nowhere on a page that is none."""
    assert "DRAFT, NOT RECORDED" in "".join(Page(to_html(report(draft=True))).text)[:200]
    assert b"DRAFT" not in to_html(report()).split(b"<script")[0].split(b"</style>")[1]


def test_the_page_carries_its_json() -> None:
    """A page is read as the report that it shows."""
    for text in NASTY:
        stored = read_report(to_html(report(text)))
        assert report(text) == stored.report
        assert stored.digest == read_report(to_json(report(text))).digest
    with pytest.raises(ReportUnreadable, match="carries no report"):
        read_report(b"<!doctype html><html></html>")


@pytest.mark.parametrize("text", NASTY)
def test_commands_are_quoted(text: str) -> None:
    """What a shell makes of a command is the statement and its parameters, and nothing else."""
    made = command(Source("s", f"SELECT '{text}'", {"system": text}), report().basis)
    parts = shlex.split(made.replace("\\\n", " "))
    assert parts[:3] == ["ombud", "query", "PATH"]
    assert parts[3] == f"SELECT '{text}'"
    assert parts[5] == f"system={text}"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0, "calls", "0 calls"), (1, "calls", "1 call"), (1, "entries", "1 entry"),
        (1234567, "rows", "1,234,567 rows"),
        (0.12345, "share", "12.35 %"), (1, "share", "100 %"), (999, "us", "999 µs"), (1500, "us", "1.5 ms"),
        (90_000_000, "us", "1.5 min"), (0, "us", "0 s"), (1_500_000, "micro-USD", "1.5 USD"),
        (True, "", "yes"), ("2026-01-31 12:00:00", "UTC", "2026-01-31 12:00:00 UTC"),
        (None, "calls", "none"), (2.5, "", "2.5"), (1e-9, "", "1e-09"), (-0.5, "share", "-50 %"),
    ],
)  # fmt: skip
def test_figures_for_people(value: float | None, unit: str, expected: str) -> None:
    """Units, thousands, and as many digits as count."""
    assert expected == quantity(value, unit)


def test_numbers_keep_four_digits() -> None:
    """Whole numbers stay whole."""
    assert [number(each) for each in (12345.678, 0.000123456, 99.999, 100000)] == [
        "12,346", "0.0001235", "100", "100,000",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["line", "bars", "intervals"])
@pytest.mark.parametrize("values", [(), (0.0,), (5.0, 5.0), (-3.0, None, 4e9), (1e-12, 2e-12)])
def test_charts_stay_in_their_frame(kind: str, values: tuple[float | None, ...]) -> None:
    """Whatever is drawn, every mark lies on the plane."""
    labels = tuple(f"label {at}" for at in range(len(values)))
    drawing = draw(Chart("t", "a", kind, labels, (Series("s", values),), thresholds=(("t", 2.0),)))  # type: ignore[arg-type]
    for mark in drawing.marks:
        match mark:
            case Line() | Area():
                points = mark.points
            case Dot() | Words():
                points = ((mark.x, mark.y),)
        assert all(0 <= x <= WIDTH and 0 <= y <= drawing.height for x, y in points), mark
