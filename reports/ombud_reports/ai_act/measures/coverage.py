# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Coverage: what model servers counted, against the calls that the ledger has, by model version and period.

Samples of one log are compared with each other, never those of two logs: their clocks differ. Where several
gateways sample one server, the log with the most samples is taken; calls are counted over all logs.

1. From sample to sample a counter grows by `grown`. Where it is less than before, server or model was started
   again; then it grew at least by what it has now. What it counted before that, nobody knows.
2. Samples are joined into spans, by period, apart from those in which it was started again.
3. The ledger explains the calls that were forwarded, answered, and recorded within the span. A call under way
   when a sample was taken may be counted on either side of it: that is `edge`, and by it the result is open.
   So is a call that failed for the gateway (a deadline), but that the server may have finished.
4. A call is one request to the server; an explanation as many as its record says, which depends on how many
   cases the model takes at once. One that failed has no such number: it took at most one a case.
"""

from __future__ import annotations

from typing import Final

from ombud_reports.ai_act.measure import Measure, Shown, always, positive
from ombud_reports.ai_act.measures.windows import OURS

_THEN: Final = "f.answered AND f.version = s.version AND f.done > s.begins AND f.done <= s.ends"


def _requests(condition: str) -> str:
    """Say in SQL how many requests the calls of `forwarded` that meet a condition put to the server."""
    return f"coalesce(sum(f.requests) FILTER ({condition}), 0)::BIGINT"


_SPANS: Final = f"""
WITH asked AS (
    SELECT log, upstream, sampled, told, models, count(*) OVER (PARTITION BY upstream, log) AS rounds,
           lag(sampled) OVER turn AS since, lag(told) OVER turn AS since_told
    FROM (
        SELECT log, record->>'$.upstream' AS upstream, max(ts) AS told,
               make_timestamp((record->>'$.sampled_at')::BIGINT) AS sampled,
               flatten(list(from_json(record->'$.models',
                   '[{{"model": "VARCHAR", "version": "VARCHAR", "succeeded": "BIGINT"}}]'))) AS models
        FROM upstreams WHERE {OURS} AND event = 'counted' GROUP BY ALL
    )
    WINDOW turn AS (PARTITION BY log, upstream ORDER BY sampled)
), chosen AS (
    SELECT upstream, arg_max(log, (rounds, log)) AS log FROM asked GROUP BY upstream
), counted AS (
    SELECT * EXCLUDE (models), unnest(models, recursive := true)
    FROM asked SEMI JOIN chosen USING (upstream, log)
), grown AS (
    SELECT upstream, model, version, sampled, told,
           coalesce(sampled_before, since) AS since, coalesce(told_before, since_told) AS since_told,
           succeeded < succeeded_before AS restarted,
           succeeded - CASE WHEN succeeded < succeeded_before THEN 0 ELSE succeeded_before END AS grown
    FROM (
        SELECT *, lag(sampled) OVER turn AS sampled_before, lag(told) OVER turn AS told_before,
               coalesce(lag(succeeded) OVER turn, 0) AS succeeded_before
        FROM counted WINDOW turn AS (PARTITION BY log, upstream, model, version ORDER BY sampled)
    )
), spans AS (
    SELECT upstream, model, version, date_trunc($grain, sampled) AS period, restarted, min(since) AS begins,
           min(since_told) AS begins_told, max(sampled) AS ends, max(told) AS ends_told,
           sum(grown)::BIGINT AS server
    FROM (
        SELECT *, sum(restarted::INT) OVER (PARTITION BY upstream, model, version ORDER BY sampled) AS run
        FROM grown WHERE since IS NOT NULL
    )
    GROUP BY upstream, model, version, period, restarted, run
), forwarded AS (
    SELECT log, id, model, max(model_version) AS version, min(ts) AS done,
           min(ts - to_microseconds(added_us + forward_us + 20000)) AS received,
           bool_or(response_bytes IS NOT NULL) AS answered, action = 'explain' AS explains,
           max(CASE WHEN action = 'explain'
               THEN coalesce(record->>'$.requests', record->>'$.cases')::BIGINT ELSE 1 END) AS requests
    FROM entries
    WHERE system = $system AND action IN ('infer', 'explain') AND kind IN ('decision', 'outcome')
      AND forward_us IS NOT NULL AND ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP + INTERVAL 1 HOUR
    GROUP BY log, id, model, explains
), explained AS (
    SELECT s.upstream, s.model, s.version, s.period, s.restarted, s.begins, s.ends, s.server,
           {_requests(_THEN)} AS ledger, {_requests(f"f.explains AND {_THEN}")} AS explanations,
           {_requests("NOT f.answered AND f.done > s.begins AND f.done <= s.ends")} AS failed,
           {_requests("f.done > s.begins AND f.received <= s.begins_told")} AS edge_begin,
           {_requests("f.done > s.ends AND f.received <= s.ends_told")} AS edge_end
    FROM spans s LEFT JOIN forwarded f
        ON f.model = s.model AND f.done > s.begins AND f.received <= s.ends_told
    GROUP BY ALL
), found AS (
    SELECT *, edge_begin + edge_end AS edge,
           greatest(0, server - ledger - edge_end - failed)::BIGINT AS least,
           greatest(0, server - ledger + edge_begin)::BIGINT AS most
    FROM explained
)
"""  # noqa: S608 - the conditions are ours
COVERAGE: Final = Measure(
    "coverage",
    "Coverage: what model servers counted",
    f"""{_SPANS}
SELECT count(DISTINCT (upstream, model, version)) AS versions, min(begins) AS begins, max(ends) AS ends,
       sum(server)::BIGINT AS server, sum(ledger)::BIGINT AS ledger,
       sum(explanations)::BIGINT AS explanations, sum(least)::BIGINT AS least, sum(most)::BIGINT AS most,
       count(*) FILTER (restarted) AS restarts,
       (SELECT count(*) FROM upstreams WHERE {OURS} AND event = 'uncounted') AS silences,
       (SELECT coalesce(sum(requests), 0)::BIGINT FROM forwarded
        WHERE answered AND done >= $begin::TIMESTAMP AND done < $end::TIMESTAMP
        AND NOT coalesce((SELECT done > min(begins) AND done <= max(ends) FROM found), false)
       ) AS outside
FROM found
""",  # noqa: S608
    (
        Shown("versions", "Model versions that servers told of", "versions"),
        Shown("begins", "First sample", "UTC"),
        Shown("ends", "Last sample", "UTC"),
        Shown("server", "Requests that servers counted as answered", "requests"),
        Shown("ledger", "Of which the ledger has the calls", "requests"),
        Shown("explanations", "Of these, for explanations", "requests"),
        Shown("least", "Unexplained: possible bypass, at least", "requests"),
        Shown("most", "Unexplained: possible bypass, at most", "requests"),
        Shown("restarts", "Restarts of a server or model between samples", "restarts"),
        Shown("outside", "Answered before the first or after the last sample", "requests"),
        Shown("silences", "Entries that say a server did not tell", "entries"),
    ),
    positive("versions"),
    "Servers count since their own start. What one counted between the last sample before a restart and "
    "the restart is lost, and calls that a model makes to another on the server (an ensemble) count "
    "without passing here. So does whatever asks a server that no configuration names: it is not seen at "
    "all.",
)
SPANS: Final = Measure(
    "coverage_spans",
    "Coverage by model version and period",
    f"""{_SPANS}
SELECT row_number() OVER turn AS span, concat_ws(' ', upstream, model, version) AS served, version,
       begins, ends, server, ledger, failed, edge, least, most,
       CASE WHEN restarted THEN 'yes' ELSE 'no' END AS restarted
FROM found WINDOW turn AS (ORDER BY upstream, model, version, begins, ends, restarted)
ORDER BY span
""",  # noqa: S608
    (
        Shown("begins", "From", "UTC"),
        Shown("ends", "To", "UTC"),
        Shown("restarted", "Started again"),
        Shown("server", "Server"),
        Shown("ledger", "Ledger"),
        Shown("failed", "Failed"),
        Shown("edge", "Under way"),
        Shown("least", "At least"),
        Shown("most", "At most"),
    ),
    always,
    "Requests that the server counted as answered, those that the ledger has (one a call, of an "
    "explanation as many as its entry says), and how many are unexplained. Failed: the gateway saw no "
    "answer, the server may have finished it. Under way: received before a sample at either end and recorded "
    "after it, so it can be on either side.",
    keys=(Shown("span", "Span"), Shown("served", "Server, model, version")),
)
COVERED: Final = (COVERAGE, SPANS)
