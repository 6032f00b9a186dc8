# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Recompute a report from the ledger, as of the basis that it names, and say what differs.

Counts and texts must be equal. Numbers with a fraction may differ by one part in 10^12: a sum of them depends
on the order in which an engine adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ombud_ledger import Head, query
from ombud_reports.as_html import data_of, to_html
from ombud_reports.as_json import from_json, to_document
from ombud_reports.errors import OptionInvalid, ReportUnreadable
from ombud_reports.kinds import Given, kind_of
from ombud_reports.making import make
from ombud_reports.result import Figure, Report
from ombud_reports.shown import quantity

if TYPE_CHECKING:
    from ombud_ledger import remote

TOLERANCE: Final = 1e-12
_RECORDED: Final = """
SELECT log, seq, ts, coalesce(actor, '') AS actor, coalesce(record->>'$.html', '') AS html
FROM reports WHERE event = 'made' AND digest = $digest ORDER BY ts, log, seq
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A report's file as it was read: the report, the digest of its JSON, and the page if it is one."""

    report: Report
    digest: str
    page: bytes | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as the file says; `recorded` and `recomputed` as people read them."""

    name: str
    recorded: str
    recomputed: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of the ledger that tells of a report."""

    log: str
    seq: int
    ts: datetime
    by: str
    html: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it. `notes` explain; they are no differences."""

    stored: Stored
    figures: int
    differences: tuple[Difference, ...]
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs, and the ledger tells of the report unless it says itself to be a draft."""
        return not self.differences and (bool(self.entries) or self.stored.report.draft)


def read_report(data: bytes) -> Stored:
    """Read a report from its JSON, or from the page that carries it. Raises ReportUnreadable."""
    is_page = data[:64].lstrip().lower().startswith(b"<!doctype html")
    document = data_of(data) if is_page else data
    return Stored(from_json(document), sha256(document).hexdigest(), data if is_page else None)


def verify_report(
    stored: Stored,
    root: Path | remote.RemoteAddress | remote.Thinned,
    *,
    files: Mapping[str, Given] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    **limits: Any,
) -> Verified:
    """Recompute every figure of a report from the ledger at `root`; `limits` are what `query.connect` takes.

    `files` are those the report was given, by option. Raises OptionInvalid where one is missing or another,
    or this version has no such kind of report; NotProven where the ledger does not extend the report's basis;
    LedgerUnreadable.
    """
    report = stored.report
    with _as_of(report, root, limits) as ledger:
        again = make(
            report.kind,
            ledger,
            system=report.system,
            begin=report.window.begin,
            end=report.window.end,
            options=_options(report, files or {}),
            by=report.by,
            draft=report.draft,
            progress=progress,
        )
    with query.connect(root, **limits) as now:
        rows = now.execute(_RECORDED, {"digest": stored.digest}).fetchall()
    entries = tuple(Entry(log, seq, ts.replace(tzinfo=UTC), by, html) for log, seq, ts, by, html in rows)
    differences = [*_figures(report, again), *_words(report, again), *_page(stored, entries)]
    return Verified(
        stored,
        sum(1 for _ in report.figures()),
        tuple(differences),
        entries,
        tuple(_notes(stored, again, entries, bool(differences))),
    )


def _as_of(
    report: Report, root: Path | remote.RemoteAddress | remote.Thinned, limits: Mapping[str, Any]
) -> AbstractContextManager[query.Query]:
    if not report.basis:
        raise ReportUnreadable("the report names no log that it rests on")
    notes = [each.checkpoint.encode() for each in report.basis if each.checkpoint]
    heads = {
        each.log: Head(each.size, bytes.fromhex(each.chain)) for each in report.basis if not each.checkpoint
    }
    return query.connect(root, as_of=notes, heads=heads, **limits)


def _options(report: Report, files: Mapping[str, Given]) -> dict[str, object]:
    """Return a report's options; in place of a file's digest, the file that has it."""
    options: dict[str, object] = dict(report.options)
    for option in kind_of(report.kind).options:
        said = options.get(option.name)
        if option.type != "file" or said is None:
            continue
        given = files.get(option.name)
        if given is None:
            raise OptionInvalid(f"{option.name}: is not given, must be the file of digest {said}")
        if f"sha256:{given.digest}" != said:
            raise OptionInvalid(f"{option.name}: {given.path} is of sha256:{given.digest}, must be of {said}")
        options[option.name] = given
    return options


def _figures(old: Report, new: Report) -> Iterator[Difference]:
    before, after = ({figure.name: figure for figure in report.figures()} for report in (old, new))
    for name, figure in before.items():
        other = after.get(name)
        if other is None:
            yield Difference(name, _said(figure), "no such figure")
        elif not _alike(_numbers(figure), _numbers(other)):
            yield Difference(name, _said(figure), _said(other))
    for name, figure in after.items():
        if name not in before:
            yield Difference(name, "no such figure", _said(figure))


def _words(old: Report, new: Report) -> Iterator[Difference]:
    """Compare all that is no figure: bases, sections, charts. Statements are told of in notes."""
    before, after = to_document(old), to_document(new)
    for part in ("title", "window", "options", "basis"):
        if before[part] != after[part]:
            yield Difference(part, _short(before[part]), _short(after[part]))
    if len(before["sections"]) != len(after["sections"]):
        yield Difference("sections", str(len(before["sections"])), str(len(after["sections"])))
        return
    for one, other in zip(before["sections"], after["sections"], strict=True):
        if not _alike(one, other):
            parts = zip(one["blocks"], other["blocks"], strict=False)
            pair = next((pair for pair in parts if not _alike(*pair)), (one, other))
            yield Difference(f"section {one['title']!r}", _short(pair[0]), _short(pair[1]))


def _page(stored: Stored, entries: tuple[Entry, ...]) -> Iterator[Difference]:
    if stored.page is None or _is_recorded(stored.page, entries):
        return
    if to_html(stored.report) != stored.page:
        what = "is not what this version of Ombud makes of the figures it carries"
        yield Difference("page", what, "")


def _is_recorded(page: bytes, entries: tuple[Entry, ...]) -> bool:
    return sha256(page).hexdigest() in {each.html for each in entries}


def _notes(stored: Stored, again: Report, entries: tuple[Entry, ...], differs: bool) -> Iterator[str]:
    report = stored.report
    if report.draft:
        yield "the report says itself that it is a draft, and was not recorded"
    elif not entries:
        yield f"no entry of the ledger tells of a report of digest {stored.digest}"
    if stored.page is not None and entries:
        known = _is_recorded(stored.page, entries)
        yield f"the page is {'the one' if known else 'not the one'} that the ledger's entry digests"
    changed = [each.name for each in report.sources if each.sql not in {other.sql for other in again.sources}]
    if changed:
        yield f"statements that this version of Ombud asks in another way: {', '.join(changed[:20])}"
    if differs:
        yield from _gone(report, again)


def _gone(old: Report, new: Report) -> Iterator[str]:
    before, after = ({figure.name: figure.value for figure in report.figures()} for report in (old, new))
    for name, what in (
        ("basis.facts_erased", "rows of facts were erased"),
        ("basis.facts", "rows of facts were pruned"),
        ("basis.entries", "entries were pruned"),
    ):
        one, other = before.get(name), after.get(name)
        if isinstance(one, int) and isinstance(other, int):
            gone = other - one if name == "basis.facts_erased" else one - other
            if gone > 0:
                yield f"{gone:,} {what} since: figures that rest on them differ rightly"


def _numbers(figure: Figure) -> list[Any]:
    interval = figure.interval
    bounds = [] if interval is None else [interval.low, interval.high, interval.level]
    return [figure.value, figure.unit, figure.absent, *bounds]


def _alike(one: Any, other: Any) -> bool:
    """Compare what JSON knows: numbers with a fraction by TOLERANCE, all else exactly."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and one == other


def _said(figure: Figure) -> str:
    if figure.value is None:
        return f"none: {figure.absent}"
    shown = quantity(figure.value, figure.unit)
    exact = shown if isinstance(figure.value, str) else repr(figure.value)
    interval = figure.interval
    bounds = "" if interval is None else f", {interval.low!r} to {interval.high!r}"
    return f"{exact} ({shown}){bounds}" if shown != exact else f"{exact}{bounds}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 300 else text[:299] + "…"
