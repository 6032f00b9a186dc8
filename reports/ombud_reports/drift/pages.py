# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The sections of the report on drift, from columns that are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from ombud_reports.drift.columns import EFFECTS, Broken, Column
from ombud_reports.drift.days import Days
from ombud_reports.drift.series import HOW, Daily, of_version
from ombud_reports.monitoring import Monitoring
from ombud_reports.population import VERSIONS, Population
from ombud_reports.result import Block, Chart, Figure, Notice, Section, Series, Table, Text

Line = tuple[str | Figure, ...]
_PICTURES: Final = 6
_MOST_VERSIONS: Final = 6
_ABOUT_EFFECTS: Final = (
    "A column counts as moved where an effect size is at or above its threshold and chance is ruled out at "
    "the rate of false discoveries below (Benjamini-Hochberg over all tests of this report). With many rows "
    "chance is always ruled out, and the effect decides; with few rows it is chance that keeps noise out."
)


def summary(columns: Sequence[Column], limits: Monitoring, compared: Section) -> Section:
    """Say how many columns moved, and which."""
    moved = [column for column in columns if column.moved]
    names = ", ".join(column.field.name for column in moved)
    told = [column for column in columns if column.figures["psi"].value is not None]
    text = (
        f"{len(moved)} of {len(columns)} columns moved: {names}."
        if moved
        else f"None of {len(columns)} columns moved, by the thresholds below."
    )
    blocks: list[Block] = [Text(text), Text(_ABOUT_EFFECTS), *compared.blocks]
    if len(told) < len(columns):
        blocks.insert(
            1, Notice(f"Of {len(columns) - len(told)} columns there is no figure; the tables say why.", "gap")
        )
    if told:
        ranked = sorted(told, key=lambda each: (-_number(each.figures["psi"]), each.field.name))[:20]
        values = tuple(_number(each.figures["psi"]) for each in ranked)
        blocks.append(
            Chart(
                "Population stability index by column",
                f"Highest is {ranked[0].field.name} with {values[0]:.3g}; the threshold is {limits.psi:g}.",
                "bars",
                tuple(each.field.name for each in ranked),
                (Series("PSI", values),),
                thresholds=(("threshold", limits.psi),),
            )
        )
    blocks.append(limits.table("drift", "least"))
    return Section("What moved", tuple(blocks))


def distances(title: str, columns: Sequence[Column], breaches: Mapping[str, Broken]) -> Section:
    """Show all figures of some columns."""
    blocks: list[Block] = []
    numbers = [column for column in columns if column.field.numeric]
    categories = [column for column in columns if not column.field.numeric]
    if numbers:
        heads: tuple[str, ...] = ("Column", "PSI", "KS", "W1/sd", "W1", "JS", "p adj.", "Finding")
        keys: tuple[str, ...] = ("psi", "ks", "wasserstein", "w1", "jensen_shannon", "p_adjusted")
        blocks.append(Table("Numbers", heads, tuple((*_row(each, keys), _finding(each)) for each in numbers)))
        heads = ("Column", "Mean, reference", "current")
        blocks.append(Table("Means", heads, tuple(_row(each, _both("mean")) for each in numbers)))
    if categories:
        heads = ("Column", "PSI", "Cramér's V", "JS", "p adj.", "Finding")
        keys = ("psi", "cramers_v", "jensen_shannon", "p_adjusted")
        rows = tuple((*_row(each, keys), _finding(each)) for each in categories)
        blocks.append(Table("Categories", heads, rows))
        blocks += _new_categories(categories)
    heads = ("Column", "Rows, reference", "current", "Missing, reference", "current")
    rows = tuple(_row(each, (*_both("rows"), *_both("missing"))) for each in columns)
    blocks.append(Table("Rows with a value, and missing", heads, rows))
    if broken := [each for each in columns if each.field.name in breaches]:
        heads = ("Column", "Out of contract, reference", "current")
        rows = tuple((each.field.name, *breaches[each.field.name].cells) for each in broken)
        blocks.append(Table("Calls refused for a value out of contract", heads, rows))
    moved = sorted((each for each in columns if each.moved), key=lambda each: -_number(each.figures["psi"]))
    blocks += [chart for each in moved[:_PICTURES] for chart in _distribution(each)]
    return Section(title, tuple(blocks))


def by_day(series: Sequence[Daily], listed: Sequence[date], limits: Monitoring) -> Section:
    """Show PSI over the days, and since when it has been high."""
    text = Text(f"{HOW}. Days with fewer than {limits.least_day:g} rows have no figure.")
    if not series or not listed:
        return Section(
            "Day by day", (text, Notice("No day of the current window has rows to compare.", "gap"))
        )
    ranked = sorted(series, key=lambda each: (not each.column.moved, -_highest(each), each.column.field.name))
    began = Table(
        "Since when",
        ("Column", "Began"),
        tuple((each.column.field.name, each.began) for each in ranked),
        note="The series tells on which day figures crossed the threshold, not why.",
    )
    shown = ranked[:_PICTURES]
    rows: tuple[Line, ...] = tuple(
        (day.isoformat(), *(each.figures[at] for each in shown)) for at, day in enumerate(listed)
    )
    heads = ("Day (UTC)", *(each.column.field.name for each in shown))
    blocks: list[Block] = [text, began, Table("PSI by day, columns with the highest", heads, rows)]
    lines = tuple(
        Series(each.column.field.name, tuple(_value(figure) for figure in each.figures)) for each in shown
    )
    highest = max(shown, key=_highest)
    alt = f"Highest on any day is {highest.column.field.name} with {_highest(highest):.3g}."
    if any(value is not None for line in lines for value in line.values):
        days = tuple(day.isoformat() for day in listed)
        thresholds = (("threshold", limits.psi),)
        blocks.insert(2, Chart("PSI by day", alt, "line", days, lines, thresholds=thresholds))
    return Section("Day by day", tuple(blocks))


def by_version(columns: Sequence[Column], days: Days, population: Population, limits: Monitoring) -> Section:
    """Show answers and PSI by model version."""
    counted: tuple[Line, ...] = tuple(
        (
            name,
            Figure(f"reference.answers.version.{name}", old, "answers", VERSIONS),
            Figure(f"current.answers.version.{name}", new, "answers", VERSIONS),
        )
        for name, old, new in population.versions
    )
    blocks: list[Block] = [Table("Answers by model version", ("Version", "Reference", "Current"), counted)]
    current = [name for name, _, new in population.versions if new][:_MOST_VERSIONS]
    if len(current) < 2:
        blocks.append(
            Text("The current window has answers of one version at most: it is what is shown above.")
        )
        return Section("By model version", tuple(blocks))
    rows: tuple[Line, ...] = tuple(
        (each.field.name, *(of_version(each, days, version, limits) for version in current))
        for each in columns
    )
    blocks.append(Table("PSI by model version, current window", ("Column", *current), rows))
    return Section("By model version", tuple(blocks))


def _row(column: Column, keys: Sequence[str]) -> Line:
    return (column.field.name, *(column.figure(key) for key in keys))


def _finding(column: Column) -> str:
    above = ", ".join(EFFECTS[name] for name in column.above)
    if column.moved:
        return f"moved: {above}"
    return f"may be chance: {above}" if above else ""


def _new_categories(columns: Sequence[Column]) -> Iterator[Block]:
    rows: list[Line] = []
    for each in columns:
        if each.new:
            listed = ", ".join(f"{name} ({count:,})" for name, count in each.new[:20])
            more = f", and {len(each.new) - 20} more" if len(each.new) > 20 else ""
            rows.append((each.field.name, each.figure("new_categories"), listed + more))
    if rows:
        yield Table("New categories", ("Column", "Number", "With their rows"), tuple(rows))


def _distribution(column: Column) -> Iterator[Chart]:
    if column.bins is None:
        return
    old, new = column.bins
    shares = [tuple(float(count) for count in each / each.sum()) for each in (old, new)]
    most = max(range(len(old)), key=lambda at: abs(shares[1][at] - shares[0][at]))
    alt = (
        f"The share of {column.labels[most]} went from {shares[0][most]:.1%} to {shares[1][most]:.1%}; "
        "no other changed more."
    )
    series = (Series("reference", shares[0]), Series("current", shares[1]))
    yield Chart(f"Distribution of {column.field.name}", alt, "bars", column.labels, series, unit="share")


def _highest(each: Daily) -> float:
    return max((_number(figure) for figure in each.figures), default=0.0)


def _value(figure: Figure) -> float | None:
    return float(figure.value) if isinstance(figure.value, int | float) else None


def _number(figure: Figure) -> float:
    return _value(figure) or 0.0


def _both(name: str) -> tuple[str, str]:
    return f"{name}.reference", f"{name}.current"
