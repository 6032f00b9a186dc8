# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What an `ai-act` document prefills: Annex IV, the assessment of Article 27, the record of GDPR 30."""

from __future__ import annotations

from typing import Any, Final

from ombud_reports.ai_act.evidence import Evidence
from ombud_reports.known import Known
from ombud_reports.result import Block, Notice, Section, Table, Text

_ANNEX_IV: Final = (
    ("1(a)", "Purpose, provider, version and its relation to earlier ones", ("system_file", "versions")),
    ("1(b)", "How it works together with hardware, software and other systems", ("paths", "callers")),
    ("1(c)", "Versions of software or firmware, and what updates need", ("versions", "changes")),
    ("1(d)", "Forms in which it is placed on the market", ("paths",)),
    ("1(e)", "Hardware it runs on", ()),
    ("1(f)", "Photographs or drawings, if it is part of a product", ()),
    ("1(g)", "The deployer's user interface, in short", ()),
    ("1(h)", "Instructions for use", ()),
    ("2(a)", "Methods and steps of development, and parts of others", ("versions",)),
    ("2(b)", "Logic, key choices and assumptions, what is optimised, trade-offs", ()),
    ("2(c)", "Architecture, and computing resources used", ()),
    ("2(d)", "Data sheets: provenance, selection, labelling, cleaning", ()),
    ("2(e)", "Human oversight, assessed", ("reviews", "review_times")),
    ("2(f)", "Changes determined in advance", ("changes",)),
    ("2(g)", "Validation and testing: data, metrics, logs dated and signed", ("monitoring_reports",)),
    ("2(h)", "Cybersecurity", ("denials", "breaches")),
    ("3", "Monitoring, functioning and control", ("errors", "breaches", "inputs", "reviews")),
    ("4", "Why the metrics of performance are appropriate", ("agreement",)),
    ("5", "Risk management (Article 9)", ("incidents", "denials")),
    ("6", "Changes over the life cycle", ("changes", "versions", "bundles")),
    ("7", "Standards applied, or the solutions in their place", ()),
    ("8", "The EU declaration of conformity", ()),
    ("9", "Post-market monitoring, with its plan", ("drift_reports", "bias_reports", "operations_reports")),
)


def annex_iv(evidence: Evidence) -> Section:
    """Lay out the technical documentation: what is on record, what was written, what is to be written."""
    written = _written(evidence)
    rows = tuple(
        (point, content, written.get(point, "to be written by the provider"), evidence.refer(*names))
        for point, content, names in _ANNEX_IV
    )
    blocks: list[Block] = [
        Text(
            "A skeleton of the technical documentation (Article 11). Its content and its signature are the "
            "provider's; the ledger can point to what it has."
        ),
        Table("Annex IV", ("Point", "Content", "As written in the system file", "Evidence"), rows),
        *contract_tables(evidence.known),
    ]
    return Section("Annex IV: technical documentation", tuple(blocks))


def _written(evidence: Evidence) -> dict[str, str]:
    declared = evidence.facing.declared
    written = declared.table("annex_iv")
    purpose = declared.text("intended_purpose") or evidence.known.purpose
    provider = declared.text("provider")
    if purpose and "1(a)" not in written:
        written["1(a)"] = f"{purpose} Provider: {provider or 'not declared'}."
    if (link := declared.text("instructions", "link")) and "1(h)" not in written:
        written["1(h)"] = f"{link}, version {declared.text('instructions', 'version')}"
    roles = [
        f"{each.text('role')} ({each.text('group') or 'no group'})" for each in declared.items("oversight")
    ]
    if roles and "2(e)" not in written:
        written["2(e)"] = f"Assigned: {', '.join(roles)}."
    return written


def contract_tables(known: Known) -> list[Table]:
    """Lay out the inputs and outputs that a system file types."""
    contract = known.section("contract")
    tables = []
    for side, title in (("inputs", "Inputs that the contract names"), ("outputs", "Outputs")):
        fields = contract.get(side)
        rows = (
            tuple(_field(each) for each in fields if isinstance(each, dict))
            if isinstance(fields, list)
            else ()
        )
        if rows:
            tables.append(Table(title, ("Name", "Type", "Unit", "Range", "Role"), rows))
    return tables


def _field(each: dict[str, Any]) -> tuple[str, ...]:
    bounds = each.get("range")
    within = f"{bounds[0]} to {bounds[1]}" if isinstance(bounds, list) and len(bounds) == 2 else "–"
    optional = ", optional" if each.get("optional") else ""
    role = str(each.get("role", "feature"))
    return str(each.get("name")), f"{each.get('type')}{optional}", str(each.get("unit", "–")), within, role


_FRIA: Final = (
    ("27(1)(a)", "Processes in which it is used", "processes", ("paths", "callers")),
    ("27(1)(b)", "Period and frequency of use", "period_and_frequency", ("usage",)),
    ("27(1)(c)", "People and groups likely to be affected", "people_affected", ()),
    ("27(1)(d)", "Specific risks of harm to them", "risks", ("incidents", "bias_reports", "requests")),
    ("27(1)(e)", "How human oversight is carried out", "oversight", ("reviews", "review_times", "roster")),
    ("27(1)(f)", "What is done if risks come true", "measures", ("requests", "stops")),
)


def fria(evidence: Evidence) -> Section:
    """Lay out the fundamental rights impact assessment."""
    line = evidence.assessed["27(1)(a)"]
    if line.state == "not applicable":
        why = Notice(f"Not applicable: {line.why}.")
        return Section("Fundamental rights impact assessment", (why,))
    declared = evidence.facing.declared
    rows = tuple(
        (item, asks, declared.text("fria", part) or "to be answered by the deployer", evidence.refer(*names))
        for item, asks, part, names in _FRIA
    )
    signed = declared.signed("fria")
    said = f"Signed: {signed}." if signed else "Nobody signed it."
    notified = declared.text("fria", "notified_on")
    told = (
        f"The authority was notified on {notified}." if notified else "No notification is declared (27(3))."
    )
    return Section(
        "Fundamental rights impact assessment",
        (
            Text(
                "A scaffold for Article 27; the template of the AI Office was not found published "
                "(unconfirmed). Parts that a GDPR impact assessment has already may be referred to (27(4))."
            ),
            Table("Article 27(1)", ("Item", "Asks for", "Answer", "Evidence"), rows, f"{said} {told}"),
        ),
    )


def processing_record(evidence: Evidence) -> Section:
    """Draft the entry of the record of processing activities (GDPR 30(1))."""
    known, declared = evidence.known, evidence.facing.declared
    kept = known.section("retention")
    periods = [
        f"{part}: {each.get('period')}"
        for part, each in kept.items()
        if isinstance(each, dict) and "period" in each
    ]
    fields = [
        str(each.get("name"))
        for side in ("inputs", "outputs")
        if isinstance(found := known.section("contract").get(side), list)
        for each in found
        if isinstance(each, dict)
    ]
    rows = (
        ("(a) Controller", declared.text("deployer") or declared.text("provider") or "to be named", "–"),
        ("(b) Purposes", known.purpose or "to be written", evidence.refer("system_file")),
        ("(c) People", declared.text("fria", "people_affected") or "to be written", "–"),
        ("(c) Data", ", ".join(fields) or "to be written", evidence.refer("inputs")),
        (
            "(d) Recipients",
            "to be written; callers of the system are on record",
            evidence.refer("callers", "access"),
        ),
        ("(e) Transfers", "to be written; where a model server stands is not on record", "–"),
        (
            "(f) Erasure periods",
            ", ".join(periods) or "to be written",
            evidence.refer("retention", "erasures"),
        ),
        ("(g) Security", "to be written", "–"),
    )
    return Section(
        "GDPR: draft of the record of processing",
        (
            Table("GDPR 30(1)", ("Item", "As declared", "Evidence"), rows),
            Notice(
                "After an erasure, content is unreadable because its keys were destroyed. No article and no "
                "binding decision was found that says whether that is erasure; the controller decides."
            ),
        ),
    )
