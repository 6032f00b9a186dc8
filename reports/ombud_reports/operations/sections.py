# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The operations report's sections: measures laid out as tables and charts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from ombud_reports.operations import statements as asked
from ombud_reports.operations.measured import QUANTILES, STEPS, Measures
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Chart, Figure, Notice, Series, Table, Text
from ombud_reports.shown import number

_SUMMARY: Final = (
    ("Calls", "calls.calls"),
    ("Cases", "calls.cases"),
    ("Answered without asking a human", "cases.straight_share"),
    ("Reviews opened per 1,000 calls", "reviews.per_1000"),
    ("Answers that a human did not let out as they were", "reviews.override_share"),
    ("Time until a human's verdict, median", "resolution.p50"),
    ("Reviews waiting at the end", "reviews.waiting"),
    ("Calls that failed", "calls.failed_share"),
    ("Time added by the gateway, p50", "latency.added.p50"),
    ("Time added by the gateway, p95", "latency.added.p95"),
    ("Time upstream, p95", "latency.forward.p95"),
)
_STEPS: Final = {
    "identify": "Identify the caller",
    "contract": "Type the call by its contract",
    "decide": "Ask policy before forwarding",
    "forward": "Wait for the upstream",
    "release": "Ask policy about the answer",
    "added": "All that the gateway added",
}
_BUCKETS: Final = (
    (timedelta(seconds=1), "1 second"),
    (timedelta(seconds=10), "10 seconds"),
    (timedelta(minutes=1), "1 minute"),
    (timedelta(minutes=5), "5 minutes"),
    (timedelta(minutes=15), "15 minutes"),
    (timedelta(hours=1), "1 hour"),
    (timedelta(hours=6), "6 hours"),
    (timedelta(days=1), "1 day"),
    (timedelta(days=7), "7 days"),
    (timedelta(days=28), "28 days"),
)
_MOST_BUCKETS: Final = 60


def summary(now: Measures, then: Measures | None, first: datetime | None) -> tuple[Block, ...]:
    """The figures to look at first, this window against the last."""
    if then is None:
        begins = (
            "the ledger is empty" if first is None else f"the ledger begins at {first:%Y-%m-%d %H:%M:%S} UTC"
        )
        notice = Notice(f"There is no window of equal length before this one to compare with: {begins}.")
        rows = tuple((label, now[name]) for label, name in _SUMMARY)
        return notice, Table("This window", ("measure", "this window"), rows)
    compared = tuple(
        (label, now[name], then[name], _change(now[name], then[name])) for label, name in _SUMMARY
    )
    columns = ("measure", "this window", "window before", "change")
    note = "The window before has the same length and ends where this one begins."
    return (Table("This window and the one before", columns, compared, note),)


def calls(reading: Reading, now: Measures) -> tuple[Block, ...]:
    """Verdicts, refusals and attempts."""
    what = (
        ("Calls", "calls.calls"),
        ("of these, further attempts of a call (attempt above 1)", "calls.retries"),
        ("of these, calls that resume an approved review", "calls.resumed"),
        ("Calls a second, on average", "calls.per_second"),
        ("Verdict allow", "calls.allow"),
        ("Verdict deny", "calls.deny"),
        ("Verdict review", "calls.review"),
        ("No verdict: the contract or the caller's metadata ended it first", "calls.no_verdict"),
        ("Answered", "calls.answered"),
        ("Failed", "calls.failed"),
        ("Cases answered without asking a human", "cases.straight"),
        ("Cases answered after a human was asked", "cases.answered_after_review"),
        ("Cases without an answer in this window", "cases.unanswered"),
    )
    counted = Table("Calls and cases", ("what", "figure"), tuple((label, now[name]) for label, name in what))
    refused = reading.ask("refusals", asked.REFUSALS)
    refusals = Table(
        "Calls without an answer, by reason",
        ("reason", "gRPC status", "calls"),
        tuple(
            (
                row["reason"],
                row["status"],
                Figure(f"refusals.{row['reason']}.{row['status']}", row["calls"], "calls", "refusals"),
            )
            for row in refused
        ),
    )
    unjudged = reading.ask("unjudged", asked.UNJUDGED)
    before = Table(
        "Refused before they could be judged, of all systems",
        ("reason", "calls"),
        tuple(
            (row["reason"], Figure(f"unjudged.{row['reason']}", row["calls"], "calls", "unjudged"))
            for row in unjudged
        ),
        "Nobody is known to have made these, so no system is either.",
    )
    return counted, refusals, before, _attempts(reading)


def _attempts(reading: Reading) -> Table:
    rows = reading.ask("attempts", asked.ATTEMPTS)
    return Table(
        "Attempts, as callers number them",
        ("attempt", "calls", "answered"),
        tuple(
            (
                f"{row['attempt']} or more" if row["attempt"] == 5 else str(row["attempt"]),
                Figure(f"attempts.{row['attempt']}.calls", row["calls"], "calls", "attempts"),
                Figure(f"attempts.{row['attempt']}.answered", row["answered"], "calls", "attempts"),
            )
            for row in rows
        ),
    )


def over_time(reading: Reading) -> tuple[Block, ...]:
    """Calls by stretch of time."""
    bucket = bucket_of(reading)
    rows = reading.ask("over_time", asked.OVER_TIME, bucket=bucket)
    if not any(row["calls"] for row in rows):
        return (Text("No calls in this window."),)
    labels = tuple(_label(row["bucket"], bucket) for row in rows)
    kinds = (
        ("calls", "calls"),
        ("answered", "answered"),
        ("verdict review", "review"),
        ("verdict deny", "deny"),
    )
    title = f"Calls per {_each(bucket)}"
    most = max(rows, key=lambda row: row["calls"])
    alt = (
        f"{title} from {labels[0]} to {labels[-1]}: {number(min(row['calls'] for row in rows))} to"
        f" {number(most['calls'])}, most at {_label(most['bucket'], bucket)}."
    )
    series = tuple(Series(name, tuple(float(row[key]) for row in rows)) for name, key in kinds)
    table = Table(
        title,
        ("from, UTC", *(name for name, _ in kinds)),
        tuple(
            (
                _label(row["bucket"], bucket),
                *(
                    Figure(f"over_time.{row['bucket'].isoformat()}.{key}", row[key], "", "over_time")
                    for _, key in kinds
                ),
            )
            for row in rows
        ),
    )
    return Chart(title, alt, "line", labels, series), table


def latency(now: Measures) -> tuple[Block, ...]:
    """Each step's percentiles."""
    rows: tuple[tuple[str | Figure, ...], ...] = tuple(
        (
            _STEPS[step],
            now[f"latency.{step}.calls"],
            *(now[f"latency.{step}.{quantile}"] for quantile in QUANTILES),
        )
        for step in STEPS
    )
    table = Table(
        "Time of each step of a call",
        ("step", "calls", *QUANTILES),
        rows,
        "The commit of a call's own record is in none of them: no record holds the time of its own writing.",
    )
    given = [step for step in STEPS if now[f"latency.{step}.p95"].value is not None]
    if not given:
        return (table,)
    values = [_milliseconds(now[f"latency.{step}.p95"]) for step in given]
    listed = "; ".join(
        f"{_STEPS[step]}: {number(value)} ms" for step, value in zip(given, values, strict=True)
    )
    labels = tuple(_STEPS[step] for step in given)
    chart = Chart(
        "Time of each step, p95", f"{listed}.", "bars", labels, (Series("p95", tuple(values)),), "ms"
    )
    return chart, table


def reviews(reading: Reading, now: Measures) -> tuple[Block, ...]:
    """What humans were asked and said, and what waits."""
    what = (
        ("Opened in this window", "reviews.opened"),
        ("Opened per 1,000 calls", "reviews.per_1000"),
        ("Approved", "reviews.approved"),
        ("Rejected", "reviews.rejected"),
        ("Overridden: a human put another outcome in place", "reviews.overridden"),
        ("Expired or erased without a verdict", "reviews.lapsed"),
        ("Share approved of all human verdicts", "reviews.approved_share"),
        ("Answers judged by a human and not let out as they were", "reviews.override_share"),
        ("Time from opening to verdict, p50", "resolution.p50"),
        ("Time from opening to verdict, p95", "resolution.p95"),
        ("Time from opening to verdict, p99", "resolution.p99"),
        ("Waiting at the window's end", "reviews.waiting"),
        ("The oldest of them waits for", "reviews.oldest_us"),
        ("Half of them wait for at most", "reviews.median_us"),
    )
    table = Table("Reviews", ("what", "figure"), tuple((label, now[name]) for label, name in what))
    contests = _contests(now)
    bucket = bucket_of(reading)
    rows = reading.ask("backlog", asked.BACKLOG, bucket=bucket)
    if len(rows) < 2:
        return table, contests
    labels = tuple(_label(row["moment"], bucket) for row in rows)
    waiting = tuple(float(row["waiting"]) for row in rows)
    alt = (
        f"Reviews waiting, every {_each(bucket)}: {number(waiting[0])} at {labels[0]},"
        f" {number(waiting[-1])} at {labels[-1]}, most {number(max(waiting))}."
    )
    chart = Chart("Reviews waiting", alt, "line", labels, (Series("waiting", waiting),))
    backlog = Table(
        "Reviews waiting, and for how long the oldest",
        ("at, UTC", "waiting", "oldest"),
        tuple((_label(row["moment"], bucket), *_backlog(row)) for row in rows),
    )
    return table, chart, backlog, contests


def _contests(now: Measures) -> Table:
    named = ("opened", "granted", "refused", "lapsed", "waiting")
    return Table(
        "Decisions that people contested",
        ("opened", "granted", "not granted", "lapsed", "waiting"),
        (tuple(now[f"contests.{name}"] for name in named),),
        "Each is a review of a decision that was made before, and counts in no other figure of reviews.",
    )


def _backlog(row: dict[str, Any]) -> tuple[Figure, Figure]:
    name = f"backlog.{row['moment'].isoformat()}"
    return (
        Figure(f"{name}.waiting", row["waiting"], "", "backlog"),
        Figure(f"{name}.oldest_us", row["oldest_us"], "us", "backlog"),
    )


def cost(now: Measures) -> tuple[Block, ...]:
    """What calls and cases cost, by currency."""
    if not now.costs:
        return (Notice("No call has a cost: the system file declares none for its models.", "note"),)
    rows = tuple(
        (
            row["currency"],
            *(now[f"cost.{row['currency']}.{what}"] for what in ("calls", "total", "per_call", "per_case")),
        )
        for row in now.costs
    )
    columns = ("currency", "calls with a cost", "total", "per call", "per case")
    note = "As the system file declares the cost of a call; a case is all calls of one correlation id."
    return (Table("Cost", columns, rows, note),)


def bucket_of(reading: Reading) -> str:
    """Return a stretch of time, of which the window holds no more than a chart can show."""
    length = reading.window.end - reading.window.begin
    return next((text for each, text in _BUCKETS if length / each <= _MOST_BUCKETS), _BUCKETS[-1][1])


def _each(bucket: str) -> str:
    return bucket.removeprefix("1 ")


def _label(moment: datetime, bucket: str) -> str:
    if "day" in bucket:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%H:%M:%S}" if "second" in bucket else f"{moment:%m-%d %H:%M}"


def _milliseconds(figure: Figure) -> float:
    assert isinstance(figure.value, int)  # noqa: S101 - asked for where there is one
    return figure.value / 1000


def _change(now: Figure, then: Figure) -> Figure:
    name, how = f"{now.name}.change", "this window against the one before"
    new, old = now.value, then.value
    if not isinstance(new, int | float) or not isinstance(old, int | float):
        return Figure(name, None, "", now.source, how, absent="one of the two has no figure")
    if now.unit == "share":
        return Figure(
            name, 100 * (new - old), "points", now.source, f"{how}: difference in percentage points"
        )
    if not old:
        return Figure(name, None, "", now.source, how, absent="none in the window before")
    return Figure(name, (new - old) / old, "share", now.source, f"{how}: relative difference")
