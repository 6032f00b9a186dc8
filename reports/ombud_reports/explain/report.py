# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The explain report: of one decision, or of a system."""

from __future__ import annotations

from ombud_reports.errors import ReportUnreadable
from ombud_reports.explain import behaviour, letter, policy, whole
from ombud_reports.explain.contract import shown
from ombud_reports.explain.recorded import Decided, decided
from ombud_reports.explain.run import explain_decision, explain_system
from ombud_reports.explain.similar import HOW, similar
from ombud_reports.explain.transcript import LARGEST, Transcript, parse_transcript
from ombud_reports.kinds import Given, Kind, Option, Options
from ombud_reports.known import known
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Figure, Notice, Section, Table, Text

_NO_ANSWERS = (
    "The model was not asked, so this report has no attributions. `ombud explain` asks it, through the "
    "gateway, and writes the file that `--answers` takes."
)


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Explain a decision, or a system where none is named."""
    decision = str(options["decision"] or "")
    answers = _answers(options["answers"], "answers")
    if not decision:
        return _system(reading, answers, _answers(options["against"], "against"))
    about = decided(reading, decision)
    reasons = policy.reasons(reading, about)
    sections = [_recorded(about), policy.section(about, reasons)]
    if answers is None:
        sections.append(Section("How the model behaves around this case", (Notice(_NO_ANSWERS),)))
    else:
        explained = explain_decision(reading, about, answers)
        sections += behaviour.sections(reading, about, explained, answers)
    count = options["similar"]
    if about.case is not None and isinstance(count, int):
        sections.append(_similar(reading, about, count))
    return (*sections, letter.letter(about, reasons, known(reading)))


def _system(reading: Reading, answers: Transcript | None, against: Transcript | None) -> tuple[Section, ...]:
    if answers is None:
        return (Section("How the model behaves", (Notice(_NO_ANSWERS),)),)
    explained = explain_system(reading, answers)
    other = explain_system(reading, against, "against: ") if against else None
    return whole.sections(reading, explained, answers, other, against)


def _recorded(about: Decided) -> Section:
    record = about.record
    named = (
        ("decision", about.id),
        ("time, UTC", about.ts),
        ("asked by", record.get("principal", "")),
        ("model and version", f"{record.get('model', '')} {record.get('model_version', '(not asked)')}"),
        ("configuration digest", record.get("config_digest", "none: the model was not asked")),
        ("artifact digest", record.get("artifact_digest", "")),
        ("policy bundle digest", record.get("bundle", "")),
        ("verdict", f"{record.get('verdict', 'none')} ({record.get('stage', '')})"),
        ("outcome", f"{record.get('outcome', '')} {record.get('reason', '')}".strip()),
    )
    rows = tuple((name, str(value)) for name, value in named if value)
    blocks: list[Block] = [Table("What was decided", ("what", "as recorded"), rows)]
    if about.erased:
        blocks.append(
            Notice("The facts of this decision were erased: what was asked is not known any more.", "gap")
        )
    if about.outputs is not None and about.contract is not None:
        given = zip(about.contract.outputs, about.outputs, strict=True)
        blocks.append(
            Table(
                "What the model answered", ("output", "value"), tuple((f.name, shown(v, f)) for f, v in given)
            )
        )
    return Section("The decision", tuple(blocks))


def _similar(reading: Reading, about: Decided, count: int) -> Section:
    contract, case = about.contract, about.case
    assert contract is not None and case is not None  # noqa: S101, PT018 - the caller looked
    found = similar(reading, contract, case, but=about.id, count=count)
    rows = tuple(
        (
            each.id,
            Figure(f"similar.{at}.distance", round(each.distance, 9), "", "similar", HOW),
            each.ts[:19],
            ", ".join(f"{f.name} {shown(v, f)}" for f, v in zip(contract.outputs, each.outputs, strict=True)),
            f"{each.verdict}, {each.outcome}",
        )
        for at, each in enumerate(found, 1)
    )
    said = Text(
        "Decisions of the window whose facts are nearest to this case. Those whose facts were erased, or "
        "never kept, are not among them. They show what else was answered, not that it was right."
    )
    table = Table(
        "Nearest past decisions", ("decision", "distance", "time, UTC", "answer", "verdict"), rows, HOW
    )
    return Section("Similar past decisions", (said, table) if rows else (said, Notice("There are none.")))


def _answers(given: object, name: str) -> Transcript | None:
    if not isinstance(given, Given):
        return None
    try:
        with given.path.open("rb") as file:
            return parse_transcript(file.read(LARGEST + 1))
    except OSError as error:
        raise ReportUnreadable(f"{name}: {given.path.name} cannot be read: {error.strerror}") from error


KIND = Kind(
    name="explain",
    title="Explanation",
    about="Why a decision came out as it did: recorded reasons, then how the model behaves around it.",
    build=build,
    options=(
        Option("decision", "text", "The decision to explain; else the system as a whole."),
        Option("answers", "file", "What the model answered, as `ombud explain` wrote it."),
        Option("against", "file", "The same of another version of the model, to compare a system with."),
        Option("similar", "integer", "Past decisions to show beside one.", default=5, least=1, most=100),
    ),
)
