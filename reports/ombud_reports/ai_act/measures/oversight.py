# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger can give on human oversight: Articles 14, 26(2) and GDPR 22."""

from __future__ import annotations

from typing import Final

from ombud_reports.ai_act.measure import Measure, Shown, positive
from ombud_reports.ai_act.measures.windows import OURS, WINDOW
from ombud_reports.reviewed import REVIEWED

_DECIDED: Final = "('approved', 'rejected', 'overridden')"
REVIEWS: Final = Measure(
    "reviews",
    "Reviews by humans",
    f"""{REVIEWED}
SELECT count(*) FILTER (opened >= $begin::TIMESTAMP) AS opened,
       count(*) FILTER (settled = 'approved') AS approved, count(*) FILTER (settled = 'rejected') AS rejected,
       count(*) FILTER (settled = 'overridden') AS overridden,
       count(*) FILTER (settled = 'expired') AS expired, count(*) FILTER (settled = 'erased') AS erased
FROM each WHERE opened >= $begin::TIMESTAMP OR settled_at >= $begin::TIMESTAMP
""",  # noqa: S608 - the conditions are ours
    (
        Shown("opened", "Opened", "reviews"),
        Shown("approved", "Approved", "reviews"),
        Shown("rejected", "Rejected", "reviews"),
        Shown("overridden", "Overridden", "reviews"),
        Shown("expired", "Expired without a decision", "reviews"),
        Shown("erased", "Closed because the person was erased", "reviews"),
    ),
    positive("opened"),
    "By when each happened: one opened before the window can be decided in it. Approved is what all its "
    "groups approved. Contests of earlier decisions are left out.",
)
REVIEW_TIMES: Final = Measure(
    "review_times",
    "How long humans took",
    f"""
SELECT count(*) AS decided,
       CAST(quantile_cont(seconds, 0.5) AS BIGINT) AS median_s,
       CAST(quantile_cont(seconds, 0.95) AS BIGINT) AS p95_s,
       count(*) FILTER (seconds < $readable_seconds::DOUBLE) AS quick,
       count(*) FILTER (approved) / nullif(count(*), 0) AS share_approved
FROM (SELECT o.id, epoch_us(d.ts - o.ts) / 1e6 AS seconds, d.approved
      FROM (SELECT id, min(ts) AS ts FROM reviews WHERE system = $system AND event = 'opened' GROUP BY id) o
      JOIN (SELECT id, min(ts) AS ts, arg_min(event, ts) = 'approved' AS approved FROM reviews
            WHERE system = $system AND event IN {_DECIDED} AND stage IS DISTINCT FROM 'contest'
            GROUP BY id) d ON d.id = o.id
      WHERE d.{WINDOW.replace(" AND ts", " AND d.ts")})
""",  # noqa: S608
    (
        Shown("decided", "Decided", "reviews"),
        Shown("median_s", "Half were decided within", "s"),
        Shown("p95_s", "95 of 100 were decided within", "s"),
        Shown("quick", "Decided sooner than a case can be read", "reviews"),
        Shown("share_approved", "Share approved", "share"),
    ),
    positive("decided"),
    "From opening to the first decision; contests of earlier decisions are left out. How soon a case can be "
    "read is the option readable_seconds. Quick or near-unanimous decisions can be a sign of automation bias "
    "(Article 14(4)(b)), and no proof of it.",
)
REVIEWERS: Final = Measure(
    "reviewers",
    "Who decided reviews",
    f"""
SELECT count(DISTINCT approver) AS reviewers, count(DISTINCT review_group) AS groups,
       count(DISTINCT id) AS reviews
FROM reviews WHERE {OURS} AND event IN {_DECIDED}
""",  # noqa: S608
    (
        Shown("reviewers", "Persons", "persons"),
        Shown("groups", "Groups that they decided for", "groups"),
        Shown("reviews", "Reviews that they decided", "reviews"),
    ),
    positive("reviewers"),
    "Contests of earlier decisions are among them.",
)
ROSTER: Final = Measure(
    "roster",
    "Reviewers and the declared roster",
    f"""
SELECT count(DISTINCT approver) FILTER (list_contains(roster, approver)) AS on_roster,
       count(DISTINCT approver) FILTER (NOT list_contains(roster, approver)) AS off_roster,
       count(DISTINCT id) FILTER (NOT list_contains(roster, approver)) AS reviews_off_roster
FROM reviews, (SELECT string_split($roster, chr(10)) AS roster)
WHERE {OURS} AND event IN {_DECIDED}
""",  # noqa: S608
    (
        Shown("on_roster", "Persons who decided and are on it", "persons"),
        Shown("off_roster", "Persons who decided and are not", "persons"),
        Shown("reviews_off_roster", "Reviews that those decided", "reviews"),
    ),
    lambda rows: any(row["on_roster"] and not row["off_roster"] for row in rows),
    "The roster is what the newest system file says, as it is now; who was on it then is not on record. "
    "Contests of earlier decisions are among the reviews.",
)
UNATTENDED: Final = Measure(
    "unattended",
    "Answers with and without a human",
    f"""
SELECT count(DISTINCT id) AS answered, count(DISTINCT id) FILTER (approved) AS with_human,
       count(DISTINCT id) FILTER (NOT approved) AS alone,
       count(DISTINCT id) FILTER (NOT approved) / nullif(count(DISTINCT id), 0) AS share_alone
FROM (SELECT id, bool_or(approval IS NOT NULL) OVER (PARTITION BY log, id) AS approved, kind, outcome
      FROM entries WHERE {OURS} AND action = 'infer')
WHERE kind IN ('decision', 'outcome') AND outcome = 'answered'
""",  # noqa: S608
    (
        Shown("answered", "Calls answered", "calls"),
        Shown("with_human", "After a human approved", "calls"),
        Shown("alone", "By policy alone", "calls"),
        Shown("share_alone", "Share by policy alone", "share"),
    ),
    positive("answered"),
    "What people do with an answer after it left the gateway is not on record here.",
)
STOPS: Final = Measure(
    "stops",
    "Stops and resumptions",
    f"""
SELECT count(DISTINCT coalesce(id, log || seq)) FILTER (action = 'stop' OR event = 'stopped') AS stops,
       count(*) FILTER (event = 'resumed') AS resumptions,
       count(DISTINCT id) FILTER (reason = 'STOPPED') AS refused
FROM entries WHERE {WINDOW} AND coalesce(system, $system) = $system
""",  # noqa: S608
    (
        Shown("stops", "Stops", "stops"),
        Shown("resumptions", "Resumptions", "resumptions"),
        Shown("refused", "Calls refused because it was stopped", "calls"),
    ),
    positive("stops"),
)
REASONS: Final = Measure(
    "reasons",
    "Decisions that name their policies",
    f"""
SELECT count(*) AS decisions, count(*) FILTER (len(policies) > 0) AS named,
       count(*) FILTER (len(policies) > 0) / nullif(count(*), 0) AS share
FROM calls WHERE {OURS} AND verdict IS NOT NULL AND action IN ('infer', 'invoke')
""",  # noqa: S608
    (
        Shown("decisions", "Decisions", "decisions"),
        Shown("named", "With the policies that determined them", "decisions"),
        Shown("share", "Share", "share"),
    ),
    positive("named"),
    "A decision without a policy is a default denial: none permitted it.",
)
OVERSIGHT: Final = (REVIEWS, REVIEW_TIMES, REVIEWERS, ROSTER, UNATTENDED, STOPS, REASONS)
