# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The operations report: how a system ran in a window, beside the window of equal length before it."""

from __future__ import annotations

from ombud_reports.kinds import Kind, Options
from ombud_reports.known import Known, known
from ombud_reports.operations import sections
from ombud_reports.operations.measured import before, measure
from ombud_reports.operations.objectives import objectives
from ombud_reports.operations.statements import BEGINS
from ombud_reports.reading import Reading
from ombud_reports.result import Notice, Section, Text


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Return the report's sections."""
    del options
    system = known(reading)
    now = measure(reading, reading.window)
    earlier = before(reading.window)
    (begins,) = reading.ask("ledger.begins", BEGINS)
    then = None
    if begins["first_utc"] is not None and begins["first_utc"] <= earlier.begin.replace(tzinfo=None):
        then = measure(reading, earlier, ".before")
    return (
        Section("Summary", (*_about(system), *sections.summary(now, then, begins["first_utc"]))),
        Section("Calls and verdicts", sections.calls(reading, now)),
        Section("Volume over time", sections.over_time(reading)),
        Section("Time", sections.latency(now)),
        Section("Human review", sections.reviews(reading, now)),
        Section("Cost", sections.cost(now)),
        Section("Objectives", objectives(reading, system, now)),
    )


def _about(system: Known) -> tuple[Text | Notice, ...]:
    if system.why:
        return (Notice(f"What the ledger knows of the system is incomplete: {system.why}.", "gap"),)
    since = f"{system.since:%Y-%m-%d %H:%M:%S} UTC" if system.since else "an unknown time"
    declared = f"Declared since {since}; system file SHA-256 {system.digest}."
    return Text(system.purpose), Text(f"Owner: {system.owner}. {declared}")


KIND = Kind(
    name="operations",
    title="Operations",
    about="How a system ran: time, volume, verdicts, reviews, cost, objectives.",
    build=build,
)
