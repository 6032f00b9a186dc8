# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How far answers agree with labels, by kind: accuracy with observed ones, else agreement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ombud_reports.ai_act.measure import Measure, Measured, Shown, measure, positive
from ombud_reports.ai_act.measures.windows import OURS
from ombud_reports.known import Known
from ombud_reports.reading import Reading

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_COLUMN: Final = {"boolean": "value_boolean", "integer": "value_bigint", "string": "value_varchar"}
_TITLE: Final = "Answers and labels"
_SHOWN: Final = (
    Shown("compared", "Answers compared", "answers"),
    Shown("agreed", "That agree", "answers"),
    Shown("share", "Share", "share"),
)
_KEYS: Final = (Shown("label_kind", "Kind of label"), Shown("selection", "How cases were chosen"))
_NOTE: Final = (
    "With an observed label the share is accuracy, on the cases that were chosen; with a historical one it "
    "is agreement with past decisions, which may have been wrong; with an expert's, agreement with them."
)
_NONE: Final = (
    "SELECT '' AS label_kind, '' AS selection, 0 AS compared, 0 AS agreed, NULL AS share WHERE false"
)


def agreement(reading: Reading, known: Known) -> Measured:
    """Compare answers with their newest labels. Finds nothing where no label or no typed answer is there."""
    label = _label(known.section("contract"))
    there = {view for view, *_ in reading.ledger.schema()}
    facts = f"facts_{known.name}"
    sql = _NONE
    if label is not None and _NAME.fullmatch(known.name) and facts in there:
        sql = _sql(facts, *label)
    return measure(reading, Measure("agreement", _TITLE, sql, _SHOWN, positive("compared"), _NOTE, _KEYS), {})


def _label(contract: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the label's column and the column of its value among labels."""
    outputs = contract.get("outputs")
    for each in outputs if isinstance(outputs, list) else ():
        if isinstance(each, dict) and each.get("role") == "label":
            name, value = str(each.get("name")), _COLUMN.get(str(each.get("type")))
            return (name, value) if value and _NAME.fullmatch(name) else None
    return None


def _sql(facts: str, answer: str, value: str) -> str:
    return f"""
SELECT l.label_kind, l.selection, count(*) AS compared, count(*) FILTER (f.{answer} = l.{value}) AS agreed,
       count(*) FILTER (f.{answer} = l.{value}) / nullif(count(*), 0) AS share
FROM newest_labels l
JOIN (SELECT log, seq, id FROM entries WHERE {OURS} AND kind IN ('decision', 'outcome')) e
    ON e.id = l.decision
JOIN {facts} f ON f.log = e.log AND f.seq = e.seq
WHERE l.system = $system AND l.{value} IS NOT NULL AND f.{answer} IS NOT NULL
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - names are checked by the caller
