# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the operations report asks. Memory does not grow with rows but for the number of cases.

Calls are inferences and invocations of the system; a call that was recorded as intent has the end that its
last outcome says. A case is all calls of one correlation id, or a call without one. Cases are counted by a
64-bit hash, which keeps memory small: at ten million cases two share one with a chance of three in a million.
"""

from __future__ import annotations

from typing import Final

from ombud_reports.reviewed import CONTESTED, REVIEWED

_CALLS: Final = """
WITH asked AS (
    SELECT id, ts, kind, coalesce(attempt, 1) AS attempt, hash(coalesce(correlation_id, id)) AS case_hash,
           verdict, review, approval, outcome, status, reason, cost_micros, currency
    FROM calls
    WHERE system = $system AND action IN ('infer', 'invoke')
      AND ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP
), ended AS (
    SELECT id, max_by({'outcome': outcome, 'status': status, 'reason': reason, 'verdict': verdict}, seq)
               AS last,
           sum(cost_micros) AS cost_micros, max(currency) AS currency, max(review) AS review
    FROM outcomes
    WHERE system = $system AND ts >= $begin::TIMESTAMP
      AND id IN (SELECT id FROM asked WHERE kind = 'intent')
    GROUP BY id
), each AS (
    SELECT a.id, a.ts, a.attempt, a.case_hash, a.approval,
           coalesce(e.last.verdict, a.verdict, 'none') AS verdict, coalesce(e.review, a.review) AS review,
           CASE WHEN a.kind = 'intent' THEN coalesce(e.last.outcome, 'not known') ELSE a.outcome END
               AS outcome,
           CASE WHEN a.kind = 'intent' THEN e.last.status ELSE a.status END AS status,
           CASE WHEN a.kind = 'intent' THEN e.last.reason ELSE a.reason END AS reason,
           coalesce(e.cost_micros, a.cost_micros) AS cost_micros, coalesce(e.currency, a.currency) AS currency
    FROM asked a LEFT JOIN ended e ON e.id = a.id AND a.kind = 'intent'
)
"""
_FAILED: Final = """
(outcome IN ('failed', 'not known') OR status IN ('INTERNAL', 'UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED'))
"""

VOLUME: Final = (
    _CALLS
    + f"""
SELECT count(*) AS calls, count(DISTINCT case_hash) AS cases,
       count(*) FILTER (attempt > 1) AS retries, count(*) FILTER (approval IS NOT NULL) AS resumed,
       count(*) FILTER (outcome = 'answered') AS answered,
       count(*) FILTER (verdict = 'allow') AS allow, count(*) FILTER (verdict = 'deny') AS deny,
       count(*) FILTER (verdict = 'review') AS review, count(*) FILTER (verdict = 'none') AS no_verdict,
       count(*) FILTER {_FAILED.strip()} AS failed
FROM each
"""  # noqa: S608 - constants
)
STRAIGHT: Final = (
    _CALLS  # noqa: S608 - constants
    + """
, cases AS (
    SELECT case_hash, bool_or(outcome = 'answered') AS answered,
           bool_or(verdict = 'review' OR review IS NOT NULL OR approval IS NOT NULL) AS human
    FROM each GROUP BY case_hash
)
SELECT count(*) AS cases, count(*) FILTER (answered AND NOT human) AS straight,
       count(*) FILTER (answered AND human) AS answered_after_review,
       count(*) FILTER (NOT answered) AS unanswered
FROM cases
"""
)
REFUSALS: Final = (
    _CALLS
    + """
SELECT coalesce(reason, outcome) AS reason, coalesce(status, 'none') AS status, count(*) AS calls
FROM each WHERE outcome <> 'answered'
GROUP BY ALL ORDER BY calls DESC, reason, status LIMIT 50
"""
)
ATTEMPTS: Final = (
    _CALLS
    + """
SELECT least(attempt, 5) AS attempt, count(*) AS calls, count(*) FILTER (outcome = 'answered') AS answered
FROM each GROUP BY ALL ORDER BY attempt
"""
)
COST: Final = (
    _CALLS
    + """
SELECT currency, count(*) AS calls, count(DISTINCT case_hash) AS cases, sum(cost_micros)::BIGINT AS micros
FROM each WHERE cost_micros IS NOT NULL AND currency IS NOT NULL
GROUP BY currency ORDER BY currency
"""
)
OVER_TIME: Final = (
    _CALLS
    + """
, buckets AS (
    SELECT unnest(generate_series(time_bucket($bucket::INTERVAL, $begin::TIMESTAMP),
                                  $end::TIMESTAMP - INTERVAL 1 MICROSECOND, $bucket::INTERVAL)) AS bucket
)
SELECT b.bucket, count(e.id) AS calls, count(e.id) FILTER (e.outcome = 'answered') AS answered,
       count(e.id) FILTER (e.verdict = 'review') AS review, count(e.id) FILTER (e.verdict = 'deny') AS deny
FROM buckets b LEFT JOIN each e ON time_bucket($bucket::INTERVAL, e.ts) = b.bucket
GROUP BY b.bucket ORDER BY b.bucket
"""
)
# Nearest rank: the least time that so large a share of the calls did not exceed. Counts by microsecond, so
# that the whole distribution is there and no call is kept.
LATENCY: Final = """
WITH steps AS (
    SELECT unnest([{'step': 'identify', 'us': identify_us}, {'step': 'contract', 'us': contract_us},
                   {'step': 'decide', 'us': decide_us}, {'step': 'forward', 'us': forward_us},
                   {'step': 'release', 'us': release_us}, {'step': 'added', 'us': added_us}]) AS each
    FROM entries
    WHERE kind IN ('decision', 'outcome') AND system = $system AND action IN ('infer', 'invoke')
      AND coalesce(final, true) AND ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP
), counted AS (
    SELECT each.step AS step, each.us AS us, count(*) AS calls
    FROM steps WHERE each.us IS NOT NULL GROUP BY ALL
), ranked AS (
    SELECT step, us, sum(calls) OVER (PARTITION BY step ORDER BY us) AS upto,
           sum(calls) OVER (PARTITION BY step) AS total
    FROM counted
)
SELECT step, max(total)::BIGINT AS calls, min(us) FILTER (upto >= 0.50 * total) AS p50,
       min(us) FILTER (upto >= 0.95 * total) AS p95, min(us) FILTER (upto >= 0.99 * total) AS p99
FROM ranked GROUP BY step ORDER BY step
"""


REVIEWS: Final = (
    REVIEWED
    + """
SELECT count(*) FILTER (opened >= $begin::TIMESTAMP) AS opened,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND settled = 'approved') AS approved,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND settled = 'rejected') AS rejected,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND settled = 'overridden') AS overridden,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND settled IN ('expired', 'erased')) AS lapsed,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND stage = 'release'
                        AND settled IN ('approved', 'rejected', 'overridden')) AS answers_judged,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND stage = 'release'
                        AND settled IN ('rejected', 'overridden')) AS answers_not_let_out,
       count(*) FILTER (settled_at IS NULL) AS waiting,
       max(epoch_us($end::TIMESTAMP) - epoch_us(opened)) FILTER (settled_at IS NULL) AS oldest_us,
       quantile_disc(epoch_us($end::TIMESTAMP) - epoch_us(opened), 0.5) FILTER (settled_at IS NULL)
           AS median_us
FROM each
"""
)
CONTESTS: Final = (
    CONTESTED
    + """
SELECT count(*) FILTER (opened >= $begin::TIMESTAMP) AS opened,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND settled = 'approved') AS granted,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND settled = 'rejected') AS refused,
       count(*) FILTER (settled_at >= $begin::TIMESTAMP AND settled IN ('expired', 'erased')) AS lapsed,
       count(*) FILTER (settled_at IS NULL) AS waiting
FROM each
"""
)
RESOLUTION: Final = (
    REVIEWED
    + """
SELECT count(*) AS verdicts, quantile_disc(epoch_us(settled_at) - epoch_us(opened), [0.5, 0.95, 0.99]) AS us
FROM each
WHERE settled IN ('approved', 'rejected', 'overridden') AND settled_at >= $begin::TIMESTAMP
"""
)
TURNAROUND: Final = (
    REVIEWED
    + """
SELECT count(*) AS reviews,
       count(*) FILTER (coalesce(settled IN ('approved', 'rejected', 'overridden'), false)
           AND epoch_us(settled_at) - epoch_us(opened) <= $within_us::BIGINT) AS within
FROM each
WHERE coalesce(settled, '') <> 'erased'
  AND (settled_at >= $begin::TIMESTAMP
       OR (settled_at IS NULL AND epoch_us($end::TIMESTAMP) - epoch_us(opened) > $within_us::BIGINT))
"""
)
BACKLOG: Final = (
    REVIEWED
    + """
, moments AS (
    SELECT unnest(generate_series(
        $begin::TIMESTAMP + $bucket::INTERVAL, $end::TIMESTAMP, $bucket::INTERVAL)) AS moment
)
SELECT moment, count(id) AS waiting, coalesce(max(epoch_us(moment) - epoch_us(opened)), 0) AS oldest_us
FROM moments LEFT JOIN each ON opened < moment AND (settled_at IS NULL OR settled_at >= moment)
GROUP BY moment ORDER BY moment
"""
)
WITHIN_ADDED: Final = """
SELECT count(*) AS calls, count(*) FILTER (added_us <= $within_us::BIGINT) AS within
FROM entries
WHERE kind IN ('decision', 'outcome') AND system = $system AND action IN ('infer', 'invoke')
  AND added_us IS NOT NULL AND coalesce(final, true)
  AND ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP
"""
UNJUDGED: Final = """
SELECT counted.key AS reason, sum(counted.value::BIGINT)::BIGINT AS calls
FROM refused, json_each(record->'$.counts') AS counted
WHERE ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP
GROUP BY ALL ORDER BY calls DESC, reason LIMIT 50
"""
BEGINS: Final = """
SELECT min(ts) AS first_utc FROM entries
"""
