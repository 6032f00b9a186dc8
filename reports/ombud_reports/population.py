# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How many calls two windows have, and of what kind: retried attempts and cases apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ombud_reports.reading import Reading
from ombud_reports.result import Figure, Table
from ombud_reports.rows import IN_WINDOWS, Windows

CALLS: Final = "calls"
CASES: Final = "cases"
VERSIONS: Final = "versions"
_COUNTED_CASES: Final = 200_000
"""Calls up to which cases are counted one by one."""
_OF_SYSTEM: Final = f"""
FROM entries
WHERE system = $system AND action = 'infer' AND {IN_WINDOWS}"""
_CURRENT: Final = "ts >= $current_from::TIMESTAMP AND ts < $current_to::TIMESTAMP AS current"
_CALLS: Final = f"""
SELECT {_CURRENT}, count(*) FILTER (kind IN ('decision', 'intent')) AS calls,
       count(*) FILTER (kind IN ('decision', 'intent') AND attempt > 1) AS retried,
       count(*) FILTER (kind IN ('decision', 'intent') AND correlation_id IS NULL) AS without_case,
       count(*) FILTER (kind IN ('decision', 'intent') AND facts_contract IS NULL) AS without_facts,
       count(*) FILTER (kind IN ('decision', 'outcome') AND outcome = 'answered') AS answered,
       count(*) FILTER (facts_contract IS NOT NULL) AS facts
{_OF_SYSTEM} AND kind IN ('decision', 'intent', 'outcome')
GROUP BY current"""
_CASES: Final = f"""
SELECT {_CURRENT}, {{count}} AS cases
{_OF_SYSTEM} AND kind IN ('decision', 'intent')
GROUP BY current"""
_VERSIONS: Final = f"""
SELECT {_CURRENT}, coalesce(model_version, '') AS version, count(*) AS answers
{_OF_SYSTEM} AND kind IN ('decision', 'outcome') AND model_version IS NOT NULL
GROUP BY ALL ORDER BY answers DESC, version, current"""
_ROWS: Final = (
    ("calls", "Calls", "decisions and intents of `infer`"),
    ("retried", "of these, retried attempts", "attempt above 1, as the caller said"),
    ("without_case", "of these, without a correlation id", ""),
    ("without_facts", "of these, without typed facts", "policy kept none, or the call could not be typed"),
    ("answered", "Answers that left", ""),
)


@dataclass(frozen=True, slots=True)
class Population:
    """Counts by window, the reference's first."""

    counts: tuple[dict[str, int], dict[str, int]]
    cases_estimated: bool
    versions: tuple[tuple[str, int, int], ...]
    """Model versions with their answers in the reference and in the current window, the most used first."""

    @property
    def version(self) -> str:
        """The model version that answered most, or an empty text."""
        return self.versions[0][0] if self.versions else ""

    @property
    def facts(self) -> tuple[int, int]:
        """Rows of typed facts in each window, retried attempts and outcomes among them."""
        return self.counts[0]["facts"], self.counts[1]["facts"]

    def table(self) -> Table:
        """Return it as it is shown."""
        rows: list[tuple[str | Figure, ...]] = []
        for key, about, how in _ROWS:
            rows.append((about, *self._figures(key, CALLS, how)))
        how = "distinct correlation ids"
        if self.cases_estimated:
            how += ", estimated by HyperLogLog (approx_count_distinct of DuckDB): about 2 % off"
        rows.insert(1, ("Cases", *self._figures("cases", CASES, how)))
        return Table(
            "What is counted",
            ("", "Reference", "Current"),
            tuple(rows),
            note="A case is all calls with one correlation id. Retried attempts are left out of what follows "
            "unless the report was asked to count them.",
        )

    def _figures(self, key: str, source: str, how: str) -> tuple[Figure, Figure]:
        unit = "cases" if key == "cases" else "calls"
        reference, current = (each[key] for each in self.counts)
        return (
            Figure(f"reference.{key}", reference, unit, source, how),
            Figure(f"current.{key}", current, unit, source, how),
        )


def population(reading: Reading, windows: Windows) -> Population:
    """Count both windows. Raises what `Reading.ask` raises."""
    parameters = windows.parameters()
    counts = _by_window(reading.ask(CALLS, _CALLS, **parameters))
    estimated = sum(each.get("calls", 0) for each in counts) > _COUNTED_CASES
    distinct = "approx_count_distinct(correlation_id)" if estimated else "count(DISTINCT correlation_id)"
    cases = _by_window(reading.ask(CASES, _CASES.format(count=distinct), **parameters))
    whole = tuple(
        {**dict.fromkeys((*(key for key, *_ in _ROWS), "facts", "cases"), 0), **calls, **of_cases}
        for calls, of_cases in zip(counts, cases, strict=True)
    )
    versions: dict[str, list[int]] = {}
    for row in reading.ask(VERSIONS, _VERSIONS, **parameters):
        versions.setdefault(str(row["version"]), [0, 0])[bool(row["current"])] += int(row["answers"])
    ordered = sorted(versions.items(), key=lambda each: (-sum(each[1]), each[0]))
    return Population(
        (whole[0], whole[1]), estimated, tuple((name, old, new) for name, (old, new) in ordered)
    )


def _by_window(rows: list[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    found: dict[bool, dict[str, int]] = {False: {}, True: {}}
    for row in rows:
        found[bool(row["current"])] = {key: int(value) for key, value in row.items() if key != "current"}
    return found[False], found[True]
