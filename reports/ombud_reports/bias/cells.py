# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Counts by group, answer, what became of it, and label: all that figures of bias follow from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ombud_reports.agreement import label_column
from ombud_reports.bias.asked import MOST_GROUPS, Asked
from ombud_reports.bias.joined import TABLE, Joined
from ombud_reports.contract import Field
from ombud_reports.errors import OptionInvalid
from ombud_reports.identifiers import quoted
from ombud_reports.rows import INPUTS, OUTPUTS, Calls

ANSWERS: Final = "answers"
LABELLED: Final = "labelled"
ASKED: Final = "asked"
POLICIES: Final = "policies"
BINS: Final = 10
_MOST_ROWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One count. `group` has a value for each attribute, None where it is not known."""

    group: tuple[str | None, ...]
    favourable: bool
    after: str
    """Of an answer: released, approved (after review), rejected, ..., open, not released."""
    count: int


@dataclass(frozen=True, slots=True)
class LabelledCell:
    """One count of answers with a label; `label` is whether it is favourable, None if it is erased."""

    kind: str
    selection: str
    group: tuple[str | None, ...]
    favourable: bool
    label: bool | None
    same: bool
    bin: int | None
    """Tenth of the score, from 0; None where there is none."""
    count: int


@dataclass(frozen=True, slots=True)
class Hit:
    """How many calls of a group a policy denied or sent to review."""

    group: tuple[str | None, ...]
    policy: str
    verdict: str
    count: int


class Cells:
    """Asks for counts. Raises what `Reading.ask` raises, and OptionInvalid for attributes of too many
    values."""

    def __init__(self, calls: Calls, asked: Asked, joined: Joined | None, score: Field | None) -> None:
        self._calls, self._asked, self._joined, self._score = calls, asked, joined, score
        self._parameters: dict[str, str | float] = {}
        self._groups = []
        for at, attribute in enumerate(asked.attributes):
            expression, parameters = attribute.sql(at)
            self._groups.append(f'{expression} AS "@group_{at}"')
            self._parameters |= parameters
        self._keys = [f'"@group_{at}"' for at in range(len(asked.attributes))]
        self._favourable = {f"favourable_{at}": text for at, text in enumerate(asked.favourable)}

    def answers(self) -> tuple[Cell, ...]:
        """Count answers by group and by what became of them."""
        select = f""", answers AS ({self._answers(labels=False)}
)
SELECT {self._listed()}, "@favourable", "@after", count(*) AS "@count"
FROM answers GROUP BY ALL ORDER BY ALL LIMIT {_MOST_ROWS}"""  # noqa: S608 - names are quoted
        rows = self._ask(ANSWERS, select, **self._favourable)
        return tuple(Cell(self._group(row), row["@favourable"], row["@after"], row["@count"]) for row in rows)

    def labelled(self) -> tuple[LabelledCell, ...]:
        """Count answers with a label, by kind of label."""
        label = f"l.{label_column(self._asked.label)}"
        said = " OR ".join(f"CAST({label} AS VARCHAR) = ${name}" for name in self._favourable)
        select = f""", answers AS ({self._answers(labels=True)}
)
SELECT l.label_kind AS "@label_kind", coalesce(l.selection, 'unknown') AS "@selection",
       {self._listed()}, "@favourable", {said} AS "@label", coalesce({label} = "@answer", false) AS "@same",
       "@bin", count(*) AS "@count"
FROM answers a JOIN newest_labels l ON l.decision = a."@decision" AND l.system = $system
GROUP BY ALL ORDER BY ALL LIMIT {_MOST_ROWS}"""  # noqa: S608 - names are quoted
        return tuple(
            LabelledCell(
                row["@label_kind"],
                row["@selection"],
                self._group(row),
                row["@favourable"],
                row["@label"],
                row["@same"],
                row["@bin"],
                row["@count"],
            )
            for row in self._ask(LABELLED, select, **self._favourable)
        )

    def asked(self) -> tuple[tuple[tuple[str | None, ...], int], ...]:
        """Count calls by group, answered or not."""
        select = f"""SELECT {", ".join(self._groups)}, count(*) AS "@count"
FROM calls_of c {self._joins(entries=self._asked.joins)}
WHERE c."@current" AND c.{INPUTS} AND c."@approval" IS NULL
GROUP BY ALL ORDER BY ALL LIMIT {_MOST_ROWS}"""  # noqa: S608 - names are quoted
        return tuple((self._group(row), row["@count"]) for row in self._ask(ASKED, select))

    def hits(self) -> tuple[Hit, ...]:
        """Count calls that policy denied or sent to review, by policy and group."""
        select = f""", hit AS (
    SELECT log, seq, id, correlation_id, verdict,
           unnest(CASE WHEN len(policies) > 0 THEN policies ELSE ['(none permits)'] END) AS policy
    FROM entries WHERE system = $system AND action = 'infer' AND verdict IN ('deny', 'review')
)
SELECT {", ".join(self._groups)}, e.policy AS "@policy", e.verdict AS "@verdict", count(*) AS "@count"
FROM calls_of c JOIN hit e ON e.log = c.log AND e.seq = c.seq {self._joins(entries=False)}
WHERE c."@current" AND c.{INPUTS} AND c."@approval" IS NULL
GROUP BY ALL ORDER BY ALL LIMIT {_MOST_ROWS}"""  # noqa: S608 - names are quoted
        return tuple(
            Hit(self._group(row), row["@policy"], row["@verdict"], row["@count"])
            for row in self._ask(POLICIES, select)
        )

    def _answers(self, *, labels: bool) -> str:
        """SELECT one row an answer; with its decision, answer and score where it is to be joined to
        labels."""
        answer = f"c.{quoted(self._asked.label.name)}"
        said = " OR ".join(f"CAST({answer} AS VARCHAR) = ${name}" for name in self._favourable)
        entries = labels or self._asked.joins or self._asked.cases
        more = ""
        if labels:
            score = f"c.{quoted(self._score.name)}" if self._score else "CAST(NULL AS DOUBLE)"
            tenth = f"CAST(least(greatest(floor({score} * {BINS}), 0), {BINS - 1}) AS BIGINT)"
            more = f', e.id AS "@decision", {answer} AS "@answer", {tenth} AS "@bin"'
        once = ""
        if self._asked.cases:
            once = """
    QUALIFY row_number() OVER (PARTITION BY coalesce(e.correlation_id, i.correlation_id, e.id)
                               ORDER BY e.ts DESC, e.log DESC, e.seq DESC) = 1"""
        return f"""
    SELECT {", ".join(self._groups)}, {said} AS "@favourable",
           coalesce(c."@after", 'released') AS "@after"{more}
    FROM calls_of c {self._joins(entries=entries)}
    WHERE c."@current" AND c.{OUTPUTS} AND {answer} IS NOT NULL
      AND NOT coalesce(c."@again", false){once}"""  # noqa: S608

    def _joins(self, *, entries: bool) -> str:
        joins = "JOIN entries e ON e.log = c.log AND e.seq = c.seq" if entries else ""
        if entries and (self._asked.joins or self._asked.cases):
            # What an approval let through ends in an outcome, which leaves the case to its intent.
            joins += " LEFT JOIN intents i ON e.kind = 'outcome' AND i.log = e.log AND i.id = e.id"
        if self._asked.joins and self._joined is not None:
            key = f"e.{self._joined.column}"
            if entries:
                key = f"coalesce({key}, i.{self._joined.column})"
            joins += f' LEFT JOIN {TABLE} j ON j."@key" = {key}'
        return joins

    def _listed(self) -> str:
        return ", ".join(self._keys)

    def _ask(self, name: str, select: str, **parameters: str) -> list[dict[str, Any]]:
        rows = self._calls.ask(name, select, **self._parameters, **parameters)
        for at, attribute in enumerate(self._asked.attributes):
            groups = len({row[f"@group_{at}"] for row in rows})
            if groups > MOST_GROUPS or len(rows) == _MOST_ROWS:
                raise OptionInvalid(
                    f"attribute: {attribute.name} has {groups} values, must have at most "
                    f"{MOST_GROUPS}; cut it "
                    f"into groups, as in {attribute.name}:25,40,60"
                )
        return rows

    def _group(self, row: dict[str, Any]) -> tuple[str | None, ...]:
        return tuple(row[f"@group_{at}"] for at in range(len(self._asked.attributes)))
