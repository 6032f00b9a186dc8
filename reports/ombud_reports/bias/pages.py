# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The sections of the report on bias, from cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ombud_reports.agreement import MEASURES, selection
from ombud_reports.bias import rates
from ombud_reports.bias.asked import Asked
from ombud_reports.bias.cells import (
    ANSWERS,
    ASKED,
    BINS,
    LABELLED,
    POLICIES,
    Cell,
    Hit,
    LabelledCell,
)
from ombud_reports.bias.tables import FAIRLEARN, Draws, Grouped, Shares, impact_cells, of_labels, of_selection
from ombud_reports.contract import Field
from ombud_reports.monitoring import Monitoring
from ombud_reports.result import Block, Chart, Figure, Notice, Section, Series, Table, Text

_FOUR_FIFTHS: Final = (
    "A ratio below 0.8 is generally regarded as evidence of adverse impact by a guideline of US "
    "employment law "
    "(four-fifths rule, 29 CFR 1607.4(D)). It is no verdict, and EU law has no fixed ratio: small "
    "groups fall "
    "below it by chance, and large ones can be treated worse above it. The interval says how sure "
    "the ratio is."
)
_LIMITS: Final = (
    "Figures show how answers are spread over groups. They do not show why, and equal rates by one measure "
    "can go with unequal ones by another."
)
_LEFT: Final = ("released", "approved")
Group = tuple[str | None, ...]
Line = tuple[str | Figure, ...]
Row = tuple[str | None, bool, bool, int]
"""Group, whether the answer is favourable, whether the label is, and a count."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One attribute, or several together, by place; and how figures on their groups are made."""

    places: tuple[int, ...]
    asked: Asked
    limits: Monitoring

    @property
    def title(self) -> str:
        """What it is called."""
        return " and ".join(self.asked.attributes[at].name for at in self.places)

    @property
    def shares(self) -> Shares:
        """How shares are shown."""
        return Shares(max(self.limits.least_group, 1), self.asked.level)

    def name(self, group: Group) -> str | None:
        """Return what a group is called; None where one of its attributes is not known."""
        parts = [group[at] for at in self.places]
        return None if any(part is None for part in parts) else ", ".join(map(str, parts))

    def in_order(self, groups: Iterable[str]) -> list[str]:
        """Return groups as cuts have them, else by name."""
        order = self.asked.attributes[self.places[0]].groups() if len(self.places) == 1 else ()
        places = {group: at for at, group in enumerate(order)}
        return sorted(groups, key=lambda group: (places.get(group, len(places)), group))

    def grouped(self, prefix: str, rows: Sequence[Row], source: str) -> Grouped:
        """Return the cells of rows; those of no known group are counted apart."""
        groups = self.in_order({group for group, *_ in rows if group is not None})
        places = {group: at for at, group in enumerate(groups)}
        cells = np.zeros((len(groups), 2, 2), np.int64)
        unknown = 0
        for group, answer, label, count in rows:
            if group is None:
                unknown += count
            else:
                cells[places[group], int(answer), int(label)] += count
        asked = self.asked
        draws = Draws(asked.replicates, asked.seed)
        return Grouped(prefix, tuple(groups), cells, unknown, source, self.shares, draws)

    def share(self, name: str, counts: tuple[int, int], source: str, how: str) -> Figure:
        """Return one rate, named within this attribute."""
        return self.shares.figure(f"{self.title}.{name}", counts, source, how)


def by_attribute(
    chosen: Chosen, answers: Sequence[Cell], labelled: Sequence[LabelledCell], score: Field | None
) -> Section:
    """Show rates of one attribute, or of several together."""
    title, limits = chosen.title, chosen.limits
    rows = [(chosen.name(each.group), each.favourable, False, each.count) for each in answers]
    grouped = chosen.grouped(title, rows, ANSWERS)
    blocks: list[Block] = [*_unknown(grouped, title)]
    if not grouped.groups:
        return Section(f"By {title}", (*blocks, Notice("No answer is of a group that is known.", "gap")))
    between = grouped.between(of_selection())
    impact = impact_cells(grouped, between)
    chosen_rates = [
        grouped.share(at, "selection_rate", rates.selection_rate, "favourable answers")
        for at in range(len(grouped.groups))
    ]
    table: tuple[Line, ...] = tuple(
        (group, grouped.size(at), chosen_rates[at], impact[at]) for at, group in enumerate(grouped.groups)
    )
    blocks.append(
        Table("Selection", ("Group", "Answers", "Selection rate", "Impact ratio"), table, note=_FOUR_FIFTHS)
    )
    blocks += _intervals(f"Impact ratio by {title}", grouped.groups, impact, limits.impact_ratio)
    keys = ("demographic_parity_difference", "demographic_parity_ratio")
    thresholds = (f"{limits.parity_difference:g}", f"{limits.impact_ratio:g}")
    blocks.append(_between("Between groups", keys, between, thresholds))
    for kind in sorted({each.kind for each in labelled}):
        of_kind = [each for each in labelled if each.kind == kind]
        blocks += _of_labels(kind, of_kind, chosen, score)
    return Section(f"By {title}", tuple(blocks))


def _of_labels(
    kind: str, cells: Sequence[LabelledCell], chosen: Chosen, score: Field | None
) -> Iterator[Block]:
    limits = chosen.limits
    word = MEASURES.get(kind, f"agreement with labels of kind {kind[:40]}")
    there = [each for each in cells if each.label is not None]
    rows = [(chosen.name(each.group), each.favourable, bool(each.label), each.count) for each in there]
    grouped = chosen.grouped(f"{chosen.title}.{kind}", rows, LABELLED)
    gone = sum(each.count for each in cells if each.label is None)
    selections: dict[str, int] = {}
    for each in cells:
        selections[each.selection] = selections.get(each.selection, 0) + each.count
    columns = (
        ("base_rate", "Favourable labels", rates.base_rate, "favourable labels"),
        (
            "true_positive_rate",
            "True positive rate",
            rates.true_positive_rate,
            "favourable answers where the label is",
        ),
        (
            "false_positive_rate",
            "False positive rate",
            rates.false_positive_rate,
            "favourable answers where the label is not",
        ),
        ("precision", "Precision", rates.precision, "favourable labels where the answer is"),
        ("agreement", word[0].upper() + word[1:], rates.agreement, f"{word}: answer and label are one"),
    )
    table: tuple[Line, ...] = tuple(
        (group, grouped.size(at), *(grouped.share(at, name, of, how) for name, _, of, how in columns))
        for at, group in enumerate(grouped.groups)
    )
    heads = ("Group", "With label", *(head for _, head, _, _ in columns))
    note = f"Cases were chosen for labelling as: {selection(selections)}. Labels erased: {gone:,}."
    yield Table(f"Against labels: {word}", heads, table, note=note)
    if set(selections) != {"all"}:
        yield Notice(
            f"Labels of kind {kind} are not of all cases: rates against them hold for labelled cases alone.",
            "warning",
        )
    if kind == "historical":
        yield Notice(
            "Past decisions are no truth: what agrees with them repeats what was unfair in them.", "warning"
        )
    if grouped.groups:
        between = grouped.between(of_labels(word))
        keys = ("equalized_odds_difference", "equalized_odds_ratio", "agreement_difference")
        yield _between(
            "Between groups, against labels", keys, between, (f"{limits.odds_difference:g}", "", "")
        )
    if score is not None:
        yield from _calibration(kind, there, chosen, score)


def _calibration(kind: str, cells: Sequence[LabelledCell], chosen: Chosen, score: Field) -> Iterator[Block]:
    counted: dict[str, list[list[int]]] = {}
    for each in cells:
        group = chosen.name(each.group)
        if group is None or each.bin is None:
            continue
        right = bool(each.label) if score.role == "score" else each.same
        both = counted.setdefault(group, [[0, 0] for _ in range(BINS)])[each.bin]
        both[0] += each.count if right else 0
        both[1] += each.count
    if not counted:
        return
    what = "favourable labels" if score.role == "score" else "answers that are what the label says"
    groups = chosen.in_order(counted)
    rows: list[Line] = []
    for at in range(BINS):
        cells_of: list[Figure] = []
        for group in groups:
            hits, of = counted[group][at]
            name = f"{kind}.calibration.{at}.{group}"
            cells_of.append(chosen.share(name, (hits, of), LABELLED, what))
        last = "]" if at == BINS - 1 else ")"
        rows.append((f"[{at / BINS:g}, {(at + 1) / BINS:g}{last}", *cells_of))
    note = (
        f"Share of {what}, by tenth of {score.name}. Calibrated alike, groups have the same share in a row."
    )
    yield Table(f"Calibration by group ({kind})", (score.name, *groups), tuple(rows), note=note)


def review(chosen: Chosen, answers: Sequence[Cell]) -> Iterator[Block]:
    """Show what human review did to the rates of groups: the model's answers before, what left after."""
    title = chosen.title
    counted: dict[str, dict[str, int]] = {}
    for each in answers:
        group = chosen.name(each.group)
        if group is None:
            continue
        found = counted.setdefault(group, dict.fromkeys(("all", "held", "approved", "before", "after"), 0))
        found["all"] += each.count
        found["held"] += each.count if each.after not in ("released", "not released") else 0
        found["approved"] += each.count if each.after == "approved" else 0
        found["before"] += each.count if each.favourable else 0
        found["after"] += each.count if each.favourable and each.after in _LEFT else 0
    columns = (
        ("held", "all", "answers that waited for a human"),
        ("approved", "held", "of these, released by a human"),
        ("before", "all", "favourable answers of the model"),
        ("after", "all", "favourable answers that left, as far as the ledger tells"),
    )
    rows: list[Line] = []
    for group in chosen.in_order(counted):
        found = counted[group]
        cells = [
            chosen.share(f"review.{name}.{group}", (found[name], found[of]), ANSWERS, how)
            for name, of, how in columns
        ]
        rows.append((group, *cells))
    if rows:
        heads = ("Group", "Held for review", "Approved of these", "Favourable before", "Favourable after")
        yield Table(f"Human review by {title}", heads, tuple(rows))


def policies(chosen: Chosen, calls: Sequence[tuple[Group, int]], hits: Sequence[Hit]) -> Iterator[Block]:
    """Show which policies deny or hold the calls of which groups."""
    title = chosen.title
    totals: dict[str, int] = {}
    for group, count in calls:
        if (name := chosen.name(group)) is not None:
            totals[name] = totals.get(name, 0) + count
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for each in hits:
        if (name := chosen.name(each.group)) is not None:
            found = counted.setdefault((each.policy, each.verdict), {})
            found[name] = found.get(name, 0) + each.count
    groups = chosen.in_order(totals)
    rows: list[Line] = []
    for (policy, verdict), found in sorted(counted.items()):
        prefix = f"policy.{policy}.{verdict}"
        cells = [
            chosen.share(
                f"{prefix}.{group}",
                (found.get(group, 0), totals.get(group, 0)),
                POLICIES,
                f"its calls ({ASKED})",
            )
            for group in groups
        ]
        rows.append((policy, verdict, *cells))
    if rows:
        note = "Share of each group's calls that the policy denied or held; a call can be hit by several."
        yield Table(f"Policies by {title}", ("Policy", "Verdict", *groups), tuple(rows), note=note)


def limits_of(asked: Asked) -> Iterator[Block]:
    """Say what is favourable, and what figures like these do not tell."""
    listed = ", ".join(asked.favourable)
    yield Text(f"Favourable is where {asked.label.name} is {listed}. {_LIMITS}")
    if asked.assumed:
        yield Notice(
            f"Nobody said which answers are favourable: that {asked.label.name} = {listed} is good "
            f"for the person is "
            "assumed. The system file says so in monitoring.favourable, or the option --favourable.",
            "warning",
        )


def _unknown(grouped: Grouped, title: str) -> Iterator[Block]:
    name = f"{grouped.prefix}.unknown"
    all_rows = int(grouped.cells.sum()) + grouped.unknown
    figure = Figure(
        name, grouped.unknown, "answers", grouped.source, f"of {all_rows:,}; left out of every rate below"
    )
    yield Table(f"Answers whose {title} is not known", ("", "Answers"), (("Not known, or erased", figure),))


def _between(title: str, keys: Sequence[str], found: dict[str, Figure], thresholds: Sequence[str]) -> Table:
    rows = tuple(
        (key.replace("_", " ").capitalize(), found[key], threshold)
        for key, threshold in zip(keys, thresholds, strict=True)
    )
    note = f"{FAIRLEARN[0].upper()}{FAIRLEARN[1:]}; over groups that are large enough."
    return Table(title, ("Measure", "Value", "Threshold"), rows, note=note)


def _intervals(
    title: str, groups: Sequence[str], figures: Sequence[Figure], threshold: float
) -> Iterator[Chart]:
    values = tuple(float(each.value) if isinstance(each.value, float) else None for each in figures)
    there = [(value, group) for value, group in zip(values, groups, strict=True) if value is not None]
    if not there:
        return
    lows = tuple(each.interval.low if each.interval else None for each in figures)
    highs = tuple(each.interval.high if each.interval else None for each in figures)
    least, group = min(there)
    alt = f"Lowest is {group} with {least:.3g}."
    series = (Series("impact ratio", values, lows, highs),)
    yield Chart(title, alt, "intervals", tuple(groups), series, thresholds=(("four fifths (US)", threshold),))
