# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Service level objectives that a system file declares under `slos`, and what is left of their error budget.

Each says which share of something is to be good. The error budget is the rest: at 99 %, one in a hundred may
be bad; what was bad uses it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ombud_reports.known import Known
from ombud_reports.operations import statements as asked
from ombud_reports.operations.measured import Measures
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Figure, Notice, Table, Text

_UNITS: Final = {"within_ms": 1_000, "within_minutes": 60_000_000}


@dataclass(frozen=True, slots=True)
class _Objective:
    """What is good, and the share that is to be; the figures it is counted from."""

    name: str
    what: str
    share: float
    good: int
    whole: int
    source: str


def objectives(reading: Reading, known: Known, measures: Measures) -> tuple[Block, ...]:
    """Hold the window to the objectives of the system file."""
    declared = known.section("slos")
    if not declared:
        why = known.why or "its file has no section `slos`"
        return (Notice(f"No objective is held against this window: {why}.", "note"),)
    found = []
    for name, said in sorted(declared.items()):
        objective = _objective(reading, str(name), said, measures)
        if objective is not None:
            found.append(objective)
    intro = Text(
        "Objectives are the system file's own. The error budget is what may be bad: an objective of 99 % lets"
        " one in a hundred be. More than all of it used means that the objective was missed in this window."
    )
    columns = ("objective", "counted", "good", "aim", "budget used", "met")
    return intro, Table("Objectives and error budgets", columns, tuple(map(_row, found)))


def _objective(reading: Reading, name: str, said: Any, measures: Measures) -> _Objective | None:
    if not isinstance(said, Mapping) or not isinstance(said.get("share"), int | float):
        return None
    share = float(said["share"])
    within = next((int(said[key] * scale) for key, scale in _UNITS.items() if key in said), 0)
    match name:
        case "added_latency":
            (row,) = reading.ask("slo.added_latency", asked.WITHIN_ADDED, within_us=within)
            what = f"calls to which the gateway added at most {within / 1000:g} ms"
            return _Objective(name, what, share, row["within"], row["calls"], "slo.added_latency")
        case "availability":
            calls, failed = _count(measures["calls.calls"]), _count(measures["calls.failed"])
            what = "calls that did not fail: answered, or refused for a reason of policy, contract or caller"
            return _Objective(name, what, share, calls - failed, calls, "calls")
        case "review_turnaround":
            (row,) = reading.ask("slo.review_turnaround", asked.TURNAROUND, within_us=within)
            what = f"reviews that a human settled within {within / 60e6:g} min"
            return _Objective(name, what, share, row["within"], row["reviews"], "slo.review_turnaround")
        case "straight_through":
            straight, cases = _count(measures["cases.straight"]), _count(measures["calls.cases"])
            what = "cases that were answered without asking a human"
            return _Objective(name, what, share, straight, cases, "cases")
    return None


def _row(each: _Objective) -> tuple[str | Figure, ...]:
    name = f"slo.{each.name}"
    none = "nothing was counted in this window"
    whole = Figure(f"{name}.counted", each.whole, "", each.source)
    aim = Figure(f"{name}.aim", each.share, "share", "", "declared in the system file")
    if not each.whole:
        empty = [
            Figure(f"{name}.{one}", None, "", each.source, absent=none) for one in ("good", "used", "met")
        ]
        return each.what, whole, empty[0], aim, *empty[1:]
    good = each.good / each.whole
    budget = (1 - each.share) * each.whole
    bad = each.whole - each.good
    used = bad / budget if budget else None
    how = "bad / ((1 - aim) × counted)"
    spent = "an aim of all leaves no budget"
    return (
        each.what,
        whole,
        Figure(f"{name}.good", good, "share", each.source, "good / counted"),
        aim,
        Figure(f"{name}.used", used, "share", each.source, how, absent="" if used is not None else spent),
        Figure(f"{name}.met", good >= each.share, "", each.source, "good at least as large as aim"),
    )


def _count(figure: Figure) -> int:
    assert isinstance(figure.value, int)  # noqa: S101 - counts are
    return figure.value
