# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a report cannot know: times nobody vouches for, facts erased, entries pruned, logs left out.

Every report begins with it. That all is well is said as well, with the figures that say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ombud_reports.reading import Reading
from ombud_reports.result import Figure, Notice, Section, Table

EXTENT: Final = "basis.extent"
ERASED: Final = "basis.erased"
PAUSES: Final = "basis.pauses"

_EXTENT: Final = """
SELECT log, count(*) AS entries, min(ts) AS first_utc, max(ts) AS last_utc,
       count(*) FILTER (ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP) AS in_window,
       count(*) FILTER (ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP AND system = $system) AS of_system
FROM entries GROUP BY log ORDER BY log
"""
# Facts carry no time: a log's entries are in order of time, so a window is a run of numbers.
_ERASED: Final = """
WITH runs AS (
    SELECT log, min(seq) AS first_seq, max(seq) AS last_seq FROM entries
    WHERE ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP GROUP BY log
), typed AS (
    SELECT DISTINCT left(facts_contract, 16) AS contract FROM entries
    WHERE system = $system AND facts_contract IS NOT NULL
)
SELECT count(*) AS facts, count(*) FILTER (f.erased) AS erased
FROM facts f JOIN runs r ON r.log = f.log AND f.seq BETWEEN r.first_seq AND r.last_seq
WHERE f.contract IN (SELECT contract FROM typed)
"""
# Minutes with entries, then the spaces between them: a silence longer than a beat and its minute of slack
# always spans one. Times before `close` and after are the operator's own doing, and counted apart.
_PAUSES: Final = """
WITH minutes AS (
    SELECT log, time_bucket(INTERVAL '1 minute', ts) AS minute, min(ts) AS first_ts, max(ts) AS last_ts,
           arg_max(kind, seq) AS last_kind
    FROM entries GROUP BY ALL
), spaces AS (
    SELECT log, lag(last_ts) OVER w AS from_ts, first_ts AS to_ts, lag(last_kind) OVER w AS before_kind
    FROM minutes WINDOW w AS (PARTITION BY log ORDER BY minute)
), beats AS (
    SELECT log, ts, coalesce((record->>'$.beat_seconds')::BIGINT, 0) AS beat_s
    FROM entries WHERE kind IN ('genesis', 'boot')
), told AS (
    SELECT s.log, 'silent' AS why, s.from_ts, s.to_ts, 0 AS refused
    FROM spaces s ASOF JOIN beats b ON b.log = s.log AND s.from_ts >= b.ts
    WHERE s.before_kind <> 'close' AND b.beat_s > 0 AND s.to_ts - s.from_ts > to_seconds(b.beat_s + 60)
    UNION ALL
    SELECT log, 'gap', make_timestamp((record->>'$.from_ts')::BIGINT),
           make_timestamp((record->>'$.to_ts')::BIGINT), coalesce((record->>'$.refused')::BIGINT, 0)
    FROM gaps
    UNION ALL
    SELECT log, 'crashed', ts, ts, 0 FROM boots WHERE record->>'$.clean' IS DISTINCT FROM 'true'
    UNION ALL
    SELECT log, 'closed', from_ts, to_ts, 0 FROM spaces WHERE before_kind = 'close'
)
SELECT why, count(*) AS times, sum(epoch_us(to_ts) - epoch_us(from_ts))::BIGINT AS us,
       sum(refused)::BIGINT AS refused, min(from_ts) AS first_utc
FROM told WHERE to_ts >= $begin::TIMESTAMP AND from_ts < $end::TIMESTAMP
GROUP BY why ORDER BY why
"""
_TOLD: Final = {
    "silent": "Times without any entry, not even the beat that a log promises: nobody vouches for them",
    "gap": "Times when the ledger could not be written, and calls were refused",
    "crashed": "Starts after an end that the log does not tell of",
    "closed": "Times when the log was closed, as it says itself",
}


def gaps(reading: Reading) -> Section:
    """Say out loud what the entries of the window leave out. Raises what `Reading.ask` raises."""
    extent = reading.ask(EXTENT, _EXTENT)
    (facts,) = reading.ask(ERASED, _ERASED)
    pauses = {row["why"]: row for row in reading.ask(PAUSES, _PAUSES)}
    there = Table("What there is", ("what", "figure"), (*_extent_rows(extent), *_facts_rows(facts)))
    missing = Table(
        "When nobody vouches for the log", ("what", "how often", "together"), tuple(_pauses(pauses))
    )
    notices = [*_about_logs(reading, extent), *_about_facts(facts), *_about_pauses(pauses)]
    if not notices:
        sound = "No gap, silence, crash, erasure or pruning in this window, as far as the ledger tells."
        notices = [Notice(sound)]
    limits = Notice(
        "The ledger shows what passed the gateway, not what bypassed it. Where a checkpoint is named, the"
        " records were held to it while this report was made. What holds files, columns and facts to them"
        " is `ombud ledger verify`."
    )
    return Section("Gaps and limits", (*notices, limits, there, missing))


def _extent_rows(extent: Sequence[dict[str, Any]]) -> Iterator[tuple[str | Figure, ...]]:
    for name, what, key in (
        ("basis.entries", "Entries that the report rests on", "entries"),
        ("basis.in_window", "of these, in the window", "in_window"),
        ("basis.of_system", "of these, of the system", "of_system"),
    ):
        total = sum(row[key] for row in extent)
        yield what, Figure(name, total, "entries", EXTENT, "sum over the logs" if len(extent) > 1 else "")


def _facts_rows(facts: dict[str, Any]) -> Iterator[tuple[str | Figure, ...]]:
    how = "facts under the contracts that the system's entries name"
    yield "Facts in the window", Figure("basis.facts", facts["facts"], "rows", ERASED, how)
    yield "of these, erased", Figure("basis.facts_erased", facts["erased"], "rows", ERASED, how)


def _pauses(pauses: dict[str, dict[str, Any]]) -> Iterator[tuple[str | Figure, ...]]:
    nothing = {"times": 0, "us": 0, "refused": 0}
    for why, what in _TOLD.items():
        row = pauses.get(why, nothing)
        lasted = Figure(f"basis.{why}_us", row["us"], "us", PAUSES) if why != "crashed" else "not known"
        yield what, Figure(f"basis.{why}", row["times"], "times", PAUSES), lasted
    refused = pauses.get("gap", nothing)["refused"]
    yield "Writes refused in gaps", Figure("basis.gap_refused", refused, "writes", PAUSES), ""


def _about_logs(reading: Reading, extent: Sequence[dict[str, Any]]) -> Iterator[Notice]:
    ledger, window = reading.ledger, reading.window
    yield from (Notice(line, "gap") for line in ledger.export)
    for log in ledger.left_out:
        yield Notice(f"Log {log} is left out: no checkpoint that was given is of it.", "gap")
    for log, begins in ledger.pruned.items():
        yield Notice(f"Log {log}: entries before number {begins} were pruned by declaration.", "gap")
    begin, end = (each.replace(tzinfo=None) for each in (window.begin, window.end))
    first, last = min(row["first_utc"] for row in extent), max(row["last_utc"] for row in extent)
    if first > begin:
        yield Notice(f"The first entry is of {first:%Y-%m-%d %H:%M:%S} UTC, after the window begins.", "gap")
    if last < end:
        behind = end - last
        if behind.total_seconds() > 1:
            yield Notice(f"The last entry is of {last:%Y-%m-%d %H:%M:%S} UTC, before the window ends.", "gap")


def _about_facts(facts: dict[str, Any]) -> Iterator[Notice]:
    if facts["erased"]:
        text = (
            f"Facts of {facts['erased']:,} of {facts['facts']:,} entries in the window were erased. What"
            " rests on facts leaves them out and does not guess; counts of calls and verdicts keep them."
        )
        yield Notice(text, "gap")


def _about_pauses(pauses: dict[str, dict[str, Any]]) -> Iterator[Notice]:
    for why in ("silent", "gap", "crashed"):
        if row := pauses.get(why):
            lasted = f", {row['us'] / 1e6:,.0f} s together" if row["us"] else ""
            first = f"{row['first_utc']:%Y-%m-%d %H:%M:%S} UTC"
            yield Notice(f"{_TOLD[why]}: {row['times']} in this window{lasted}, the first at {first}.", "gap")
