# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The `ai-act` document: a summary, every duty with its state, the evidence, annexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ombud_reports.ai_act.annexes import annex_iv, fria, processing_record
from ombud_reports.ai_act.catalogue import MARKS, Article, Line, Start
from ombud_reports.ai_act.evidence import Evidence, gather
from ombud_reports.ai_act.states import STATES, Assessed
from ombud_reports.kinds import Kind, Option, Options
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Notice, Section, Table, Text


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Make the document's sections, summary first."""
    seconds = options["readable_seconds"]
    evidence = gather(reading, readable_seconds=float(str(seconds)))
    return (
        _summary(evidence),
        *(_article(evidence, article) for article in evidence.catalogue.articles),
        *_evidence(evidence),
        annex_iv(evidence),
        fria(evidence),
        processing_record(evidence),
        _basis(evidence),
    )


def _summary(evidence: Evidence) -> Section:
    declared = evidence.facing.declared
    blocks: list[Block] = [
        Notice(
            "Draft. This document counts once a named person has read and released it, with `ombud report "
            "release`; the release is an entry of the ledger. It gathers evidence and open points. Whether "
            "a duty is met is for people to say, and for authorities.",
            "warning",
        )
    ]
    if evidence.known.why:
        blocks.append(Notice(f"What was declared of the system is not known: {evidence.known.why}.", "gap"))
    elif not declared:
        blocks.append(
            Notice(
                "The system file has no `ai_act`: roles, classification and all that only people can say "
                "are open. Duties of both roles are shown, and none is ruled out.",
                "gap",
            )
        )
    if declared.text("prohibited_practices", "result") == "found":
        blocks.append(
            Notice("The screening found a prohibited practice (Article 5). Stop; nothing mends that.", "gap")
        )
    coverage = _beside_integrity(evidence)
    if coverage.level == "gap":
        blocks.append(coverage)
    blocks += [_about(evidence), _counts(evidence), _by_article(evidence)]
    return Section("Summary", tuple(blocks))


def _about(evidence: Evidence) -> Table:
    known, declared = evidence.known, evidence.facing.declared
    rows = (
        ("System", known.name),
        ("Purpose", declared.text("intended_purpose") or known.purpose or "not declared"),
        ("Owner", known.owner or "not declared"),
        ("Our roles", ", ".join(declared.roles) or "not declared"),
        ("Classification", _classification(evidence)),
        ("On the market since", declared.text("placed_on_market") or "not declared"),
        ("System file", f"SHA-256 {known.digest}" if known.digest else "not on record"),
        ("Law as of", f"{evidence.catalogue.law_as_of}; dates are judged by {evidence.on}"),
    )
    return Table("About", ("What", "As declared"), rows)


def _classification(evidence: Evidence) -> str:
    declared = evidence.facing.declared
    if not declared.conclusion:
        return f"not declared; {evidence.facing.decided_by}"
    point = declared.annex_iii and f", Annex III {declared.annex_iii}"
    product = declared.text("classification", "annex_i")
    where = point or (product and f", Annex I: {product}") or ""
    return f"{declared.conclusion.replace('_', ' ')}{where}; {evidence.facing.decided_by}"


def _counts(evidence: Evidence) -> Table:
    found = Counter(each.state for each in evidence.assessed.values())
    rows = tuple((state, str(found[state]), _MEANING[state]) for state in STATES)
    return Table("Lines by state", ("State", "Lines", "What it says"), rows)


_MEANING = {
    "evidenced": "the ledger has entries for it, and a person declared what only a person can",
    "partly evidenced": "some of it is there; what is missing is named",
    "declared": "a named person signed a statement; the ledger has nothing on it",
    "missing": "nothing was found",
    "not yet applicable": "its date is still to come; what is there already is shown",
    "not applicable": "with the reason, and who decided",
}


def _by_article(evidence: Evidence) -> Table:
    rows = tuple(
        (
            article.number,
            article.title,
            _binds(article.lines),
            ",\n".join(sorted({str(evidence.of(line).applies) for line in article.lines})),
            _states([evidence.of(line) for line in article.lines]),
        )
        for article in evidence.catalogue.articles
    )
    return Table("By article", ("Article", "Subject", "Binds", "Applies from", "State of its lines"), rows)


def _states(found: Sequence[Assessed]) -> str:
    to_come = [each for each in found if each.state == "not yet applicable"]
    so_far = f" (so far {_counted(each.found for each in to_come)})" if to_come else ""
    return _counted(each.state for each in found).replace("not yet applicable", f"not yet applicable{so_far}")


def _counted(states: Iterable[str]) -> str:
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def _binds(lines: tuple[Line, ...]) -> str:
    return ", ".join(sorted({bound for line in lines for bound in line.bound}))


def _article(evidence: Evidence, article: Article) -> Section:
    starts = [evidence.catalogue.dates[name] for name in sorted({line.applies for line in article.lines})]
    said = [part for each in starts for part in (_published(each), each.note) if part]
    duties = Table(
        f"{article.name}: duties",
        ("Paragraph", "Duty", "Applies from", "State", "What there is", "What is missing"),
        tuple(_line(evidence, line) for line in article.lines),
        " ".join(said),
    )
    blocks: list[Block] = [duties]
    if statements := _statements(evidence, article):
        blocks.append(statements)
    return Section(f"{article.name}: {article.title}", tuple(blocks))


def _published(start: Start) -> str:
    return f"The text of 2024 said {start.published}." if start.published else ""


def _line(evidence: Evidence, line: Line) -> tuple[str, ...]:
    found = evidence.of(line)
    duty = f"{line.duty}. Binds: {', '.join(line.bound)}."
    applies = f"{found.applies} [{evidence.catalogue.dates[line.applies].mark}]"
    state: str = found.state
    if found.state == "not yet applicable":
        state = f"{found.state}; so far: {found.found}"
    if found.state == "not applicable":
        return f"{line.paragraph} [{line.mark}]", duty, applies, state, found.why, "–"
    numbers = [evidence.number(name) for name in line.evidence if name not in found.absent]
    there = []
    if numbers:
        there.append(f"{line.ledger} ({', '.join(numbers)})")
    elif line.ledger and not line.evidence:
        there.append(line.ledger)
    if found.declarations:
        there.append("statement below")
    missing = [
        f"{evidence.measured[name].measure.title} ({evidence.number(name)}): nothing on record"
        for name in found.absent
    ]
    if found.lacking:
        missing.append(found.lacking)
    return (
        f"{line.paragraph} [{line.mark}]",
        duty,
        applies,
        state,
        "; ".join(there) or "–",
        "; ".join(missing) or "–",
    )


def _statements(evidence: Evidence, article: Article) -> Table | None:
    paragraphs: dict[tuple[str, str], list[str]] = {}
    for line in article.lines:
        for each in evidence.of(line).declarations:
            signed = str(each.signed) if each.signed else "nobody signed it; as the system file says"
            document = f" Document: SHA-256 {each.document}." if each.document else ""
            about = paragraphs.setdefault((f"{each.statement}{document}", signed), [])
            about.extend([] if each.paragraph in about else [each.paragraph])
    if not paragraphs:
        return None
    rows = tuple((", ".join(about), *said) for said, about in paragraphs.items())
    return Table(f"{article.name}: what people declared", ("Paragraph", "Statement", "Signed"), rows)


def _evidence(evidence: Evidence) -> Iterator[Section]:
    first: list[Block] = [
        Text(
            "What the duties above refer to by number. Each figure names the statement it follows from; "
            "anyone who has the ledger can ask it again."
        )
    ]
    for name, measured in evidence.measured.items():
        title = f"{evidence.number(name)} {measured.measure.title}"
        first.append(measured.table(title) if measured.rows else Notice(f"{title}: nothing on record."))
        if name == "coverage":
            first.append(_beside_integrity(evidence))
    yield Section("Evidence", tuple(first))


def _beside_integrity(evidence: Evidence) -> Notice:
    coverage = evidence.measured["coverage"]
    if not coverage.present:
        return Notice(
            "No model server told what it counted in this window. Integrity shows that records were not "
            "changed; without coverage nothing here shows that every call has one.",
            "gap",
        )
    if coverage.value("least"):
        return Notice(
            "A model server answered requests that the ledger has no call for: somebody or something may "
            "have gone past the gateway. Find out who.",
            "gap",
        )
    return Notice(
        "Integrity shows that records were not changed; coverage, that as far as servers told, no answer is "
        "without a record. Neither shows that what was asked or answered was right."
    )


def _basis(evidence: Evidence) -> Section:
    duties = evidence.catalogue
    sources = tuple(
        (each.title, f"CELEX {each.celex}", each.official_journal or "–", each.eli or "–")
        for each in duties.sources.values()
    )
    marks = tuple((mark, meaning) for mark, meaning in MARKS.items())
    return Section(
        "Sources and confidence",
        (
            Table("Sources", ("Text", "Number", "Official Journal", "ELI"), sources),
            Table("Marks of paragraphs and dates", ("Mark", "Meaning"), marks),
            Notice(
                f"State of knowledge: {duties.checked}. Duties are in our own words; this is no legal "
                "advice. Not confirmed: the wording of the amending Regulation; final guidelines under "
                "Articles 6 and 73; the template of Article 27(5); when Article 49(2) applies; any change "
                "after mid October 2026. No standard was found cited in the Official Journal, so no "
                "presumption rests on one."
            ),
        ),
    )


KIND = Kind(
    name="ai-act",
    title="EU AI Act: evidence and open points",
    about="What the ledger shows and people declared of each duty of the EU AI Act, and what is missing.",
    build=build,
    options=(
        Option(
            "readable_seconds",
            "number",
            "A review decided sooner than this is counted as quicker than a case can be read.",
            default=30.0,
            least=0.0,
        ),
    ),
    document=True,
)
