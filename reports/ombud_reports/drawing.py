# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Lays a chart out as lines, boxes and words on a plane, which SVG and PDF draw each in their way. Pure.

Points of the plane; y grows downwards. Series are told apart by colour and by dashes, for who sees no colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ombud_reports.result import Chart, Series
from ombud_reports.shown import number, quantity

WIDTH: Final = 440.0
_TOP, _BOTTOM, _RIGHT = 12.0, 26.0, 14.0
_HEIGHT: Final = 190.0
_ROW: Final = 34.0
_BAR: Final = 10.0
_LETTER: Final = 5.6  # width of a letter, about
_MOST_WORDS: Final = 46
_MOST_TICKS: Final = 5
_SHORT_UNIT: Final = 9  # letters of a unit that stands at every tick; a longer one stands in the title
COLOURS: Final = 6

Role = Literal["axis", "grid", "threshold", "series", "band", "label", "tick", "bar", "dot", "whisker"]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    role: Role
    series: int = 0


@dataclass(frozen=True, slots=True)
class Area:
    """What lies between points."""

    points: tuple[tuple[float, float], ...]
    role: Role
    series: int = 0


@dataclass(frozen=True, slots=True)
class Words:
    """A text; `y` is its baseline."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    role: Role = "label"


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a series."""

    x: float
    y: float
    series: int = 0


Mark = Line | Area | Words | Dot


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as marks, on a plane of WIDTH by `height`; `legend` names the series, in their order."""

    height: float
    marks: tuple[Mark, ...]
    legend: tuple[str, ...]


def draw(chart: Chart) -> Drawing:
    """Lay a chart out."""
    legend = tuple(series.name for series in chart.series) if len(chart.series) > 1 else ()
    if chart.kind == "line":
        return Drawing(_HEIGHT, tuple(_lines(chart)), legend)
    height = _TOP + _BOTTOM + sum(_row(chart) for _ in chart.labels)
    return Drawing(height, tuple(_rows(chart, height)), legend)


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 2)


def _lines(chart: Chart) -> Iterator[Mark]:
    ticks = _ticks(chart)
    left = 10 + _LETTER * max(len(_tick(tick, chart.unit)) for tick in ticks)
    up = _Scale(ticks[0], ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    across = _Scale(0, max(len(chart.labels) - 1, 1), left + 6, WIDTH - _RIGHT)
    for tick in ticks:
        y = up.at(tick)
        yield Line(((left, y), (WIDTH - _RIGHT, y)), "axis" if tick == ticks[0] else "grid")
        yield Words(left - 4, y + 3.5, _tick(tick, chart.unit), "end", "tick")
    yield from _moments(chart.labels, across)
    for name, value in chart.thresholds:
        y = up.at(value)
        yield Line(((left, y), (WIDTH - _RIGHT, y)), "threshold")
        yield Words(WIDTH - _RIGHT, y - 3, _short(name), "end", "tick")
    for which, series in enumerate(chart.series):
        yield from _bands(series, which, across, up)
        for run in _runs(series.values):
            points = tuple((across.at(at), up.at(value)) for at, value in run)
            if len(points) > 1:
                yield Line(points, "series", which)
            if len(points) == 1 or len(chart.labels) <= 31:
                yield from (Dot(x, y, which) for x, y in points)


def _moments(labels: Sequence[str], across: _Scale) -> Iterator[Mark]:
    longest = max((len(label) for label in labels), default=1)
    room = max(int((WIDTH - 60) / (_LETTER * (longest + 2))), 1)
    step = max(math.ceil(len(labels) / room), 1)
    for at in range(0, len(labels), step):
        anchor: Anchor = "start" if at == 0 else "end" if at == len(labels) - 1 else "middle"
        yield Words(across.at(at), _HEIGHT - 8, _short(labels[at]), anchor, "tick")


def _bands(series: Series, number: int, across: _Scale, up: _Scale) -> Iterator[Mark]:
    if not series.low or not series.high:
        return
    both = tuple(
        None if low is None or high is None else (low, high)
        for low, high in zip(series.low, series.high, strict=True)
    )
    run: list[tuple[int, tuple[float, float]]] = []
    for at, each in enumerate((*both, None)):
        if each is not None:
            run.append((at, each))
        elif run:
            above = [(across.at(where), up.at(high)) for where, (_, high) in run]
            below = [(across.at(where), up.at(low)) for where, (low, _) in reversed(run)]
            yield Area((*above, *below), "band", number)
            run = []


def _row(chart: Chart) -> float:
    return _ROW + (len(chart.series) - 1) * (_BAR + 2)


def _rows(chart: Chart, height: float) -> Iterator[Mark]:
    ticks = _ticks(chart)
    across = _Scale(ticks[0], ticks[-1], 8, WIDTH - _RIGHT - 8)
    for tick in ticks:
        x = across.at(tick)
        yield Line(((x, _TOP), (x, height - _BOTTOM)), "grid")
        anchor: Anchor = "start" if tick == ticks[0] else "end" if tick == ticks[-1] else "middle"
        yield Words(x, height - 10, _tick(tick, chart.unit), anchor, "tick")
    for at in range(len(chart.labels)):
        top = _TOP + at * _row(chart)
        for which, series in enumerate(chart.series):
            middle = top + 17 + which * (_BAR + 2) + _BAR / 2
            mark = _Bar(which, series.values[at], middle, across)
            low = series.low[at] if series.low else None
            high = series.high[at] if series.high else None
            yield from mark.marks(low, high, solid=chart.kind == "bars")
    zero = across.at(min(max(0.0, ticks[0]), ticks[-1]))
    yield Line(((zero, _TOP), (zero, height - _BOTTOM)), "axis")
    for name, value in chart.thresholds:
        x = across.at(value)
        yield Line(((x, _TOP), (x, height - _BOTTOM)), "threshold")
        side: Anchor = "end" if x > WIDTH / 2 else "start"
        yield Words(x + (-3 if side == "end" else 3), _TOP - 3, _short(name), side, "tick")
    for at, label in enumerate(chart.labels):  # above all lines, which would strike them through
        yield Words(12, _TOP + at * _row(chart) + 12, _short(label))


@dataclass(frozen=True, slots=True)
class _Bar:
    """One value of a series, as a bar from zero or as a dot, with its interval."""

    series: int
    value: float | None
    middle: float
    across: _Scale

    def marks(self, low: float | None, high: float | None, *, solid: bool) -> Iterator[Mark]:
        middle, across, half = self.middle, self.across, _BAR / 2
        if self.value is None:
            yield Words(12, middle + 3.5, "no figure", "start", "tick")
            return
        x = across.at(self.value)
        if solid:
            zero = across.at(min(max(0.0, across.low), across.high))
            corners = ((zero, middle - half), (x, middle - half), (x, middle + half), (zero, middle + half))
            yield Area(corners, "bar", self.series)
        else:
            yield Dot(x, middle, self.series)
        if low is not None and high is not None:
            begin, end = across.at(low), across.at(high)
            role: Role = "whisker" if solid else "series"
            yield Line(((begin, middle), (end, middle)), role, self.series)
            for edge in (begin, end):
                yield Line(((edge, middle - half + 1), (edge, middle + half - 1)), role, self.series)


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for at, value in enumerate((*values, None)):
        if value is not None:
            run.append((at, value))
        elif run:
            yield run
            run = []


def _ticks(chart: Chart) -> list[float]:
    """Return round values that span what is to be shown; at least two. Lines and bars stand on zero."""
    shown = [value for _, value in chart.thresholds]
    for series in chart.series:
        shown += [
            each for part in (series.values, series.low, series.high) for each in part if each is not None
        ]
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    if chart.kind != "intervals":
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= abs(high) * 1e-9:
        low, high = (low - 0.5, high + 0.5) if low else (0.0, 1.0)
    rough = (high - low) / (_MOST_TICKS - 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * each for each in (1, 2, 2.5, 5, 10) if magnitude * each >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    count = math.ceil(high / step - 1e-9) - first
    return [float(f"{(first + each) * step:.12g}") for each in range(count + 1)]


def _tick(value: float, unit: str) -> str:
    return quantity(value, unit) if len(unit) <= _SHORT_UNIT else number(value)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else text[: _MOST_WORDS - 1] + "…"
