# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What auditors ask, as named questions in SQL over the ledger's views.

Each is one SELECT that anyone can run again with `ombud query`; nothing is computed outside it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer's SQL; `why` says what the answer is good for, and what it does not tell."""

    title: str
    why: str
    sql: str


REFUSED: Final = Question(
    title="Who was refused, and by which policy?",
    why="Shows which policies bite, and whom. A call with no policy was permitted by none (default deny). "
    "A call that waited for a human counts as `review`; what became of it is another question.",
    sql="""
SELECT principal, model, verdict, policy, count(DISTINCT id) AS calls, max(ts) AS last_utc
FROM (
    SELECT id, principal, coalesce(model, resource) AS model, verdict, ts,
           unnest(CASE WHEN len(policies) > 0 THEN policies ELSE ['(none permits)'] END) AS policy
    FROM entries
    WHERE verdict IN ('deny', 'review')
)
GROUP BY ALL
ORDER BY calls DESC, principal, model, policy
""",
)

LET_THROUGH_BY_HUMANS: Final = Question(
    title="Which calls did a human let through, and what came of them?",
    why="Human oversight (EU AI Act, article 14) as it happened: who approved, for which group, how long the "
    "call waited. Why they approved is in the facts of their verdict, for as long as those are kept.",
    sql="""
SELECT i.ts AS let_through_utc, i.id AS call, i.principal, coalesce(i.model, i.resource) AS model,
       r.approvers, r.groups, (epoch_us(i.ts) - r.opened_us) // 1000000 AS waited_s, o.outcome, o.status
FROM intents i
JOIN (
    SELECT id, list(DISTINCT approver ORDER BY approver) FILTER (event = 'approved') AS approvers,
           list(DISTINCT review_group ORDER BY review_group) FILTER (event = 'approved') AS groups,
           min(epoch_us(ts)) FILTER (event = 'opened') AS opened_us
    FROM reviews GROUP BY id
) r ON r.id = i.approval
LEFT JOIN (
    SELECT log, id, arg_max(outcome, seq) AS outcome, arg_max(status, seq) AS status
    FROM outcomes GROUP BY log, id
) o ON o.log = i.log AND o.id = i.id
ORDER BY i.ts, i.id
""",
)

ANSWERED_BY_VERSION: Final = Question(
    title="Which model versions answered, and how often?",
    why="Ties every answer to the version, the configuration and the artifact that gave it. "
    "`not supplied` means that nobody told the gateway the artifact's digest.",
    sql="""
SELECT *, round(answers / sum(answers) OVER (PARTITION BY system), 4) AS share_of_system
FROM (
    SELECT a.system, a.model, a.model_version, a.config_digest, c.artifact_digest, count(*) AS answers
    FROM entries a
    LEFT JOIN calls c ON c.log = a.log AND c.id = a.id
    WHERE a.kind IN ('decision', 'outcome') AND a.action = 'infer' AND a.outcome = 'answered'
    GROUP BY ALL
)
ORDER BY system, answers DESC, model, model_version
""",
)

BREACHES: Final = Question(
    title="Which inputs broke the contract?",
    why="Shows where callers send what the model was not made for. The record names field and bound only; "
    "the offending value is in the facts, for as long as those are kept.",
    sql="""
SELECT system, principal, breach_field AS field, breach_bound AS bound, count(*) AS calls, max(ts) AS last_utc
FROM entries
WHERE breach_field IS NOT NULL
GROUP BY ALL
ORDER BY calls DESC, system, principal, field
""",
)

VERDICTS_BY_POLICY: Final = Question(
    title="Which policies decided, and how?",
    why="One call counts once for each policy that determined its verdict, so columns can add up to more "
    "than the calls. Records name at most the first 32 policies of a verdict.",
    sql="""
SELECT policy, count(DISTINCT id) FILTER (verdict = 'allow') AS allow,
       count(DISTINCT id) FILTER (verdict = 'review') AS review,
       count(DISTINCT id) FILTER (verdict = 'deny') AS deny
FROM (
    SELECT id, verdict,
           unnest(CASE WHEN len(policies) > 0 THEN policies ELSE ['(none permits)'] END) AS policy
    FROM entries
    WHERE verdict IS NOT NULL
)
GROUP BY policy
ORDER BY allow + review + deny DESC, policy
""",
)

LATENCY: Final = Question(
    title="What does the gateway add to a call?",
    why="Microseconds between a call's arrival and its record, less the time its upstream took. The commit "
    "of the record itself is not in it: a record cannot hold the time of its own writing.",
    sql="""
SELECT action, count(*) AS calls,
       CAST(quantile_cont(added_us, 0.5) AS BIGINT) AS p50_us,
       CAST(quantile_cont(added_us, 0.95) AS BIGINT) AS p95_us,
       CAST(quantile_cont(added_us, 0.99) AS BIGINT) AS p99_us
FROM entries
WHERE added_us IS NOT NULL
GROUP BY action
ORDER BY calls DESC, action
""",
)

QUESTIONS: Final = (REFUSED, LET_THROUGH_BY_HUMANS, ANSWERED_BY_VERSION, BREACHES)
"""What an auditor asks first."""


def answers_below(system: str, field: str, bound: float) -> Question:
    """Ask which share of a system's answers had a numeric field, such as its confidence, below a bound.

    `field` is a column of the system's contract. Raises ValueError for what cannot be a name or a bound.
    """
    for name in (system, field):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} must be lower-case letters, digits and _, starting with a letter")
    if not math.isfinite(bound):
        raise ValueError(f"bound is {bound}, must be finite")
    sql = f"""
SELECT e.model, e.model_version, count(f.{field}) AS answers,
       count(*) FILTER (f.{field} < {bound!r}) AS below,
       round(count(*) FILTER (f.{field} < {bound!r}) / count(f.{field}), 4) AS share
FROM facts_{system} f
JOIN entries e ON e.log = f.log AND e.seq = f.seq
WHERE f.{field} IS NOT NULL
GROUP BY e.model, e.model_version
ORDER BY e.model, e.model_version
"""  # noqa: S608 - names and bound are checked above
    return Question(
        title=f"Which share of the answers of {system} had {field} below {bound:g}?",
        why="An answer the model itself is unsure of deserves a second look. Answers whose facts were "
        "erased, or never kept, are not counted.",
        sql=sql,
    )
