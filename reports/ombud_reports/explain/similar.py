# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Past decisions nearest to a case, by Gower's distance, in SQL; those erased are not among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ombud_reports.explain.contract import Case, Contract, Field
from ombud_reports.explain.recorded import SEEN, view
from ombud_reports.identifiers import quoted
from ombud_reports.reading import Reading

HOW: Final = (
    "Gower 1971: mean over the features of |difference| / range in the window for numbers, 0 or 1 for "
    "classes and for what one of the two leaves out"
)


@dataclass(frozen=True, slots=True)
class Similar:
    """One past decision."""

    id: str
    ts: str
    distance: float
    outputs: Case
    outcome: str
    verdict: str


def similar(reading: Reading, contract: Contract, case: Case, *, but: str, count: int) -> list[Similar]:
    """Return the `count` decisions of the window nearest to a case, other than `but`; ties by time, then
    id."""
    parts = [_part(at, field) for at, field in enumerate(contract.features)]
    ranges = [
        f"max(f.{quoted(field.name)}) - min(f.{quoted(field.name)}) AS s{at}"
        for at, field in enumerate(contract.features)
        if field.number
    ]
    outputs = "".join(f", f.{quoted(field.name)} AS o{at}" for at, field in enumerate(contract.outputs))
    sql = f"""
WITH seen AS (
    SELECT f.*, e.id AS e_id, CAST(e.ts AS VARCHAR) AS e_ts, e.outcome AS e_outcome, e.verdict AS e_verdict
    FROM {view(contract)} f JOIN entries e ON e.log = f.log AND e.seq = f.seq
    WHERE e.system = $system AND e.ts >= $begin::TIMESTAMP AND e.ts < $end::TIMESTAMP
      AND {SEEN} AND f.facts IS NOT NULL
), spread AS (
    SELECT {", ".join([*ranges, "count(*) AS n"])} FROM seen f
)
SELECT f.e_id, f.e_ts, f.e_outcome, f.e_verdict{outputs},
       (
         {" + ".join(parts)}
       ) / {len(parts)} AS distance
FROM seen f, spread s
WHERE f.e_id <> $but
ORDER BY distance, f.e_ts, f.e_id LIMIT {count:d}
"""  # noqa: S608 - names are quoted, values are parameters
    given = {f"x{at}": _text(value) for at, value in enumerate(case)}
    rows = reading.ask("similar", sql, but=but, **given)
    return [_similar(row, len(contract.outputs)) for row in rows]


def _part(at: int, field: Field) -> str:
    column, given = f"f.{quoted(field.name)}", f"nullif($x{at}, '')"
    if field.number:
        apart = f"coalesce(abs({column} - {given}::DOUBLE) / nullif(s.s{at}, 0), 0)"
        differs = f"least({apart}, 1)"
    else:
        differs = f"CAST(CAST({column} AS VARCHAR) <> {given} AS INTEGER)"
    absent = f"CAST(({column} IS NULL) <> ({given} IS NULL) AS INTEGER)"
    return f"CASE WHEN {column} IS NULL OR {given} IS NULL THEN {absent} ELSE {differs} END"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (
        str(value).lower()
        if isinstance(value, bool)
        else repr(value)
        if isinstance(value, float)
        else str(value)
    )


def _similar(row: dict[str, Any], outputs: int) -> Similar:
    return Similar(
        row["e_id"],
        row["e_ts"],
        float(row["distance"]),
        tuple(row[f"o{at}"] for at in range(outputs)),
        row["e_outcome"] or "",
        row["e_verdict"] or "",
    )
