# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger can give on how a system is used, and which versions answered: Articles 11, 25 to 27."""

from __future__ import annotations

from typing import Final

from ombud_reports.ai_act.measure import Measure, Shown, any_rows, positive
from ombud_reports.ai_act.measures.windows import OURS

USAGE: Final = Measure(
    "usage",
    "Period and frequency of use",
    f"""
SELECT count(*) AS days, min(day) AS first_day, max(day) AS last_day, min(calls) AS least,
       CAST(quantile_disc(calls, 0.5) AS BIGINT) AS median, max(calls) AS most
FROM (SELECT CAST(ts AS DATE) AS day, count(DISTINCT id) AS calls FROM calls
      WHERE {OURS} AND action IN ('infer', 'invoke') GROUP BY day)
""",  # noqa: S608 - the conditions are ours
    (
        Shown("days", "Days with calls", "days"),
        Shown("first_day", "First of them"),
        Shown("last_day", "Last of them"),
        Shown("least", "Calls on the quietest of these days", "calls"),
        Shown("median", "Calls on the median day", "calls"),
        Shown("most", "Calls on the busiest day", "calls"),
    ),
    positive("days"),
    "Days in UTC.",
)
CALLERS: Final = Measure(
    "callers",
    "Who used it",
    f"""
SELECT principal_type, count(DISTINCT principal) AS principals, count(DISTINCT id) AS calls,
       count(DISTINCT id) FILTER (verdict = 'deny') AS denied
FROM calls WHERE {OURS} AND principal_type IS NOT NULL
GROUP BY principal_type ORDER BY principal_type
""",  # noqa: S608
    (
        Shown("principals", "Principals", "principals"),
        Shown("calls", "Calls", "calls"),
        Shown("denied", "Denied", "calls"),
    ),
    any_rows,
    keys=(Shown("principal_type", "Type of caller"),),
)
PATHS: Final = Measure(
    "paths",
    "Call paths",
    f"""
SELECT door, method, action, count(DISTINCT id) AS calls FROM calls WHERE {OURS}
GROUP BY ALL ORDER BY ALL
""",  # noqa: S608
    (Shown("calls", "Calls", "calls"),),
    any_rows,
    keys=(Shown("door", "Door"), Shown("method", "Method"), Shown("action", "Action")),
)
VERSIONS: Final = Measure(
    "versions",
    "Model versions that answered",
    f"""
SELECT a.model, a.model_version, left(a.config_digest, 16) AS config, left(c.artifact_digest, 16) AS artifact,
       count(*) AS answers, min(a.ts) AS first_answer, max(a.ts) AS last_answer
FROM (SELECT * FROM entries WHERE {OURS} AND kind IN ('decision', 'outcome') AND action = 'infer'
      AND outcome = 'answered') a
LEFT JOIN (SELECT log, id, any_value(artifact_digest) AS artifact_digest FROM calls GROUP BY log, id) c
    ON c.log = a.log AND c.id = a.id
GROUP BY ALL ORDER BY ALL
""",  # noqa: S608
    (
        Shown("answers", "Answers", "answers"),
        Shown("first_answer", "First", "UTC"),
        Shown("last_answer", "Last", "UTC"),
    ),
    any_rows,
    "Configuration and artifact by the first 16 digits of their SHA-256; “not supplied” where the system "
    "file gives none.",
    keys=(
        Shown("model", "Model"),
        Shown("model_version", "Version"),
        Shown("config", "Configuration"),
        Shown("artifact", "Artifact"),
    ),
)
BUNDLES: Final = Measure(
    "bundles",
    "Policy bundles that judged",
    f"""
SELECT left(bundle, 16) AS bundle, count(DISTINCT id) AS calls, min(ts) AS first_call, max(ts) AS last_call
FROM calls WHERE {OURS} AND bundle IS NOT NULL GROUP BY ALL ORDER BY first_call, bundle
""",  # noqa: S608
    (
        Shown("calls", "Calls judged", "calls"),
        Shown("first_call", "First", "UTC"),
        Shown("last_call", "Last", "UTC"),
    ),
    any_rows,
    "By the first 16 digits of the bundle's SHA-256. The bundles themselves are kept in the ledger.",
    keys=(Shown("bundle", "Bundle"),),
)
INPUTS: Final = Measure(
    "inputs",
    "Contracts that typed inputs and outputs",
    f"""
SELECT left(contract, 16) AS contract, count(DISTINCT id) AS calls, min(ts) AS first_call,
       max(ts) AS last_call
FROM calls WHERE {OURS} AND contract IS NOT NULL GROUP BY ALL ORDER BY first_call, contract
""",  # noqa: S608
    (
        Shown("calls", "Calls", "calls"),
        Shown("first_call", "First", "UTC"),
        Shown("last_call", "Last", "UTC"),
    ),
    any_rows,
    "By the first 16 digits of the contract's SHA-256.",
    keys=(Shown("contract", "Contract"),),
)
USE: Final = (USAGE, CALLERS, PATHS, VERSIONS, BUNDLES, INPUTS)
