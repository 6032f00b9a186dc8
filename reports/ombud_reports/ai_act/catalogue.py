# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The catalogue of duties, `catalogue.toml`, read and held to its form: what it does not know, it refuses."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from ombud_reports.errors import ReportError

Mark = Literal["P", "A", "S"]
Bound = Literal["provider", "deployer", "controller", "commission"]
MARKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "P": "checked against the article's text",
        "A": "as amended in 2026, by reviews that cite the amendment; its text was not read",
        "S": "from a secondary source",
    }
)


class CatalogueInvalid(ReportError):
    """The catalogue is not of its form; names the place, what is there, and what would be right."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text is published."""

    title: str
    celex: str
    official_journal: str = ""
    eli: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """From when a provision applies: one date for all, or one by route of classification."""

    mark: Mark
    source: str
    all_systems: date | None = None
    annex_iii: date | None = None
    annex_i: date | None = None
    on_market_before: date | None = None
    then: date | None = None
    """The date for systems on the market before `on_market_before`."""
    published: str = ""
    """What the text of 2024 said, where another date holds now."""
    note: str = ""

    def of(self, *, annex_i: bool, on_market: date | None = None) -> date:
        """Return the date for a system by its route, and since when it is on the market."""
        before = self.on_market_before
        if self.then is not None and before is not None and on_market is not None and on_market < before:
            return self.then
        found = self.all_systems or (self.annex_i if annex_i else self.annex_iii)
        if found is None:
            raise CatalogueInvalid(f"dates: {self} has no date")
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """One duty: who is bound, from when, what the ledger can give, and what a person must declare."""

    id: str
    paragraph: str
    duty: str
    bound: tuple[Bound, ...]
    applies: str
    mark: Mark
    scope: str = ""
    evidence: tuple[str, ...] = ()
    section: str = ""
    ledger: str = ""
    declare: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """An article, with its lines in order."""

    number: str
    title: str
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        """How it is cited."""
        return self.number if self.number == "GDPR" else f"Article {self.number}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All duties, by article, with their dates and sources."""

    law_as_of: date
    checked: date
    sources: Mapping[str, Source]
    dates: Mapping[str, Start]
    articles: tuple[Article, ...]

    def lines(self) -> Iterator[Line]:
        """Yield every line, in order."""
        for article in self.articles:
            yield from article.lines


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that is part of this package."""
    return parse(files("ombud_reports.ai_act").joinpath("catalogue.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """Read a catalogue; raise `CatalogueInvalid` naming the first place that is not of its form."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueInvalid(f"must be TOML: {error}") from error
    table = _Table("", content)
    sources = {name: _source(each) for name, each in table.tables("sources")}
    dates = {name: _start(each, sources) for name, each in table.tables("dates")}
    seen: set[str] = set()
    articles = tuple(_article(each, dates, seen) for each in table.array("article"))
    found = Catalogue(
        table.day("law_as_of"),
        table.day("checked"),
        MappingProxyType(sources),
        MappingProxyType(dates),
        articles,
    )
    table.done()
    return found


class _Table:
    """One table that is being read; `done` refuses the keys that nobody asked for."""

    def __init__(self, place: str, content: Any) -> None:
        if not isinstance(content, dict):
            raise CatalogueInvalid(f"{place}: is {content!r}, must be a table")
        self.place = place
        self._left = dict(content)

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._take(key, str, default))

    def one_of(self, key: str, known: tuple[str, ...]) -> Any:
        found = self.text(key)
        if found not in known:
            raise CatalogueInvalid(f"{self._at(key)}: is {found!r}, must be one of {', '.join(known)}")
        return found

    def day(self, key: str) -> date:
        found: date = self._take(key, date)
        return found

    def maybe_day(self, key: str) -> date | None:
        return self.day(key) if key in self._left else None

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._take(key, list, [])
        if not all(isinstance(each, str) for each in found):
            raise CatalogueInvalid(f"{self._at(key)}: is {found!r}, must be a list of texts")
        return tuple(found)

    def tables(self, key: str) -> Iterator[tuple[str, _Table]]:
        for name, content in self._take(key, dict).items():
            yield name, _Table(f"{self._at(key)}.{name}", content)

    def array(self, key: str) -> Iterator[_Table]:
        for index, content in enumerate(self._take(key, list)):
            yield _Table(f"{self._at(key)}[{index}]", content)

    def done(self) -> None:
        if self._left:
            raise CatalogueInvalid(f"{self._at(next(iter(self._left)))}: is not a known key")

    def _take(self, key: str, kind: type, default: Any = None) -> Any:
        found = self._left.pop(key, default)
        if type(found) is not kind:
            what = "must be given" if found is None else f"is {found!r}, must be a {kind.__name__}"
            raise CatalogueInvalid(f"{self._at(key)}: {what}")
        return found

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def _source(table: _Table) -> Source:
    found = Source(
        table.text("title"), table.text("celex"), table.text("official_journal", ""), table.text("eli", "")
    )
    table.done()
    return found


def _start(table: _Table, sources: Mapping[str, Source]) -> Start:
    found = Start(
        mark=table.one_of("mark", get_args(Mark)),
        source=table.one_of("source", tuple(sources)),
        all_systems=table.maybe_day("from"),
        annex_iii=table.maybe_day("annex_iii"),
        annex_i=table.maybe_day("annex_i"),
        on_market_before=table.maybe_day("on_market_before"),
        then=table.maybe_day("then"),
        published=table.text("published", ""),
        note=table.text("note", ""),
    )
    table.done()
    by_route = found.annex_iii is not None and found.annex_i is not None
    if by_route == (found.all_systems is not None):
        raise CatalogueInvalid(f"{table.place}: must have either from, or annex_iii and annex_i")
    if (found.on_market_before is None) != (found.then is None):
        raise CatalogueInvalid(f"{table.place}: must have on_market_before and then together")
    return found


def _article(table: _Table, dates: Mapping[str, Start], seen: set[str]) -> Article:
    number, title = table.text("number"), table.text("title")
    lines = tuple(_line(each, dates, seen) for each in table.array("line"))
    table.done()
    return Article(number, title, lines)


def _line(table: _Table, dates: Mapping[str, Start], seen: set[str]) -> Line:
    bound = table.texts("bound")
    if not bound or not set(bound) <= set(get_args(Bound)):
        raise CatalogueInvalid(f"{table.place}.bound: is {bound!r}, must be of {', '.join(get_args(Bound))}")
    found = Line(
        id=table.text("id"),
        paragraph=table.text("paragraph"),
        duty=table.text("duty"),
        bound=bound,  # type: ignore[arg-type]
        applies=table.one_of("applies", tuple(dates)),
        mark=table.one_of("mark", get_args(Mark)),
        scope=table.text("scope", ""),
        evidence=table.texts("evidence"),
        section=table.text("section", ""),
        ledger=table.text("ledger", ""),
        declare=table.text("declare", ""),
    )
    table.done()
    if found.id in seen:
        raise CatalogueInvalid(f"{table.place}.id: is {found.id!r}, which another line has")
    seen.add(found.id)
    return found
