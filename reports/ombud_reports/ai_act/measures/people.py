# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger can give on incidents, requests and erasure: Articles 20, 26(5), 73, 86 and GDPR 15, 17."""

from __future__ import annotations

from typing import Final

from ombud_reports.ai_act.measure import Measure, Shown, positive
from ombud_reports.ai_act.measures.windows import OURS, WINDOW

_LATE: Final = "coalesce(met_at, closed_at, $end::TIMESTAMP) > due_at"
_UNMET: Final = "closed_at IS NOT NULL AND met_at IS NULL"


def _matters(view: str, more: str = "") -> str:
    """Say in SQL what was said last of each matter that is open at the window's end or has entries in it.

    Every entry repeats what is known; the newest corrects those before it.
    """
    newest = "{'ts': ts, 'log': log, 'seq': seq}"
    state = f"arg_max(state, {newest})"
    return f"""(SELECT id, any_value(category) AS category, {state} AS state, min(began_at) AS began_at,
             arg_max(met_at, {newest}) AS met_at, arg_max(due_at, {newest}) AS due_at,
             min(ts) FILTER (state = 'closed') AS closed_at
      FROM {view} WHERE system = $system AND ts < $end::TIMESTAMP{more}
      GROUP BY id HAVING {state} = 'open' OR max(ts) >= $begin::TIMESTAMP)"""  # noqa: S608 - texts of ours


INCIDENTS: Final = Measure(
    "incidents",
    "Incidents and their clocks",
    f"""
SELECT count(*) AS incidents, count(*) FILTER (state <> 'closed') AS open,
       count(*) FILTER (met_at IS NOT NULL) AS reported, count(*) FILTER ({_LATE}) AS late,
       count(*) FILTER ({_UNMET}) AS unreported,
       min(due_at) FILTER (met_at IS NULL AND state = 'open') AS next_due
FROM {_matters("incidents")}
""",  # noqa: S608 - the conditions are ours
    (
        Shown("incidents", "Incidents that are open at its end, or have entries in the window", "incidents"),
        Shown("open", "Not closed", "incidents"),
        Shown("reported", "Reported to an authority", "incidents"),
        Shown("late", "Past their deadline before they were reported or closed", "incidents"),
        Shown("unreported", "Closed without a report to an authority", "incidents"),
        Shown("next_due", "Next deadline that is open", "UTC"),
    ),
    positive("incidents"),
    "That none is on record does not show that none happened. What each is, its own document says (`ombud "
    "report incident`).",
)
_COUNTED: Final = f"""count(*) AS requests, count(*) FILTER (met_at IS NOT NULL) AS answered,
       count(*) FILTER ({_LATE}) AS late, count(*) FILTER ({_UNMET}) AS unanswered,
       CAST(quantile_cont(date_diff('hour', began_at, met_at), 0.5) AS BIGINT) AS median_hours"""
_CLOCK: Final = (
    Shown("requests", "Requests that are open at its end, or have entries in the window", "requests"),
    Shown("answered", "Answered", "requests"),
    Shown("late", "Past their deadline before they were answered or closed", "requests"),
    Shown("unanswered", "Closed without an answer", "requests"),
    Shown("median_hours", "Half were answered within", "hours"),
)
REQUESTS: Final = Measure(
    "requests",
    "Requests of people",
    f"""
SELECT category, {_COUNTED}
FROM {_matters("requests")}
GROUP BY category ORDER BY category
""",  # noqa: S608
    _CLOCK,
    positive("requests"),
    "Requests that reached the ledger.",
    keys=(Shown("category", "What was asked for"),),
)


def _of_category(name: str, title: str, category: str) -> Measure:
    return Measure(
        name,
        title,
        f"""
SELECT {_COUNTED}
FROM {_matters("requests", f" AND category = '{category}'")}
""",  # noqa: S608
        _CLOCK,
        positive("requests"),
    )


EXPLANATIONS: Final = _of_category("explanations", "Requests for an explanation", "explanation")
CONTESTS: Final = _of_category("contests", "Decisions that people contested", "contest")
ACCESS_REQUESTS: Final = _of_category("access_requests", "Requests for access", "access")
ERASURE_REQUESTS: Final = _of_category("erasure_requests", "Requests for erasure", "erasure")
ERASURES: Final = Measure(
    "erasures",
    "Erasures",
    f"""
SELECT count(DISTINCT id) FILTER (kind = 'intent' AND action = 'erase') AS asked,
       count(DISTINCT record->>'$.erasure') FILTER (kind = 'shred' AND event = 'keys') AS done,
       coalesce(sum((record->>'$.destroyed')::BIGINT) FILTER (kind = 'shred' AND event = 'keys'), 0)::BIGINT
           AS keys_destroyed
FROM entries WHERE {WINDOW}
""",  # noqa: S608
    (
        Shown("asked", "Erasures asked for through the gateway", "erasures"),
        Shown("done", "Erasures that destroyed keys", "erasures"),
        Shown("keys_destroyed", "Keys destroyed", "keys"),
    ),
    positive("done"),
    "Of the whole ledger: an erasure names neither person nor system. Content is rendered unreadable by "
    "key destruction; whether that is erasure under Article 17 GDPR is for the controller to decide.",
)
HOLDS: Final = Measure(
    "holds",
    "Legal holds",
    f"""
SELECT count(*) FILTER (event = 'held') AS placed, count(*) FILTER (event = 'released') AS released
FROM systems WHERE {OURS}
""",  # noqa: S608
    (Shown("placed", "Placed", "holds"), Shown("released", "Released", "holds")),
    positive("placed"),
)
PEOPLE: Final = (
    INCIDENTS,
    REQUESTS,
    EXPLANATIONS,
    CONTESTS,
    ACCESS_REQUESTS,
    ERASURE_REQUESTS,
    ERASURES,
    HOLDS,
)
