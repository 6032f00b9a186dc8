# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How answers agree with the labels that came later, by kind: never called accuracy of past decisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ombud_reports.agreement import MEASURES, label_column, selection
from ombud_reports.contract import Contract, Field, facts_view
from ombud_reports.identifiers import quoted
from ombud_reports.monitoring import Monitoring
from ombud_reports.result import Block, Figure, Notice, Section, Table, Text
from ombud_reports.rows import IN_WINDOWS, Calls
from ombud_reports.wilson import wilson

LABELS: Final = "labels"
AGREEMENT: Final = "agreement"
_LABELS: Final = """
SELECT label_kind, count(*) AS labels, max(ts) AS newest FROM labels WHERE system = $system
GROUP BY label_kind ORDER BY label_kind
"""


def performance(calls: Calls, contract: Contract, limits: Monitoring) -> Section | None:
    """Compare answers with labels in both windows; None where the system has no labels, or no label field."""
    fields = contract.of_role("label")
    if not fields or not calls.reading.ask(LABELS, _LABELS):
        return None
    field = fields[0]
    rows = calls.reading.ask(AGREEMENT, _statement(calls, field), **calls.parameters)
    blocks: list[Block] = [
        Text(
            f"Answers in {field.name} against what was told of the same decision later, the newest label of "
            "each kind. Labels of one kind are never mixed with those of another."
        )
    ]
    for kind in sorted({row["label_kind"] for row in rows}):
        blocks += _of_kind(kind, [row for row in rows if row["label_kind"] == kind], field, limits)
    if not rows:
        blocks.append(Notice("Labels there are, but of no answer in either window.", "gap"))
    return Section("Answers against labels", tuple(blocks))


def _statement(calls: Calls, field: Field) -> str:
    answer, label = f"f.{quoted(field.name)}", f"l.{label_column(field)}"
    if field.type == "decimal":
        measures = f"avg(abs({answer} - {label})) AS distance"
    else:
        measures = f"count(*) FILTER ({answer} = {label}) AS agree"
    return f"""
WITH answers AS (
    SELECT log, seq, id, ts >= $current_from::TIMESTAMP AND ts < $current_to::TIMESTAMP AS current
    FROM entries
    WHERE system = $system AND action = 'infer' AND kind IN ('decision', 'outcome') AND {IN_WINDOWS}
      AND coalesce(attempt, 1) <= $attempts::BIGINT AND route IS DISTINCT FROM 'shadow'
)
SELECT l.label_kind, a.current, coalesce(l.selection, 'unknown') AS selection,
       count(*) AS labelled, count(*) FILTER ({label} IS NULL) AS gone, {measures}
FROM newest_labels l
JOIN answers a ON a.id = l.decision
JOIN {quoted(facts_view(calls.reading.system))} f ON f.log = a.log AND f.seq = a.seq
WHERE l.system = $system AND {answer} IS NOT NULL
GROUP BY ALL ORDER BY ALL"""  # noqa: S608 - names are quoted, values are parameters


def _of_kind(kind: str, rows: list[dict[str, Any]], field: Field, limits: Monitoring) -> Iterator[Block]:
    chosen: dict[str, int] = {}
    for row in rows:
        chosen[row["selection"]] = chosen.get(row["selection"], 0) + row["labelled"]
    measure = MEASURES.get(kind, f"agreement with labels of kind {kind[:40]}")
    cells: list[list[str | Figure]] = [
        ["Answers with a label"],
        ["of these, label erased"],
        [_capital(measure)],
    ]
    for window, current in (("reference", False), ("current", True)):
        some = [row for row in rows if row["current"] == current]
        labelled, gone = (sum(row[key] for row in some) for key in ("labelled", "gone"))
        name = f"{window}.{kind}"
        cells[0].append(Figure(f"{name}.labelled", labelled, "answers", AGREEMENT))
        cells[1].append(Figure(f"{name}.gone", gone, "answers", AGREEMENT))
        cells[2].append(_measure(f"{name}.agreement", some, labelled - gone, field, limits))
    yield Table(
        f"{_capital(measure)}, {field.name}",
        ("", "Reference", "Current"),
        tuple(map(tuple, cells)),
        note=f"Cases were chosen for labelling as: {selection(chosen)}.",
    )
    if set(chosen) != {"all"}:
        yield Notice(
            f"Labels of kind {kind} are not of all cases ({selection(chosen)}): the figure holds for "
            f"labelled "
            "cases, and says nothing of the others.",
            "warning",
        )


def _measure(name: str, rows: list[dict[str, Any]], there: int, field: Field, limits: Monitoring) -> Figure:
    if there < limits.least_calls:
        why = f"too few: {there} of at least {limits.least_calls:g}"
        return Figure(name, None, "share", AGREEMENT, absent=why)
    if field.type == "decimal":
        total = sum(
            row["distance"] * (row["labelled"] - row["gone"]) for row in rows if row["distance"] is not None
        )
        return Figure(name, total / there, field.unit, AGREEMENT, "mean absolute difference")
    agree = sum(row["agree"] for row in rows)
    return Figure(
        name, agree / there, "share", AGREEMENT, f"{agree:,} of {there:,} agree", wilson(agree, there)
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
