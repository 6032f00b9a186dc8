# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger gives on how well a system works, and what policy keeps out: Articles 5, 9, 10, 15, 72."""

from __future__ import annotations

from typing import Final

from ombud_reports.ai_act.measure import Measure, Shown, any_rows, positive
from ombud_reports.ai_act.measures.windows import OURS

DENIALS: Final = Measure(
    "denials",
    "Verdicts of policy",
    f"""
SELECT count(DISTINCT id) AS judged,
       count(DISTINCT id) FILTER (verdict = 'deny') AS denied,
       count(DISTINCT id) FILTER (verdict = 'review') AS sent_to_review,
       count(DISTINCT policy) FILTER (verdict IN ('deny', 'review')) AS policies
FROM (SELECT id, verdict, unnest(CASE WHEN len(policies) > 0 THEN policies ELSE [NULL] END) AS policy
      FROM entries WHERE {OURS} AND verdict IS NOT NULL AND kind IN ('decision', 'intent', 'outcome')
      AND action IN ('infer', 'invoke'))
""",  # noqa: S608 - the conditions are ours
    (
        Shown("judged", "Calls that policy judged", "calls"),
        Shown("denied", "Denied", "calls"),
        Shown("sent_to_review", "Sent to a human", "calls"),
        Shown("policies", "Policies that denied or sent to a human", "policies"),
    ),
    positive("judged"),
    "A call can count as sent to a human, and, once approved, as let through.",
)
POLICIES: Final = Measure(
    "policies",
    "Policies that stood against calls",
    f"""
SELECT policy, count(DISTINCT id) FILTER (verdict = 'deny') AS denied,
       count(DISTINCT id) FILTER (verdict = 'review') AS sent_to_review
FROM (SELECT id, verdict,
             unnest(CASE WHEN len(policies) > 0 THEN policies ELSE ['(none permits)'] END) AS policy
      FROM entries WHERE {OURS} AND verdict IN ('deny', 'review') AND action IN ('infer', 'invoke'))
GROUP BY policy ORDER BY policy
""",  # noqa: S608
    (Shown("denied", "Denied", "calls"), Shown("sent_to_review", "Sent to a human", "calls")),
    any_rows,
    "A call counts once for each policy that determined its verdict; records name the first 32.",
    keys=(Shown("policy", "Policy"),),
)
BREACHES: Final = Measure(
    "breaches",
    "Inputs out of contract",
    f"""
SELECT count(DISTINCT id) AS calls, count(DISTINCT id) FILTER (breach_field IS NOT NULL) AS breached,
       count(DISTINCT breach_field) AS fields,
       count(DISTINCT id) FILTER (breach_field IS NOT NULL) / nullif(count(DISTINCT id), 0) AS share
FROM entries WHERE {OURS} AND kind IN ('decision', 'intent', 'outcome') AND action IN ('infer', 'invoke')
""",  # noqa: S608
    (
        Shown("calls", "Calls", "calls"),
        Shown("breached", "Calls that broke the contract", "calls"),
        Shown("share", "Share of calls", "share"),
        Shown("fields", "Fields that were broken", "fields"),
    ),
    positive("calls"),
)
ERRORS: Final = Measure(
    "errors",
    "Answers and failures",
    f"""
SELECT count(DISTINCT id) AS forwarded,
       count(DISTINCT id) FILTER (outcome = 'answered') AS answered,
       count(DISTINCT id) FILTER (outcome IN ('held', 'withheld')) AS kept_back,
       count(DISTINCT id) FILTER (outcome IN ('failed', 'cancelled')) AS failed,
       count(DISTINCT id) FILTER (outcome IN ('failed', 'cancelled'))
           / nullif(count(DISTINCT id), 0) AS share,
       count(DISTINCT id) FILTER (route = 'fallback') AS fell_back
FROM entries WHERE {OURS} AND action = 'infer' AND forward_us IS NOT NULL
""",  # noqa: S608
    (
        Shown("forwarded", "Calls forwarded to a model", "calls"),
        Shown("answered", "Answered", "calls"),
        Shown("kept_back", "Answer kept back by policy", "calls"),
        Shown("failed", "Failed or cancelled", "calls"),
        Shown("share", "Share failed or cancelled", "share"),
        Shown("fell_back", "Answered by a fallback", "calls"),
    ),
    positive("forwarded"),
)
FACTS_KEPT: Final = Measure(
    "facts_kept",
    "Inputs and answers kept beside entries",
    f"""
SELECT count(*) AS committed, count(f.facts) AS readable, count(*) - count(f.facts) AS gone
FROM (SELECT log, seq FROM entries WHERE {OURS} AND kind IN ('decision', 'intent', 'outcome')
      AND record->>'$.facts_commit' IS NOT NULL) e
LEFT JOIN facts f ON f.log = e.log AND f.seq = e.seq
""",  # noqa: S608
    (
        Shown("committed", "Entries with facts", "entries"),
        Shown("readable", "Facts still there", "entries"),
        Shown("gone", "Erased, pruned or not handed out", "entries"),
    ),
    positive("readable"),
)
LABELS: Final = Measure(
    "labels",
    "Labels by kind",
    f"""
SELECT label_kind, selection, count(*) AS labels, count(DISTINCT decision) AS decisions
FROM labels WHERE {OURS} GROUP BY ALL ORDER BY ALL
""",  # noqa: S608
    (Shown("labels", "Labels", "labels"), Shown("decisions", "Decisions labelled", "decisions")),
    any_rows,
    "What past decisions said is no ground truth: it tells agreement with them, not accuracy.",
    keys=(Shown("label_kind", "Kind of label"), Shown("selection", "How cases were chosen")),
)


def _reports(name: str, title: str, kinds: str) -> Measure:
    return Measure(
        name,
        title,
        f"""
SELECT count(*) AS reports, min(ts) AS first_report, max(ts) AS last_report
FROM reports WHERE {OURS} AND event = 'made' AND record->>'$.report' IN ({kinds})
""",  # noqa: S608
        (
            Shown("reports", "Reports on record", "reports"),
            Shown("first_report", "First", "UTC"),
            Shown("last_report", "Last", "UTC"),
        ),
        positive("reports"),
        "That a report was made; what it found is in the report itself.",
    )


DRIFT_REPORTS: Final = _reports("drift_reports", "Drift reports", "'drift'")
BIAS_REPORTS: Final = _reports("bias_reports", "Bias reports", "'bias'")
OPERATIONS_REPORTS: Final = _reports("operations_reports", "Operations reports", "'operations'")
MONITORING_REPORTS: Final = _reports(
    "monitoring_reports", "Monitoring reports of any kind", "'drift', 'bias', 'operations'"
)
QUALITY: Final = (
    DENIALS,
    POLICIES,
    BREACHES,
    ERRORS,
    FACTS_KEPT,
    LABELS,
    DRIFT_REPORTS,
    BIAS_REPORTS,
    OPERATIONS_REPORTS,
    MONITORING_REPORTS,
)
