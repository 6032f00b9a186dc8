# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The `incident`: the file of one incident for Article 73, what the ledger has of it and what people add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from ombud_ledger import LedgerError
from ombud_policies import BundleInvalid, KeptPolicy, kept_policies
from ombud_reports.ai_act.catalogue import catalogue
from ombud_reports.ai_act.declared import Declared
from ombud_reports.ai_act.measure import scalar
from ombud_reports.errors import OptionInvalid
from ombud_reports.kinds import Kind, Option, Options
from ombud_reports.known import Known, known
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Figure, Notice, Section, Table

Row = Mapping[str, Any]
_TOLD: Final = """
SELECT e.ts, e.event, e.state, e.category, record->>'$.article' AS article, e.began_at, e.due_at, e.met_at,
       record->>'$.causal_link' AS causal_link, e.actor, record->'$.decisions' AS decisions, e.log, e.seq,
       CASE WHEN $texts::BOOLEAN THEN coalesce(f.facts->>'$.text', f.facts->>'$.reason') END AS written,
       record->>'$.facts_commit' IS NOT NULL AS wrote
FROM incidents e LEFT JOIN facts f ON f.log = e.log AND f.seq = e.seq
WHERE e.system = $system AND e.id = $incident AND e.ts < $end::TIMESTAMP
ORDER BY e.ts, e.log, e.seq
"""
_KNOWN: Final = """
SELECT DISTINCT id FROM incidents WHERE system = $system AND ts < $end::TIMESTAMP ORDER BY id LIMIT 20
"""
# Every entry repeats when it was reported; the newest corrects those before it.
_CLOCK: Final = """
SELECT *, date_diff('second', aware, reported) / 86400.0 AS days_to_report,
       date_diff('second', coalesce(reported, closed, $end::TIMESTAMP), due) / 86400.0 AS days_left
FROM (SELECT count(*) AS entries, min(began_at) AS aware,
             arg_max(due_at, {'ts': ts, 'log': log, 'seq': seq}) AS due,
             arg_max(met_at, {'ts': ts, 'log': log, 'seq': seq}) AS reported,
             min(ts) FILTER (state = 'closed') AS closed
      FROM incidents WHERE system = $system AND id = $incident AND ts < $end::TIMESTAMP)
"""
_CALLS: Final = """
WITH related AS (
    SELECT DISTINCT unnest(from_json(record->'$.decisions', '["VARCHAR"]')) AS id
    FROM incidents WHERE system = $system AND id = $incident AND ts < $end::TIMESTAMP
)
SELECT r.id, e.log, e.seq, e.ts, e.kind, e.principal, e.model, e.model_version, e.verdict, e.policies,
       e.outcome, e.status, e.bundle, left(e.config_digest, 16) AS config, left(e.contract, 16) AS contract,
       left(e.artifact_digest, 16) AS artifact, lower(hex(e.chain)) AS chain
FROM related r LEFT JOIN entries e
    ON e.id = r.id AND e.system = $system AND e.kind IN ('decision', 'intent', 'outcome')
ORDER BY r.id, e.ts, e.log, e.seq
"""
_REVIEWS: Final = """
WITH related AS (
    SELECT DISTINCT unnest(from_json(record->'$.decisions', '["VARCHAR"]')) AS id
    FROM incidents WHERE system = $system AND id = $incident AND ts < $end::TIMESTAMP
), theirs AS (
    SELECT DISTINCT coalesce(e.approval, e.review) AS review FROM entries e JOIN related r ON r.id = e.id
    WHERE coalesce(e.approval, e.review) IS NOT NULL
)
SELECT r.id, r.ts, r.event, r.stage, r.review_group, r.approver
FROM reviews r JOIN theirs t ON t.review = r.id ORDER BY r.ts, r.log, r.seq
"""
_SINCE: Final = """
SELECT count(*) FILTER (kind = 'policy' AND event = 'activated') AS activations,
       count(*) FILTER (kind = 'system' AND event = 'declared' AND system = $system) AS system_files,
       count(DISTINCT coalesce(model, '') || ' ' || model_version || ' ' || coalesce(config_digest, ''))
           FILTER (system = $system AND outcome = 'answered' AND action = 'infer') AS model_versions,
       count(*) FILTER (kind = 'system' AND event = 'held' AND system = $system) AS holds,
       count(*) FILTER (kind = 'system' AND event = 'released' AND system = $system) AS released,
       count(*) FILTER (kind = 'prune') AS prunes,
       count(DISTINCT record->>'$.erasure') FILTER (kind = 'shred') AS erasures
FROM entries
WHERE ts < $end::TIMESTAMP AND ts >= (
    SELECT min(began_at) FROM incidents WHERE system = $system AND id = $incident AND ts < $end::TIMESTAMP
)
"""
_FORM: Final = (
    "Reporter, role and contact",
    "Registration number of the system",
    "Member State, and place",
    "Description of what happened",
    "Persons and groups affected, and how",
    "Why a link to the system is thought likely, or excluded",
    "Measures taken at once",
    "Measures planned",
    "Other duties to report (GDPR Article 33: 72 hours; NIS2; DORA; product law; Cyber Resilience Act)",
    "Whether this is a first or a complete report (73(5))",
)


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Make the file's sections. Raises OptionInvalid for an incident that the system does not have."""
    incident, texts = str(options["incident"]), bool(options["texts"])
    told = reading.ask("incident", _TOLD, incident=incident, texts=texts)
    if not told:
        there = ", ".join(str(row["id"]) for row in reading.ask("incidents", _KNOWN)) or "none"
        raise OptionInvalid(f"incident: is {incident[:80]!r}, must be one that the system has: {there}")
    (clock,) = reading.ask("clock", _CLOCK, incident=incident)
    calls = reading.ask("calls", _CALLS, incident=incident)
    reviews = reading.ask("reviews_of_calls", _REVIEWS, incident=incident)
    (since,) = reading.ask("since", _SINCE, incident=incident)
    return (
        _summary(known(reading), incident, told[-1], clock),
        _timeline(told, reviews, texts=texts),
        _related(reading, calls),
        _preserved(since, calls),
        Section("For people to add", (_form(known(reading)),)),
    )


def _summary(found: Known, incident: str, newest: Row, clock: Row) -> Section:
    blocks: list[Block] = [
        Notice(
            "Draft. Whether an incident is serious, what caused it and what is told of it to whom, people "
            "judge. This file counts once a named person has released it, with `ombud report release`.",
            "warning",
        )
    ]
    if clock["reported"] is None and (clock["days_left"] or 0) < 0:
        late = "The deadline passed, and no report to an authority is on record."
        blocks.append(Notice(late, "gap"))
    elif clock["reported"] is not None and (clock["days_left"] or 0) < 0:
        blocks.append(Notice("It was reported after its deadline.", "gap"))
    if clock["reported"] is None and clock["closed"] is not None:
        blocks.append(Notice("It was closed, and no report to an authority is on record.", "gap"))
    about = (
        ("System", found.name),
        ("Incident", incident),
        ("State", _text(newest["state"])),
        ("Category (Article 3, point 49)", _text(newest["category"])),
        ("Deadline by", f"Article {_text(newest['article'])}"),
        ("Link to the system", _text(newest["causal_link"])),
    )
    figures = (
        ("Entries about it", _figure("clock", clock, "entries", "entries")),
        ("Became aware", _figure("clock", clock, "aware", "UTC")),
        ("To be reported at the latest", _figure("clock", clock, "due", "UTC")),
        ("Reported", _figure("clock", clock, "reported", "UTC", "no report is on record")),
        ("Closed", _figure("clock", clock, "closed", "UTC", "not closed")),
        (
            "From awareness to report",
            _figure("clock", clock, "days_to_report", "days", "no report is on record"),
        ),
        (
            "Left of the deadline when it was reported or closed, else at the end of the window",
            _figure("clock", clock, "days_left", "days"),
        ),
    )
    note = (
        "Days of 24 hours from awareness. At once means at once: the deadline is the latest day, not the "
        "right one. 15 days in general (73(2)), 10 for a death (73(4)), 2 for a widespread infringement or "
        f"a disruption of critical infrastructure (73(3)). Article 73 applies from {_applies(found)} by the "
        "reading in the ai-act document."
    )
    blocks += [
        Table("The incident", ("What", "As recorded"), about),
        Table("Its clock", ("What", "Figure"), figures, note),
    ]
    return Section("Summary", tuple(blocks))


def _applies(found: Known) -> date:
    line = next(line for line in catalogue().lines() if line.id == "73(2)")
    declared = Declared(found.section("ai_act"))
    return catalogue().dates[line.applies].of(annex_i=declared.by_annex_i)


def _timeline(told: Sequence[Row], reviews: Sequence[Row], *, texts: bool) -> Section:
    rows = tuple(
        (
            _text(row["ts"]),
            _text(row["event"]),
            f"{_text(row['category'])}, {_text(row['causal_link'])}, {_text(row['state'])}",
            _text(row["actor"]),
            _written(row, texts=texts),
            f"{row['log']}:{row['seq']}",
        )
        for row in told
    )
    columns = ("When, UTC", "What", "Then known", "By", "Written", "Entry")
    note = (
        "What people wrote can be erased in the ledger; the copy in this file cannot be reached from there."
        if texts
        else "What people wrote is left out; `--texts` puts it in."
    )
    blocks: list[Block] = [Table("Entries about the incident", columns, rows, note)]
    if reviews:
        blocks.append(
            Table(
                "What humans decided on the calls",
                ("When, UTC", "Review", "What", "Question", "Group", "By"),
                tuple(
                    tuple(
                        _text(row[key]) for key in ("ts", "id", "event", "stage", "review_group", "approver")
                    )
                    for row in reviews
                ),
            )
        )
    return Section("Timeline", tuple(blocks))


def _written(row: Row, *, texts: bool) -> str:
    if not row["wrote"]:
        return "–"
    if not texts:
        return "left out"
    return _text(row["written"]) if row["written"] else "erased"


def _related(reading: Reading, calls: Sequence[Row]) -> Section:
    if not calls:
        return Section("Calls", (Notice("No call is named by the entries about the incident.", "gap"),))
    there = [row for row in calls if row["log"] is not None]
    gone = [str(row["id"]) for row in calls if row["log"] is None]
    blocks: list[Block] = []
    if gone:
        blocks.append(Notice(f"Not in this ledger, or pruned: {', '.join(gone)}.", "gap"))
    happened = tuple(
        (
            _text(row["id"]),
            _text(row["ts"]),
            _text(row["kind"]),
            _text(row["principal"]),
            _text(row["verdict"]),
            _text(row["policies"]),
            f"{_text(row['outcome'])} {_text(row['status'])}",
        )
        for row in there
    )
    versions = tuple(
        tuple(_text(row[key]) for key in ("id", "model", "model_version", "config", "artifact", "contract"))
        for row in there
    )
    columns = ("Call", "When, UTC", "Entry", "Caller", "Verdict", "Policies", "Outcome")
    blocks += [
        Table("What happened", columns, happened),
        Table(
            "Versions in force",
            ("Call", "Model", "Version", "Configuration", "Artifact", "Contract"),
            versions,
            "Digests by their first 16 digits.",
        ),
        _policies(reading, there),
    ]
    return Section("Calls", tuple(blocks))


def _policies(reading: Reading, calls: Sequence[Row]) -> Block:
    rows: list[tuple[str, ...]] = []
    for bundle in sorted({str(row["bundle"]) for row in calls if row["bundle"]}):
        named = {name for row in calls if row["bundle"] == bundle for name in row["policies"] or ()}
        kept = _kept(reading, bundle)
        rows += [(bundle[:16], name, *_says(kept.get(name))) for name in sorted(named)]
    if not rows:
        return Notice("No policy determined these calls: what no policy permits is denied.")
    columns = ("Bundle", "Policy", "Effect", "What its author says of it")
    return Table("Policies that determined the calls", columns, tuple(rows))


def _kept(reading: Reading, bundle: str) -> Mapping[str, KeptPolicy]:
    try:
        return kept_policies(reading.ledger.kept(bundle))
    except (LedgerError, BundleInvalid, ValueError):
        return {}


def _says(policy: KeptPolicy | None) -> tuple[str, str]:
    if policy is None:
        return "not known", "the bundle is not in this ledger, or cannot be read"
    return policy.effect, policy.description or "not described"


def _preserved(since: Row, calls: Sequence[Row]) -> Section:
    figures = (
        ("Legal holds placed on the system", _figure("since", since, "holds", "holds")),
        ("Legal holds released", _figure("since", since, "released", "holds")),
        ("Prunes of the ledger", _figure("since", since, "prunes", "entries")),
        ("Erasures in the ledger", _figure("since", since, "erasures", "erasures")),
        ("Policy bundles activated", _figure("since", since, "activations", "entries")),
        ("System files declared", _figure("since", since, "system_files", "entries")),
        (
            "Model versions and configurations that answered",
            _figure("since", since, "model_versions", "versions"),
        ),
    )
    blocks: list[Block] = [
        Table(
            "Since awareness",
            ("What", "Figure"),
            figures,
            "Article 73(6): the system is not altered in a way that affects a later evaluation before the "
            "authority is told.",
        )
    ]
    if not since["holds"]:
        text = "No legal hold was placed since awareness: what the retention periods end may be deleted."
        blocks.append(Notice(text, "gap"))
    chains = tuple(
        (_text(row["id"]), f"{row['log']}:{row['seq']}", _text(row["chain"])) for row in calls if row["log"]
    )
    if chains:
        note = "`ombud ledger prove ID` writes a receipt of each that others can check without this ledger."
        blocks.append(Table("Entries and their chain values", ("Call", "Entry", "Chain value"), chains, note))
    return Section("What is preserved", tuple(blocks))


def _form(found: Known) -> Table:
    declared = Declared(found.section("ai_act"))
    prefilled = {
        _FORM[0]: declared.text("provider") or declared.text("deployer"),
        _FORM[1]: declared.text("registration"),
    }
    rows = tuple((asks, prefilled.get(asks) or "to be written") for asks in _FORM)
    note = "The official form was a draft when last seen; its fields are not confirmed."
    return Table("Fields to hold ready", ("Field", "Answer"), rows, note)


def _figure(source: str, row: Row, column: str, unit: str, absent: str = "nothing on record") -> Figure:
    value = scalar(row[column])
    how = f"column {column}"
    return Figure(f"{source}.{column}", value, unit, source, how, absent="" if value is not None else absent)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    found = scalar(value)
    return "–" if found in (None, "") else str(found)


KIND = Kind(
    name="incident",
    title="Incident file",
    about="One incident: its clock (Article 73), timeline, calls, policies, versions, what is preserved.",
    build=build,
    options=(
        Option("incident", "text", "The incident's id, as `ombud incident list` shows it.", required=True),
        Option("texts", "flag", "Put in what people wrote; erasure does not reach this copy.", default=False),
    ),
    document=True,
)
