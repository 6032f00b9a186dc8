# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One window's measures: the figures that stand alone, and beside those of the window before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ombud_reports.operations import statements as asked
from ombud_reports.reading import Reading
from ombud_reports.result import Figure, Window

STEPS: Final = ("identify", "contract", "decide", "forward", "release", "added")
QUANTILES: Final = ("p50", "p95", "p99")
_LEAST: Final = {"p50": 2, "p95": 20, "p99": 100}
"""Calls below which a percentile is no more than the slowest of them, and is not given."""
_RANK = "nearest rank: the least time that so large a share of the calls did not exceed"


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one window by name, and what else its rows say."""

    figures: Mapping[str, Figure]
    costs: tuple[dict[str, Any], ...]

    def __getitem__(self, name: str) -> Figure:
        return self.figures[name]


def before(window: Window) -> Window:
    """Return the window of the same length that ends where this one begins."""
    return Window(window.begin - (window.end - window.begin), window.begin)


def measure(reading: Reading, window: Window, suffix: str = "") -> Measures:
    """Measure a window. `suffix` sets names apart where several windows are measured."""
    return _Measuring(reading, window, suffix).measures()


class _Measuring:
    def __init__(self, reading: Reading, window: Window, suffix: str) -> None:
        self._reading = reading
        self._window = window
        self._suffix = suffix
        self._figures: dict[str, Figure] = {}

    def measures(self) -> Measures:
        """Ask, and make figures of what the rows say."""
        volume = self._volume()
        self._straight()
        self._reviews(volume["calls"])
        self._contests()
        self._resolution()
        self._latency()
        return Measures(self._figures, tuple(self._cost()))

    def _ask(self, name: str, sql: str) -> list[dict[str, Any]]:
        return self._reading.ask(name + self._suffix, sql, begin=self._window.begin, end=self._window.end)

    def _add(
        self, name: str, value: float | None, unit: str, source: str, *, how: str = "", absent: str = ""
    ) -> None:
        self._figures[name] = Figure(
            name + self._suffix, value, unit, source + self._suffix, how=how, absent=absent
        )

    def _share(self, name: str, part: int, whole: int, source: str, *, how: str, of: str) -> None:
        if whole:
            self._add(name, part / whole, "share", source, how=how)
        else:
            self._add(name, None, "share", source, how=how, absent=f"no {of} in this window")

    def _volume(self) -> dict[str, Any]:
        (row,) = self._ask("calls", asked.VOLUME)
        for name, value in row.items():
            self._add(f"calls.{name}", value, "cases" if name == "cases" else "calls", "calls")
        seconds = (self._window.end - self._window.begin) / timedelta(seconds=1)
        self._add(
            "calls.per_second", row["calls"] / seconds, "calls/s", "calls", how="calls / length of the window"
        )
        how = "failed / calls; failed: the upstream or the gateway could not answer, or the end is not known"
        self._share("calls.failed_share", row["failed"], row["calls"], "calls", how=how, of="calls")
        return row

    def _straight(self) -> None:
        (row,) = self._ask("cases", asked.STRAIGHT)
        for name in ("straight", "answered_after_review", "unanswered"):
            self._add(f"cases.{name}", row[name], "cases", "cases")
        how = "straight / cases; straight: some call was answered, and no human was asked of any"
        self._share("cases.straight_share", row["straight"], row["cases"], "cases", how=how, of="cases")

    def _reviews(self, calls: int) -> None:
        (row,) = self._ask("reviews", asked.REVIEWS)
        for name in ("opened", "approved", "rejected", "overridden", "lapsed", "waiting"):
            self._add(f"reviews.{name}", row[name], "reviews", "reviews")
        if calls:
            rate = 1000 * row["opened"] / calls
            self._add("reviews.per_1000", rate, "per 1,000 calls", "reviews", how="1,000 × opened / calls")
        else:
            self._add(
                "reviews.per_1000", None, "per 1,000 calls", "reviews", absent="no calls in this window"
            )
        for name in ("oldest_us", "median_us"):
            how = "time since a review was opened that waits at the window's end"
            self._add(f"reviews.{name}", row[name], "us", "reviews", how=how, absent="no review waits")
        judged, held = row["answers_judged"], row["answers_not_let_out"]
        how = "of the model's answers that a human judged before release, the share not let out as they were"
        self._share("reviews.override_share", held, judged, "reviews", how=how, of="answer judged by a human")
        settled = row["approved"] + row["rejected"] + row["overridden"]
        how = "approved / (approved + rejected + overridden)"
        self._share(
            "reviews.approved_share", row["approved"], settled, "reviews", how=how, of="human verdict"
        )

    def _contests(self) -> None:
        (row,) = self._ask("contests", asked.CONTESTS)
        for name, value in row.items():
            self._add(f"contests.{name}", value, "contests", "contests")

    def _resolution(self) -> None:
        (row,) = self._ask("resolution", asked.RESOLUTION)
        for at, quantile in enumerate(QUANTILES):
            value = row["us"][at] if row["us"] else None
            self._quantile("resolution", quantile, value, row["verdicts"], "human verdicts")

    def _latency(self) -> None:
        rows = {row["step"]: row for row in self._ask("latency", asked.LATENCY)}
        for step in STEPS:
            row = rows.get(step, {"calls": 0, "p50": None, "p95": None, "p99": None})
            self._add(f"latency.{step}.calls", row["calls"], "calls", "latency")
            for quantile in QUANTILES:
                self._quantile(f"latency.{step}", quantile, row[quantile], row["calls"], "calls")

    def _quantile(self, name: str, quantile: str, value: int | None, count: int, what: str) -> None:
        least = _LEAST[quantile]
        if count < least:
            value = None
        few = f"too few: {count} of at least {least} {what}" if count else f"no {what}"
        self._add(f"{name}.{quantile}", value, "us", name.split(".", 1)[0], how=_RANK, absent=few)

    def _cost(self) -> list[dict[str, Any]]:
        rows = self._ask("cost", asked.COST)
        for row in rows:
            name, unit = f"cost.{row['currency']}", f"micro-{row['currency']}"
            self._add(f"{name}.calls", row["calls"], "calls", "cost")
            self._add(f"{name}.total", row["micros"], unit, "cost")
            self._add(
                f"{name}.per_call", row["micros"] / row["calls"], unit, "cost", how="cost / calls with a cost"
            )
            self._add(
                f"{name}.per_case", row["micros"] / row["cases"], unit, "cost", how="cost / cases with a cost"
            )
        return rows
