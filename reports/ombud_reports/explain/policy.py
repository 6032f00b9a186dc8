# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The recorded reasons of a decision: policies as they stood, and what people decided, from the ledger
alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ombud_ledger import LedgerError
from ombud_policies import BundleInvalid, KeptPolicy, kept_policies
from ombud_reports.explain.recorded import Decided
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Notice, Section, Table, Text

_REVIEWS: Final = """
SELECT CAST(r.ts AS VARCHAR) AS ts, r.event, r.stage, r.review_group, f.facts->>'$.reason' AS reason
FROM reviews r LEFT JOIN facts f ON f.log = r.log AND f.seq = r.seq
WHERE r.id = $review ORDER BY r.ts, r.log, r.seq
"""
_LATER: Final = """
SELECT id, CAST(ts AS VARCHAR) AS ts FROM intents WHERE approval = $review ORDER BY ts, id
"""
_EVENTS: Final = {
    "opened": "the call waits for a person",
    "approved": "approved",
    "rejected": "rejected",
    "overridden": "overridden",
    "expired": "expired without a decision",
}


@dataclass(frozen=True, slots=True)
class Reasons:
    """What is recorded of why: policies that determined the verdict, events of its review, calls that
    followed."""

    policies: tuple[KeptPolicy, ...]
    unknown: tuple[str, ...]
    """Ids of policies whose text is not to be had."""
    events: tuple[dict[str, Any], ...]
    resumed: tuple[str, ...]
    why_unknown: str = ""

    @property
    def decided(self) -> tuple[dict[str, Any], ...]:
        """Return the events of the review in which a person decided."""
        return tuple(each for each in self.events if each["event"] in ("approved", "rejected", "overridden"))


def reasons(reading: Reading, about: Decided) -> Reasons:
    """Read the recorded reasons of a decision. Names of reviewers are left out; groups are told."""
    named = [str(each) for each in about.record.get("policies", [])]
    kept, why = _kept(reading, str(about.record.get("bundle", "")))
    review = str(about.record.get("review") or about.record.get("approval") or "")
    events = reading.ask("reviews of the decision", _REVIEWS, review=review) if review else []
    later = reading.ask("calls that resumed the review", _LATER, review=review) if review else []
    return Reasons(
        tuple(kept[each] for each in named if each in kept),
        tuple(each for each in named if each not in kept),
        tuple(events),
        tuple(row["id"] for row in later if row["id"] != about.id),
        why,
    )


def section(about: Decided, found: Reasons) -> Section:
    """Lay the recorded reasons out."""
    record = about.record
    verdict = {"allow": "let through", "deny": "denied", "review": "held for a person"}.get(
        record.get("verdict", "")
    )
    said = f"Policy {verdict or 'was not asked'} (stage: {record.get('stage', 'none')})."
    if breach := record.get("breach"):
        what = f"{breach.get('field')} must be {breach.get('bound')}"
        said = f"The call broke its contract: {what}. Policy was not asked."
    elif not record.get("policies") and verdict:
        said += " No policy permitted it, which is a denial by default."
    blocks: list[Block] = [Text(said), *_policies(found)]
    if found.events:
        blocks.append(_review(found))
    if found.resumed:
        blocks.append(Text(f"After the review the call was made again, as {', '.join(found.resumed)}."))
    return Section("Recorded reasons", tuple(blocks))


def _policies(found: Reasons) -> Iterator[Block]:
    for each in found.policies:
        cure = f"; an approval by {', '.join(each.groups)} cures it" if each.groups else ""
        rows = (
            ("where", f"{each.file}, line {each.line}"),
            ("effect", each.effect + cure),
            ("says", each.description or "not described"),
            ("text", each.text),
        )
        note = "As it stood in the bundle that decided, which the ledger keeps by its digest."
        yield Table(f"Policy {each.id}", ("what", "as it stood"), rows, note)
    if found.unknown:
        yield Notice(f"Text of {', '.join(found.unknown)} is not shown: {found.why_unknown}", "gap")


def _review(found: Reasons) -> Table:
    rows = tuple(
        (
            each["ts"],
            _EVENTS.get(each["event"], each["event"]),
            each["review_group"] or "",
            each["reason"] or "none recorded",
        )
        for each in found.events
    )
    return Table("Review by people", ("time, UTC", "event", "for group", "reason given"), rows)


def _kept(reading: Reading, bundle: str) -> tuple[dict[str, KeptPolicy], str]:
    if not bundle:
        return {}, "the record names no bundle"
    try:
        return dict(kept_policies(reading.ledger.kept(bundle))), "the bundle has no policy of that id"
    except (LedgerError, BundleInvalid, UnicodeError) as error:
        return {}, f"bundle {bundle[:16]} cannot be read: {str(error).splitlines()[0]}"
