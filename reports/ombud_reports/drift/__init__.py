# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Drift: how inputs and answers of a system moved against a reference window."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from ombud_reports.contract import Contract, contract_of
from ombud_reports.drift import asked as asking
from ombud_reports.drift import pages
from ombud_reports.drift.asked import Asked
from ombud_reports.drift.columns import Broken, column, settle
from ombud_reports.drift.days import count, manifold
from ombud_reports.drift.effects import two_shares_p
from ombud_reports.drift.numbers import measure
from ombud_reports.drift.performance import performance
from ombud_reports.drift.series import daily
from ombud_reports.kinds import Kind, Options
from ombud_reports.known import known
from ombud_reports.monitoring import Monitoring, parse
from ombud_reports.population import CALLS, Population, population
from ombud_reports.reading import Reading
from ombud_reports.result import Figure, Notice, Section, Text
from ombud_reports.rows import IN_WINDOWS, Calls

__all__ = ["KIND", "build"]

BREACHES: Final = "breaches"
_BREACHES: Final = f"""
SELECT ts >= $current_from::TIMESTAMP AND ts < $current_to::TIMESTAMP AS current, breach_field,
       count(*) AS calls
FROM entries
WHERE system = $system AND action = 'infer' AND breach_field IS NOT NULL AND {IN_WINDOWS}
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - texts of ours


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Compare a system's calls in two windows. Raises OptionInvalid, and what `Reading.ask` raises."""
    # 1. What to compare: windows, columns, thresholds.
    asked = asking.read(options, reading.window)
    system = known(reading)
    contract, limits = contract_of(reading, system), parse(system.section("monitoring"))
    calls = population(reading, asked.windows)
    if not contract.fields or not any(calls.facts):
        return (_compared(asked, contract, calls), _nothing())
    # 2. Read facts: numbers once, then everything by day in one statement.
    rows = Calls(reading, asked.windows, calls.version, asked.highest_attempt)
    too_many = manifold(rows, contract.fields)
    numbers = [field for field in contract.fields if field.numeric]
    measured = measure(rows, numbers, asked, calls.facts)
    days = count(rows, contract.fields, measured, too_many)
    # 3. Compare column by column, then hold chance against all of them together.
    breaches = _breaches(reading, asked, calls, limits)
    compare = partial(column, days=days, asked=asked, limits=limits)
    columns = settle(
        [
            compare(
                each, measured.get(each.name), broken=breaches.get(each.name), manifold=each.name in too_many
            )
            for each in contract.fields
        ],
        limits,
    )
    # 4. The pages.
    listed = days.current_days()
    told = [each for each in columns if each.bins is not None]
    inputs = [each for each in columns if each.field.side == "input"]
    outputs = [each for each in columns if each.field.side == "output"]
    erased = _erased(days.erased(current=False), days.erased(current=True))
    compared = _compared(asked, contract, calls)
    sections = [
        pages.summary(columns, limits, Section("", (*erased, *compared.blocks))),
        pages.distances("Inputs", inputs, breaches),
        pages.distances("Predictions and confidence", outputs, breaches) if outputs else None,
        pages.by_day([daily(each, days, listed, limits) for each in told], listed, limits),
        pages.by_version(told, days, calls, limits),
        performance(rows, contract, limits),
    ]
    return tuple(section for section in sections if section is not None)


def _compared(asked: Asked, contract: Contract, calls: Population) -> Section:
    windows = asked.windows
    text = (
        f"Reference: {windows.reference_from:%Y-%m-%d %H:%M:%S} to "
        f"{windows.reference_to:%Y-%m-%d %H:%M:%S} UTC. "
        f"Current: {windows.current_from:%Y-%m-%d %H:%M:%S} to {windows.current_to:%Y-%m-%d %H:%M:%S} UTC. "
        f"Columns are those of contract {contract.digest[:16] or '(none)'}."
    )
    blocks: list[Text | Notice] = [Text(text)]
    if contract.others:
        blocks.append(
            Notice(
                f"{contract.others} other contracts typed calls before: columns of the same name are "
                f"taken together."
            )
        )
    return Section("What is compared", (*blocks, calls.table()))


def _erased(reference: int, current: int) -> Sequence[Notice]:
    if not reference + current:
        return ()
    text = (
        f"Erased: {reference:,} rows of the reference, {current:,} of the current window. They are left out."
    )
    return (Notice(text, "gap"),)


def _nothing() -> Section:
    return Section("What moved", (Notice("There are no typed facts to compare in these windows.", "gap"),))


def _breaches(reading: Reading, asked: Asked, calls: Population, limits: Monitoring) -> dict[str, Broken]:
    """Return, by field, the shares of calls that broke its bound in both windows."""
    counted: dict[str, list[int]] = {}
    for row in reading.ask(BREACHES, _BREACHES, **asked.windows.parameters()):
        counted.setdefault(str(row["breach_field"]), [0, 0])[bool(row["current"])] += int(row["calls"])
    sizes = (calls.counts[0]["calls"], calls.counts[1]["calls"])
    few = min(sizes) < max(limits.least_calls, 1)
    found = {}
    for name, (old, new) in counted.items():
        cells = []
        for window, hits, of in zip(("reference", "current"), (old, new), sizes, strict=True):
            least = max(limits.least_calls, 1)
            absent = f"too few: {of} of at least {least:g}" if of < least else ""
            share = None if absent else hits / of
            how = f"{hits:,} of {of:,} calls ({CALLS})"
            cells.append(Figure(f"{name}.breaches.{window}", share, "share", BREACHES, how, absent=absent))
        apart = None if few else abs(new / sizes[1] - old / sizes[0])
        p = None if few else two_shares_p((old, new), sizes)
        found[name] = Broken((cells[0], cells[1]), apart, p)
    return found


KIND = Kind(
    name="drift",
    title="Drift",
    about="How inputs and answers of a system moved against a reference window.",
    build=build,
    options=asking.OPTIONS,
)
