# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Explaining a decision of a small ledger: what is recorded, what a model says, and what keeps them apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ombud_ledger import query
from ombud_reports.errors import OptionInvalid, ReportUnreadable
from ombud_reports.explain import (
    Ask,
    Contract,
    Transcript,
    Wanted,
    parse_transcript,
)
from ombud_reports.explain.letter import letter
from ombud_reports.explain.policy import Reasons
from ombud_reports.explain.recorded import contract_of, decided, draw
from ombud_reports.explain.run import ask_about_decision, ask_about_system
from ombud_reports.explain.transcript import Model as Named
from ombud_reports.kinds import Given
from ombud_reports.known import known
from ombud_reports.making import make
from ombud_reports.reading import Reading
from ombud_reports.result import Figure, Notice, Report, Table, Text
from reports.explained import CONFIG, WINDOW, Model, answer, case_of, margin, record

HOW = Wanted(pairs=40, background=20, sample=12, seed=3)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in which d-7 was held for a person and then let through."""
    root = tmp_path_factory.mktemp("ledger") / "ledger"
    record(root)
    return root


@pytest.fixture
def reading(ledger: Path) -> Iterator[Reading]:
    """It, open."""
    with query.connect(ledger) as opened:
        yield Reading(opened, "loans", WINDOW)


def opened(model: Ask) -> Any:
    """Return what reaches a model; demand that it is the recorded one."""

    def opens(named: Named, contract: Contract, decision: str) -> Ask:
        del decision
        assert named == Named("scorer", "1", CONFIG, "not supplied", contract.digest)
        return model

    return opens


def kept(answers: Transcript, folder: Path) -> Given:
    """Write a file of answers."""
    path = folder / "answers.json"
    path.write_bytes(answers.to_bytes())
    return Given(path, sha256(path.read_bytes()).hexdigest())


def report(root: Path, **options: object) -> Report:
    """Make the report."""
    with query.connect(root) as ledger:
        return make("explain", ledger, system="loans", begin=WINDOW.begin, end=WINDOW.end, options=options)


def figures(made: Report) -> dict[str, Figure]:
    """Figures by name."""
    return {figure.name: figure for figure in made.figures()}


def told(made: Report) -> str:
    """All that a report says in words, tables among them."""
    blocks = [block for section in made.sections for block in section.blocks]
    words = [block.text for block in blocks if isinstance(block, Text | Notice)]
    cells = [cell for block in blocks if isinstance(block, Table) for row in block.rows for cell in row]
    return "\n".join([*words, *(cell for cell in cells if isinstance(cell, str))])


def test_attributions_are_the_exact_ones(ledger: Path, reading: Reading, tmp_path: Path) -> None:
    """Five features are enumerated: the sum is the answer less the background's, and sex adds nothing."""
    answers = ask_about_decision(reading, "d-11", HOW, opened(Model()))

    found = figures(report(ledger, decision="d-11", answers=kept(answers, tmp_path)))

    expected = sum(margin(case_of(seq - 2)) for _, seq in answers.background) / 20
    assert found["answer"].value == pytest.approx(margin(case_of(11)))
    assert found["base"].value == pytest.approx(expected)
    assert found["additivity.gap"].value == pytest.approx(0, abs=1e-12)
    assert found["attribution.sex"].value == pytest.approx(0, abs=1e-12)
    amounts = [float(case_of(seq - 2)[0] or 0) for _, seq in answers.background]
    assert found["attribution.amount"].value == pytest.approx(
        (sum(amounts) / 20 - float(case_of(11)[0] or 0)) / 200
    )


def test_the_same_answers_give_the_same_report(ledger: Path, reading: Reading, tmp_path: Path) -> None:
    """Live answers and the file's are computed with alike; asked again with the same seed, the file is the
    same."""
    first = ask_about_decision(reading, "d-11", HOW, opened(Model()))
    with query.connect(ledger) as again:
        second = ask_about_decision(Reading(again, "loans", WINDOW), "d-11", HOW, opened(Model()))

    assert first.to_bytes() == second.to_bytes()
    assert parse_transcript(first.to_bytes()) == first
    one, two = (report(ledger, decision="d-11", answers=kept(first, tmp_path)) for _ in range(2))
    assert one == two


def test_calls_that_the_ledger_does_not_have_are_said_out_loud(
    reading: Reading, ledger: Path, tmp_path: Path
) -> None:
    """Answers that name calls nobody recorded are no evidence; recorded ones are counted."""
    answers = ask_about_decision(reading, "d-11", HOW, opened(Model()))
    record(tmp_path / "governed", explained=answers.calls)

    without = report(ledger, decision="d-11", answers=kept(answers, tmp_path))
    within = report(tmp_path / "governed", decision="d-11", answers=kept(answers, tmp_path))

    assert "not backed by the ledger" in told(without)
    assert figures(without)["explanation.calls"].value == 0
    assert "not backed by the ledger" not in told(within)
    assert figures(within)["explanation.same"].value == len(answers.calls)


def test_the_nearest_other_answer_changes_what_may_change(reading: Reading) -> None:
    """What is found is another answer; protected features and those held fixed stay; each case was really
    asked."""
    from ombud_reports.explain.run import explain_decision

    model = Model()
    how = replace(HOW, immutable=("history",))
    answers = ask_about_decision(reading, "d-11", how, opened(model))
    other = explain_decision(reading, decided(reading, "d-11"), answers).counterfactual

    case = case_of(11)
    assert other is not None
    assert other.outputs == answer(other.case)
    assert other.outputs[0] is not answer(case)[0]
    assert other.case in [each for asked in model.asked for each in asked]
    assert (other.case[2], other.case[4]) == (case[2], case[4])
    assert other.changed == tuple(at for at in range(5) if other.case[at] != case[at])


def test_numbers_are_changed_no_more_than_it_takes(reading: Reading) -> None:
    """The change is close to the least one that the model answers otherwise."""
    from ombud_reports.explain.run import explain_decision

    how = replace(HOW, immutable=("history", "owner", "months"))
    answers = ask_about_decision(reading, "d-11", how, opened(Model()))
    other = explain_decision(reading, decided(reading, "d-11"), answers).counterfactual

    case = case_of(11)
    least = abs(margin(case)) * 200
    assert other is not None
    assert other.changed == (0,)
    assert least <= abs(float(other.case[0] or 0) - float(case[0] or 0)) <= least * 1.1


def test_similar_decisions_are_the_nearest_by_hand(ledger: Path) -> None:
    """Gower's distance in SQL is that computed row by row."""
    found = figures(report(ledger, decision="d-11", similar=3))

    cases = {number: case_of(number) for number in range(40)}
    amounts, months = ([float(case[at] or 0) for case in cases.values()] for at in (0, 1))
    width = (max(amounts) - min(amounts), max(months) - min(months))

    def distance(other: Any) -> float:
        case = cases[11]
        parts = [abs(float(other[at]) - float(case[at] or 0)) / width[at] for at in (0, 1)]
        return sum(parts + [float(other[at] != case[at]) for at in (2, 3, 4)]) / 5

    expected = sorted(distance(other) for number, other in cases.items() if number != 11)[:3]
    assert [found[f"similar.{at}.distance"].value for at in (1, 2, 3)] == pytest.approx(expected, abs=1e-8)


def test_reasons_are_the_recorded_ones(ledger: Path) -> None:
    """The policy as it stood with file and line, the review with group and reason, and no reviewer's name."""
    said = told(report(ledger, decision="d-7"))

    assert "policies.cedar, line" in said
    assert "an approval by officers cures it" in said
    assert "income proven by letter" in said
    assert "made again, as d-later" in said
    assert "olga" not in said


def test_the_letter_never_tells_attributions(ledger: Path, reading: Reading, tmp_path: Path) -> None:
    """It is the same with answers of the model and without, and marked as a draft to be signed."""
    answers = kept(ask_about_decision(reading, "d-7", HOW, opened(Model())), tmp_path)

    letters = [report(ledger, decision="d-7", **more).sections[-1] for more in ({}, {"answers": answers})]

    assert letters[0] == letters[1]
    text = "\n".join(block.text for block in letters[0].blocks if isinstance(block, Text | Notice))
    assert "DRAFT" in text
    assert "to be signed by a person" in text
    assert "not used until a person had looked at it" in text
    assert "Shapley" not in text


def event(name: str, stage: str) -> dict[str, str]:
    """Describe what happened to a review."""
    return {"event": name, "stage": stage, "review_group": "officers", "ts": "2026-01-01", "reason": ""}


@pytest.mark.parametrize(
    ("outcome", "events", "said"),
    [
        ("withheld", [], "withheld by a rule set by people"),
        ("held", [event("opened", "release")], "held for a person; none has decided on it"),
        (
            "held",
            [event("opened", "release"), event("expired", "release")],
            "held for a person; none has decided on it",
        ),
        ("answered", [event("opened", "infer"), event("approved", "infer")], "passed on for the decision"),
        ("answered", [event("approved", "release")], "not used until a person had looked at it"),
        ("held", [event("rejected", "release")], "not used until a person had looked at it"),
        ("held", [event("overridden", "release")], "not used until a person had looked at it"),
    ],
)
def test_the_letter_tells_of_a_person_only_where_one_looked_at_the_answer(
    reading: Reading, outcome: str, events: list[dict[str, str]], said: str
) -> None:
    """A rule that withholds is no person, nor is a review that lapsed, nor one before the model was asked."""
    about = decided(reading, "d-11")
    about = replace(about, record={**about.record, "outcome": outcome})
    found = Reasons((), (), tuple(events), ())

    texts = [block.text for block in letter(about, found, known(reading)).blocks if isinstance(block, Text)]

    (part,) = [text for text in texts if text.startswith("What part it had.")]
    assert f"which was {said}." in part


def test_everything_of_the_model_is_marked(ledger: Path, reading: Reading, tmp_path: Path) -> None:
    """A section with figures from the model says that they are no reason."""
    made = report(
        ledger,
        decision="d-11",
        answers=kept(ask_about_decision(reading, "d-11", HOW, opened(Model())), tmp_path),
    )

    marked = [
        section.title
        for section in made.sections
        if any(
            isinstance(block, Notice) and "not the reason of the decision" in block.text
            for block in section.blocks
        )
    ]
    assert marked == ["How the model behaves around this case", "The nearest other answer"]


def test_a_model_that_answers_otherwise_is_not_explained(reading: Reading) -> None:
    """Same version and digests, but another answer to the recorded case: something else runs there."""

    def other(cases: Any) -> Any:
        answers = Model()(cases)
        return replace(answers, outputs=tuple((not each[0], each[1]) for each in answers.outputs))

    with pytest.raises(OptionInvalid, match="otherwise than is recorded"):
        ask_about_decision(reading, "d-11", HOW, opened(other))


def test_answers_of_something_else_are_refused(ledger: Path, reading: Reading, tmp_path: Path) -> None:
    """Of another decision, another model, other options, or a whole system."""
    answers = ask_about_decision(reading, "d-11", HOW, opened(Model()))
    with query.connect(ledger) as again:
        whole = ask_about_system(Reading(again, "loans", WINDOW), HOW, opened(Model()))
    given = [
        ({"decision": "d-12"}, answers),
        ({"decision": "d-11"}, replace(answers, model=replace(answers.model, version="2"))),
        (
            {"decision": "d-11"},
            replace(answers, options={**answers.options, "seed": 4}, background=answers.background[:5]),
        ),
        ({"decision": "d-11"}, whole),
        ({}, answers),
    ]

    for options, each in given:
        with pytest.raises(OptionInvalid, match="answers:"):
            report(ledger, answers=kept(each, tmp_path), **options)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": "ombud-explanation/2"}',
        b'{"format": "ombud-explanation/1", "system": 1}',
        b"\xff",
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes) -> None:
    """Whatever it is, the message says what writes one."""
    with pytest.raises(ReportUnreadable, match="answers: "):
        parse_transcript(content)


def test_an_unknown_decision_is_refused(ledger: Path) -> None:
    """The message names the option and the value."""
    with pytest.raises(OptionInvalid, match="decision: 'nobody' is no call of system loans"):
        report(ledger, decision="nobody")


def test_hostile_ids_stay_texts(ledger: Path) -> None:
    """What is given as an option is a parameter of a statement, never part of it."""
    with pytest.raises(OptionInvalid, match="is no call"):
        report(ledger, decision="x'); DROP TABLE entries; --")


def test_a_system_is_explained_by_a_sample(ledger: Path, reading: Reading, tmp_path: Path) -> None:
    """Weights are the mean sizes of exact values; against itself the order is the same."""
    answers = kept(ask_about_system(reading, HOW, opened(Model())), tmp_path)
    (tmp_path / "other").mkdir()
    with query.connect(ledger) as again:
        less = ask_about_system(Reading(again, "loans", WINDOW), replace(HOW, background=10), opened(Model()))

    made = report(ledger, answers=answers, against=answers)
    other = report(ledger, answers=answers, against=kept(less, tmp_path / "other"))
    found = figures(made)

    assert found["sample"].value == 12
    assert found["stability.rank"].value == pytest.approx(1.0)
    assert ["other windows, samples or seeds" in told(each) for each in (made, other)] == [False, True]
    assert found["weight.sex"].value == pytest.approx(0, abs=1e-12)
    assert float(found["weight.amount"].value or 0) > float(found["weight.months"].value or 0)
    assert found["additivity.gap"].value == pytest.approx(0, abs=1e-12)
    few = [name for name, figure in found.items() if figure.absent.startswith("too few")]
    assert all(name.startswith("dependence.") for name in few)


def test_the_file_of_answers_holds_no_cases(reading: Reading) -> None:
    """Digests of what was asked, and answers: the applications stay in the ledger's facts, where they are
    erased."""
    body = json.loads(ask_about_decision(reading, "d-11", HOW, opened(Model())).to_bytes())

    assert set(body["asked"][0]) == {"cases", "outputs"}
    assert all(len(each["cases"]) == 64 for each in body["asked"])


def test_names_of_a_contract_never_become_sql(reading: Reading) -> None:
    """A name with a quote in it names a column, which there is none of; it adds nothing to a statement."""
    contract = contract_of(reading, decided(reading, "d-7").record["contract"])
    first = replace(contract.features[0], optional=False)
    hostile = replace(first, name=f'{first.name}" IS NULL OR f."{first.name}')
    changed = replace(contract, features=(hostile, *contract.features[1:]))
    with pytest.raises(duckdb.BinderException, match="does not have a column named"):
        draw(reading, "drawn", changed, WINDOW, rows=3, seed="1")
