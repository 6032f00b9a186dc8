# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What an `ai-act` document rests on: what people declared, what the ledger gives, each duty's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ombud_reports.ai_act.catalogue import Catalogue, Line, catalogue
from ombud_reports.ai_act.declared import Declared
from ombud_reports.ai_act.measure import Measured, measure
from ombud_reports.ai_act.measures import MEASURES
from ombud_reports.ai_act.measures.agreement import agreement
from ombud_reports.ai_act.scope import Facing
from ombud_reports.ai_act.states import Assessed, assess
from ombud_reports.known import Known, known
from ombud_reports.reading import Reading

_MONTHLY: Final = 62
"""Days of a window beyond which coverage is told by month, not by day."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One system in one window; `on` is the day by which dates of application are judged."""

    catalogue: Catalogue
    known: Known
    facing: Facing
    measured: Mapping[str, Measured]
    assessed: Mapping[str, Assessed]
    on: date

    def number(self, name: str) -> str:
        """Return how a measure is referred to in the document: E1, E2, ..."""
        return f"E{[*self.measured].index(name) + 1}"

    def refer(self, *names: str) -> str:
        """Refer to measures that found something; a dash where none did."""
        found = [self.number(name) for name in names if self.measured[name].present]
        return ", ".join(found) or "–"

    def of(self, line: Line) -> Assessed:
        """Return the state of a line."""
        return self.assessed[line.id]


def gather(reading: Reading, *, readable_seconds: float) -> Evidence:
    """Ask the ledger for all of it. Raises what `Reading.ask` raises."""
    found = known(reading)
    facing = facing_of(found)
    window = reading.window
    parameters: dict[str, str | float] = {
        "readable_seconds": readable_seconds,
        "roster": "\n".join(who for each in facing.declared.items("oversight") for who in each.texts("who")),
        "grain": "month" if (window.end - window.begin).days > _MONTHLY else "day",
    }
    measured = {each.name: measure(reading, each, parameters) for each in MEASURES}
    agreed = agreement(reading, found)
    measured[agreed.measure.name] = agreed
    duties, on = catalogue(), window.end.date()
    present = {name: each.present for name, each in measured.items()}
    assessed = {line.id: assess(line, facing, duties, present=present, on=on) for line in duties.lines()}
    return Evidence(duties, found, facing, measured, assessed, on)


def facing_of(found: Known) -> Facing:
    """Return what duties hang on, from a system as the ledger knows it."""
    return Facing(Declared(found.section("ai_act")), found.risk, found.owner, found.purpose)
