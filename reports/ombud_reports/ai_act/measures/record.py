# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger can give on record-keeping: Articles 12, 18, 19, 21 and 26(6)."""

from __future__ import annotations

from typing import Final

from ombud_reports.ai_act.measure import Measure, Shown, always, any_rows, positive
from ombud_reports.ai_act.measures.windows import OURS, WINDOW

VOLUME: Final = Measure(
    "volume",
    "Entries and calls",
    f"""
SELECT count(*) AS entries, count(DISTINCT id) FILTER (kind IN ('decision', 'intent')) AS calls,
       min(ts) AS first_entry, max(ts) AS last_entry
FROM entries WHERE {OURS}
""",  # noqa: S608 - the conditions are ours
    (
        Shown("entries", "Entries about the system", "entries"),
        Shown("calls", "Calls", "calls"),
        Shown("first_entry", "First entry", "UTC"),
        Shown("last_entry", "Last entry", "UTC"),
    ),
    positive("entries"),
    "What passed the gateway. What went past it is not here; see coverage.",
)
KINDS: Final = Measure(
    "kinds",
    "Entries by kind",
    f"""
SELECT kind, count(*) AS entries, min(ts) AS first_entry, max(ts) AS last_entry
FROM entries WHERE (system = $system OR system IS NULL) AND {WINDOW}
GROUP BY kind ORDER BY kind
""",  # noqa: S608
    (
        Shown("entries", "Entries", "entries"),
        Shown("first_entry", "First", "UTC"),
        Shown("last_entry", "Last", "UTC"),
    ),
    any_rows,
    "Entries that belong to no system, such as starts of the gateway, are counted too.",
    keys=(Shown("kind", "Kind"),),
)
CONTINUITY: Final = Measure(
    "continuity",
    "Starts, gaps and refusals",
    f"""
SELECT count(*) FILTER (kind = 'boot') AS starts,
       count(*) FILTER (kind = 'boot' AND record->>'$.clean' = 'false') AS unclean_starts,
       count(*) FILTER (kind = 'gap') AS gaps,
       coalesce(sum((record->>'$.refused')::BIGINT) FILTER (kind = 'gap'), 0)::BIGINT AS refused_in_gaps,
       count(*) FILTER (kind = 'refused') AS refusal_counts
FROM entries WHERE {WINDOW}
""",  # noqa: S608
    (
        Shown("starts", "Starts of a log", "starts"),
        Shown("unclean_starts", "Starts after a crash", "starts"),
        Shown("gaps", "Gaps: the log could not be written", "gaps"),
        Shown("refused_in_gaps", "Appends refused in gaps", "appends"),
        Shown("refusal_counts", "Entries that count calls refused before they were judged", "entries"),
    ),
    always,
    "Of the whole ledger, not of the system alone.",
)
RETENTION: Final = Measure(
    "retention",
    "Retention: declared, and what there is",
    """
SELECT record->>'$.retention.entries' AS entries_kept, record->>'$.retention.facts' AS facts_kept,
       record->>'$.retention.payloads' AS payloads_kept, ts AS declared_at,
       (SELECT min(ts) FROM entries WHERE system = $system) AS oldest_entry,
       (SELECT date_diff('day', min(ts), $end::TIMESTAMP) FROM entries WHERE system = $system) AS oldest_days
FROM systems WHERE system = $system AND event = 'declared' AND ts < $end::TIMESTAMP
ORDER BY ts DESC LIMIT 1
""",
    (
        Shown("entries_kept", "Entries are kept (declared)"),
        Shown("facts_kept", "Facts are kept (declared)"),
        Shown("payloads_kept", "Payloads are kept (declared)"),
        Shown("declared_at", "Declared on", "UTC"),
        Shown("oldest_entry", "Oldest entry of the system", "UTC"),
        Shown("oldest_days", "Its age at the end of the window", "days"),
    ),
    lambda rows: any(row["entries_kept"] is not None for row in rows),
    "y, m and d are years, months and days. Six months is a floor of Articles 19(1) and 26(6), not a target.",
)
PRUNED: Final = Measure(
    "pruned",
    "What was deleted by declaration",
    f"""
SELECT count(*) AS prunes, coalesce(sum(json_array_length(record, '$.files')), 0)::BIGINT AS files
FROM prunes WHERE {WINDOW}
""",  # noqa: S608
    (
        Shown("prunes", "Prune entries", "entries"),
        Shown("files", "Files that they name", "files"),
    ),
    always,
    "Of the whole ledger. A file goes only once the declared period of every system in it is over.",
)
SYSTEM_FILE: Final = Measure(
    "system_file",
    "The system file on record",
    """
SELECT count(*) AS versions, min(ts) AS first_declared, max(ts) AS last_declared,
       arg_max(digest, ts) AS digest,
       (SELECT min(ts) FROM calls WHERE system = $system AND action = 'infer') AS first_call
FROM systems WHERE system = $system AND event = 'declared' AND ts < $end::TIMESTAMP
""",
    (
        Shown("versions", "Versions recorded", "versions"),
        Shown("first_declared", "First recorded", "UTC"),
        Shown("last_declared", "Last recorded", "UTC"),
        Shown("digest", "SHA-256 of the newest"),
        Shown("first_call", "First call to a model", "UTC"),
    ),
    positive("versions"),
)
CHANGES: Final = Measure(
    "changes",
    "Changes of system, policy and model",
    f"""
SELECT count(*) FILTER (kind = 'system' AND event = 'declared' AND system = $system) AS system_files,
       count(*) FILTER (kind = 'policy' AND event = 'activated') AS activations,
       count(DISTINCT coalesce(model, '') || ' ' || coalesce(model_version, '')
           || ' ' || coalesce(config_digest, '')) FILTER (outcome = 'answered' AND action = 'infer'
           AND system = $system) AS model_versions,
       max(ts) FILTER (kind IN ('system', 'policy')
           AND event IN ('declared', 'activated') AND coalesce(system, $system) = $system) AS last_change
FROM entries WHERE {WINDOW}
""",  # noqa: S608
    (
        Shown("system_files", "System files declared", "entries"),
        Shown("activations", "Policy bundles activated", "entries"),
        Shown("model_versions", "Model versions and configurations that answered", "versions"),
        Shown("last_change", "Last change of system file or policy", "UTC"),
    ),
    always,
    "Whether a change is substantial (Article 3(23)) is for a person to say.",
)
ACCESS: Final = Measure(
    "access",
    "Reads and disclosures of the ledger",
    f"""
SELECT count(DISTINCT id) FILTER (method = 'LedgerService.QueryLedger' AND kind = 'intent') AS queries,
       count(DISTINCT principal) FILTER (method = 'LedgerService.QueryLedger' AND kind = 'intent') AS readers,
       count(*) FILTER (kind = 'report' AND event = 'disclosed' AND system = $system) AS disclosures
FROM entries WHERE {WINDOW}
""",  # noqa: S608
    (
        Shown("queries", "Queries through the gateway", "queries"),
        Shown("readers", "Who asked them, by principal", "principals"),
        Shown("disclosures", "Evidence folders handed out", "folders"),
    ),
    lambda rows: any(row["queries"] or row["disclosures"] for row in rows),
    "Who may read the files of the ledger themselves is for their host to show.",
)
RECORD: Final = (VOLUME, KINDS, CONTINUITY, RETENTION, PRUNED, SYSTEM_FILE, CHANGES, ACCESS)
