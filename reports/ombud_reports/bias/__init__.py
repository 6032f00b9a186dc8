# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Bias: how answers are spread over groups, before and after human review, and by policy."""

from __future__ import annotations

from ombud_reports.bias import asked as asking
from ombud_reports.bias import joined as joining
from ombud_reports.bias import pages
from ombud_reports.bias.asked import Asked
from ombud_reports.bias.cells import Cells
from ombud_reports.bias.joined import Joined
from ombud_reports.contract import Contract, contract_of
from ombud_reports.kinds import Given, Kind, Options
from ombud_reports.known import known
from ombud_reports.monitoring import Monitoring, parse
from ombud_reports.population import Population, population
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Notice, Section, Table, Text
from ombud_reports.rows import Calls, Windows

__all__ = ["KIND", "build"]

_LABELS = "SELECT count(*) AS labels FROM labels WHERE system = $system"
_ARTICLE_4A = (
    "Special categories of personal data may be processed to detect and correct bias only under the "
    "conditions of "
    "EU AI Act Article 4a (formerly 10(5)), beside GDPR Article 9; it permits, it does not oblige. "
    "What was stated:"
)


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Count a window's answers by group. Raises OptionInvalid, and what `Reading.ask` raises."""
    # 1. Whom to compare, and by what.
    system = known(reading)
    contract, limits = contract_of(reading, system), parse(system.section("monitoring"))
    given = options["joined"]
    joined = joining.lend(reading, given) if isinstance(given, Given) else None
    asked = asking.read(options, contract, joined, limits)
    begin, end = reading.window.begin, reading.window.end
    windows = Windows(begin, begin, begin, end)
    found = population(reading, windows)
    stated = _stated(options, asked, joined)
    if not found.facts[1]:
        return (
            stated,
            Section("Who is counted", (Notice("There are no typed facts in this window.", "gap"),)),
        )
    # 2. Count.
    calls = Calls(reading, windows, found.version, asked.highest_attempt)
    score = next(iter((*contract.of_role("score"), *contract.of_role("confidence"))), None)
    cells = Cells(calls, asked, joined, score)
    answers = cells.answers()
    (labels,) = reading.ask("labels", _LABELS)
    labelled = cells.labelled() if labels["labels"] else ()
    called, hits = cells.asked(), cells.hits()
    # 3. The pages.
    reviewed: list[Block] = [
        Text(
            "Before is the model's answer, after is what left the gateway: an answer that a human "
            "rejected, or that "
            "still waits, did not leave. Calls that were held before the model was asked stand under "
            "Policies. "
            "What a human decided outside of the gateway is not in it."
        )
    ]
    by_policy: list[Block] = []
    sets = [pages.Chosen(places, asked, limits) for places in asked.sets]
    for chosen in sets:
        reviewed += pages.review(chosen, answers)
        by_policy += pages.policies(chosen, called, hits)
    return (
        stated,
        Section("Who is counted", (*pages.limits_of(asked), *_counted(found, asked, limits, contract))),
        *(pages.by_attribute(chosen, answers, labelled, score) for chosen in sets),
        Section("Human review", tuple(reviewed)),
        Section("Policies", tuple(by_policy) or (Text("No policy denied or held a call of this window."),)),
    )


def _stated(options: Options, asked: Asked, joined: Joined | None) -> Section:
    rows = [("Legal basis", str(options["legal_basis"])), ("Access", str(options["access"]))]
    names = ", ".join(f"{each.name} ({'file' if each.joined else 'contract'})" for each in asked.attributes)
    rows.append(("Attributes", names))
    if joined is not None:
        rows.append(("Joined file, SHA-256", joined.digest))
        rows.append(("Its columns", ", ".join((joined.key, *joined.attributes))))
        rows.append(("Its rows", f"{joined.rows:,}"))
    blocks = (Text(_ARTICLE_4A), Table("Basis and access, as stated", ("What", "Stated"), tuple(rows)))
    return Section("Basis and access", blocks)


def _counted(found: Population, asked: Asked, limits: Monitoring, contract: Contract) -> tuple[Block, ...]:
    counts = found.counts[1]
    rows = tuple((row[0], row[2]) for row in found.table().rows)
    unit = (
        "Each case counts once, by its last answer."
        if asked.cases
        else "Each call counts, on its first attempt."
    )
    if asked.highest_attempt > 1:
        unit = "Each call counts, retried attempts as well."
    blocks: list[Block] = [Text(unit), Table("What is counted", ("", "Window"), rows)]
    several = counts["calls"] - counts["without_case"] - counts["cases"]
    unsure = counts["cases"] // 20 if found.cases_estimated else 0
    if not asked.cases and several > unsure:
        blocks.append(
            Notice(
                f"{counts['calls']:,} calls are of {counts['cases']:,} cases: a case that was asked "
                f"about several times "
                "counts several times. With --unit cases each counts once.",
                "warning",
            )
        )
    if contract.others:
        blocks.append(
            Notice(f"{contract.others} other contracts typed calls: columns of the same name are one here.")
        )
    blocks.append(limits.table("bias", "least"))
    return tuple(blocks)


KIND = Kind(
    name="bias",
    title="Bias",
    about="How answers are spread over groups of people, before and after human review, and by policy.",
    build=build,
    options=asking.OPTIONS,
)
