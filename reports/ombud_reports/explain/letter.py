# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A draft of the letter to the person (EU AI Act, Article 86; GDPR, Articles 15(1)(h) and 22).

It rests on recorded reasons alone: what policies said, what people decided and for which reason, what the
model answered. Attributions and counterfactuals never enter it: they are not why. A person completes and
signs it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ombud_reports.explain.contract import shown
from ombud_reports.explain.policy import Reasons
from ombud_reports.explain.recorded import Decided
from ombud_reports.known import Known
from ombud_reports.result import Block, Notice, Section, Text


def letter(about: Decided, found: Reasons, system: Known) -> Section:
    """Draft the letter."""
    draft = Notice(
        "DRAFT. To be completed and signed by a person who has checked that the reasons are the true ones. "
        "It rests on recorded reasons alone, not on the attributions in this report.",
        "warning",
    )
    paragraphs = [Text(each) for each in _paragraphs(about, found, system)]
    blocks: list[Block] = [draft, *paragraphs]
    return Section("Letter to the person (draft)", tuple(blocks))


def _paragraphs(about: Decided, found: Reasons, system: Known) -> Iterator[str]:
    yield "[Name and address of the person] [Date]"
    yield f"Decision {about.id} of {about.ts[:10]}"
    yield "You asked us to explain the decision above. This is what was recorded when it was made."
    purpose = system.purpose.rstrip(".; ") or "[what the system is for]"
    name = about.record.get("system", "")
    yield f"What the system does. We use a computer system named “{name}”. Its purpose: {purpose}."
    yield f"What part it had. {_part(about, found)}"
    yield f"What it looked at. {_inputs(about)}"
    yield f"What decided. {_decisive(about, found)}"
    if people := _people(found):
        yield f"Who decided. {people}"
    yield (
        "What you can do. You can tell us what you think of the decision, ask that a person looks at it "
        "again, and contest it. You can ask for the data we hold about you and have wrong data corrected. "
        "Write to [contact]. You can also complain to [authority]."
    )
    who = system.owner or "[name and role of who answers for the system]"
    yield f"[Signature] {who} — to be signed by a person"


def _part(about: Decided, found: Reasons) -> str:
    record = about.record
    answered = about.outputs is not None
    if not answered:
        return "It was not asked for an answer: the request was stopped before, by a rule set by people."
    label = about.contract.output("label") if about.contract else None
    said = ""
    if label is not None and about.contract is not None and about.outputs is not None:
        field = about.contract.outputs[label]
        name = field.name.replace("_", " ")
        said = f" Its answer to “{name}” was: {shown(about.outputs[label], field)}."
    return f"It gave an answer, which {_became(str(record.get('outcome', '')), found)}.{said}"


def _became(outcome: str, found: Reasons) -> str:
    """Say what became of an answer; of a person only where one decided on the answer itself."""
    if any(each["stage"] == "release" for each in found.decided):
        return "was not used until a person had looked at it"
    if outcome == "held":
        return "was held for a person; none has decided on it"
    if outcome == "withheld":
        return "was withheld by a rule set by people"
    return "was passed on for the decision"


def _inputs(about: Decided) -> str:
    if about.erased:
        return "The data that was used has been erased since, so that it cannot be told here."
    if about.contract is None or about.case is None:
        return "[Which data was used: the record does not hold it.]"
    named = zip(about.contract.features, about.case, strict=True)
    listed = "; ".join(f"{field.name.replace('_', ' ')}: {shown(value, field)}" for field, value in named)
    return f"These data about your case were put to it: {listed}."


def _decisive(about: Decided, found: Reasons) -> str:
    if breach := about.record.get("breach"):
        return f"The request could not be handled: “{breach.get('field')}” must be {breach.get('bound')}."
    listed = [each.description or f"[describe rule “{each.id}”]" for each in found.policies]
    listed += [f"[describe rule “{each}”]" for each in found.unknown]
    if not listed:
        return "No rule allowed the request."
    return "These rules, set by people, applied: " + " ".join(
        f"({at}) {each}" for at, each in enumerate(listed, 1)
    )


def _people(found: Reasons) -> str:
    told = [
        f"On {each['ts'][:10]} a person of the group “{each['review_group'] or 'reviewers'}” {each['event']} "
        "it" + (f", for the reason “{each['reason']}”." if each["reason"] else ". [State the reason given.]")
        for each in found.decided
    ]
    if not told and found.events:
        return "The decision waits for a person, or has lapsed without one."
    return " ".join(told)
