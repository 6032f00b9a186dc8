# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The `card`: a model card and data sheet, what people say of a model beside what the ledger shows of it.

The order of its sections follows Mitchell et al., "Model Cards for Model Reporting" (2019), and Gebru et al.,
"Datasheets for Datasets" (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ombud_reports.ai_act.annexes import contract_tables
from ombud_reports.ai_act.declared import Declared
from ombud_reports.ai_act.measure import Measured, measure
from ombud_reports.ai_act.measures.agreement import agreement
from ombud_reports.ai_act.measures.coverage import COVERAGE
from ombud_reports.ai_act.measures.oversight import REVIEWS, UNATTENDED
from ombud_reports.ai_act.measures.quality import (
    BIAS_REPORTS,
    BREACHES,
    DRIFT_REPORTS,
    ERRORS,
    LABELS,
    POLICIES,
)
from ombud_reports.ai_act.measures.record import SYSTEM_FILE
from ombud_reports.ai_act.measures.use import BUNDLES, CALLERS, USAGE, VERSIONS
from ombud_reports.kinds import Kind, Options
from ombud_reports.known import Known, known
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Notice, Section, Table

_UNSAID: Final = "not said"
_DATA: Final = (
    ("motivation", "Why the data were gathered"),
    ("source", "Where they come from"),
    ("composition", "What they are"),
    ("collection", "How they were gathered, and whom they leave out"),
    ("preparation", "What was cleaned or filled in"),
    ("labels", "What their labels tell"),
    ("split", "How they were split"),
    ("licence", "Licence"),
    ("limits", "What they cannot show"),
)


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Make the card's sections."""
    del options
    found = known(reading)
    card = Declared(found.section("card"))

    def table(name: Measured) -> Block:
        title = name.measure.title
        return name.table() if name.rows else Notice(f"{title}: nothing on record in this window.")

    def asked(*wanted: Any) -> tuple[Block, ...]:
        return tuple(table(measure(reading, each, {"grain": "month"})) for each in wanted)

    return (
        Section("Model", (*_said(found, card), _models(found), *asked(VERSIONS, SYSTEM_FILE))),
        Section("Use", (_use(found, card), *asked(USAGE, CALLERS))),
        Section("Inputs and outputs", (*_contract(found), *asked(BREACHES))),
        Section(
            "Performance",
            (
                _one("How it was evaluated", card, (("evaluation", "Evaluation, as its makers say"),)),
                table(agreement(reading, found)),
                *asked(LABELS, ERRORS, DRIFT_REPORTS, BIAS_REPORTS),
                Notice(
                    "What was measured is what passed the gateway. By group, a bias report has the figures; "
                    "agreement with past decisions says nothing of whether these were right."
                ),
            ),
        ),
        Section("Limits", (_one("As its makers say", card, _LIMITS), *asked(COVERAGE))),
        Section("Who decides", asked(POLICIES, BUNDLES, REVIEWS, UNATTENDED)),
        Section("Data sheet", (_data(card),)),
    )


_LIMITS: Final = (
    ("out_of_scope", "Out of scope"),
    ("limitations", "Limitations"),
    ("trade_offs", "Trade-offs"),
)


def _said(found: Known, card: Declared) -> tuple[Block, ...]:
    rows = (
        ("System", found.name),
        ("Description", card.text("description") or _UNSAID),
        ("Developed by", card.text("developed_by") or _UNSAID),
        ("Owner", found.owner or _UNSAID),
        ("Contact", card.text("contact") or _UNSAID),
        ("Licence", card.text("licence") or _UNSAID),
        ("Architecture", card.text("architecture") or _UNSAID),
        ("Risk", f"{found.risk or _UNSAID} (EU AI Act, as declared)"),
    )
    blocks: list[Block] = []
    if found.why:
        blocks.append(Notice(f"What was declared of the system is not known: {found.why}.", "gap"))
    elif not card:
        blocks.append(Notice("The system file has no `card`: what only people can say is open.", "gap"))
    return (*blocks, Table("What people say of it", ("What", "As declared"), rows))


def _models(found: Known) -> Table:
    models = found.file.get("models")
    rows = tuple(
        _model(each) for each in (models if isinstance(models, list) else ()) if isinstance(each, dict)
    )
    columns = ("Model", "Model server", "Artifact, SHA-256", "Cost of a call")
    return Table("Models of the system", columns, rows, "As the system file names them.")


def _model(model: Mapping[str, Any]) -> tuple[str, ...]:
    cost, currency = model.get("cost_micros"), model.get("currency")
    price = f"{cost / 1e6:g} {currency}" if isinstance(cost, int) and currency else _UNSAID
    return (
        str(model.get("name")),
        str(model.get("upstream")),
        str(model.get("artifact_digest") or "not supplied"),
        price,
    )


def _use(found: Known, card: Declared) -> Table:
    purpose = Declared(found.section("ai_act")).text("intended_purpose") or found.purpose
    rows = (("Purpose", purpose or _UNSAID), ("Users", card.text("users") or _UNSAID))
    return Table("What it is for", ("What", "As declared"), rows)


def _contract(found: Known) -> tuple[Block, ...]:
    tables = contract_tables(found)
    return tuple(tables) or (Notice("The system file types no input and no output.", "gap"),)


def _one(title: str, card: Declared, parts: tuple[tuple[str, str], ...]) -> Table:
    rows = tuple((heading, card.text(key) or _UNSAID) for key, heading in parts)
    return Table(title, ("What", "As declared"), rows)


def _data(card: Declared) -> Table:
    rows = tuple((heading, card.text("data", key) or _UNSAID) for key, heading in _DATA)
    return Table("The data it was made from", ("What", "As declared"), rows)


KIND = Kind(
    name="card",
    title="Model card and data sheet",
    about="What people say of a system's models and data, beside what the ledger shows of them.",
    build=build,
    document=True,
)
