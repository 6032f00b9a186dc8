# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How the model behaves around one case: attributions and the nearest other answer, marked for what they
are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ombud_reports.explain.attribution import Attribution
from ombud_reports.explain.contract import shown
from ombud_reports.explain.counterfactual import Counterfactual
from ombud_reports.explain.model import Target
from ombud_reports.explain.recorded import Decided
from ombud_reports.explain.run import CaseExplained
from ombud_reports.explain.transcript import Transcript
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Chart, Figure, Interval, Notice, Section, Series, Table, Text

MARK: Final = "Post-hoc approximation of model behaviour; not the reason of the decision."
CALLS: Final = "explanation calls"
LEVEL: Final = 0.95
Z: Final = 1.959963984540054
"""Of LEVEL: how many standard errors its interval reaches to either side."""
_CALLS: Final = """
SELECT count(*) AS calls, coalesce(sum((record->>'$.cases')::BIGINT), 0)::BIGINT AS cases,
       count(DISTINCT principal) AS principals,
       count(*) FILTER (
         model_version = $version AND config_digest = $config AND artifact_digest = $artifact
       ) AS same
FROM decisions
WHERE action = 'explain' AND outcome = 'answered' AND system = $system
  AND id IN (SELECT unnest(string_split($ids, ' ')))
"""
_FROM_MODEL: Final = (
    "from the model's answers, in the file named in the options; needs that file, or the model"
)


def sections(
    reading: Reading, about: Decided, explained: CaseExplained, answers: Transcript
) -> list[Section]:
    """Lay out what the model's answers say of one case."""
    return [
        Section(
            "How the model behaves around this case",
            tuple(_attributed(about, explained, len(answers.background))),
        ),
        Section("The nearest other answer", tuple(_other(about, explained))),
        calls(reading, answers),
    ]


def how(target: str, found: Attribution) -> str:
    """Say how a value was found."""
    way = "all coalitions" if not found.pairs else f"{found.pairs} antithetic permutation pairs"
    return f"interventional Shapley value of {target}, {way}; {_FROM_MODEL}"


def limits(target: str, found: Attribution, background: int) -> list[Block]:
    """Say what attributions are and are not."""
    return [
        Notice(MARK, "warning"),
        Text(
            f"Each value is what a feature adds to {target}, compared with {background} decisions of the "
            "window drawn at random, when features are replaced independently of each other (interventional "
            "value function). Features that go together can share or trade values, and replaced cases may "
            "be unlike any real one."
        ),
    ]


def calls(reading: Reading, answers: Transcript) -> Section:
    """Hold the calls that asked the model to the ledger: recorded, and of the model that decided."""
    ids = " ".join(call.decision for call in answers.calls)
    model = answers.model
    (row,) = reading.ask(
        CALLS, _CALLS, ids=ids, version=model.version, config=model.config, artifact=model.artifact
    )
    claimed = sum(call.cases for call in answers.calls)
    whole = (row["calls"], row["cases"], row["same"]) == (len(answers.calls), claimed, len(answers.calls))
    blocks: list[Block] = []
    if not whole:
        blocks.append(
            Notice(
                f"The file of answers names {len(answers.calls)} calls with {claimed} cases; the ledger up "
                f"to this report's basis has {row['calls']} of them with {row['cases']} cases, {row['same']} "
                "of that very model. Figures from the model are not backed by the ledger to that extent.",
                "gap",
            )
        )
    if model.artifact == "not supplied":
        blocks.append(
            Notice(
                "Nobody declared the digest of the model's files: version and configuration were compared."
            )
        )
    rows = (
        ("Calls recorded", Figure("explanation.calls", row["calls"], "calls", CALLS)),
        ("Cases in them", Figure("explanation.cases", row["cases"], "cases", CALLS)),
        (
            "Calls answered by the model that is explained",
            Figure("explanation.same", row["same"], "calls", CALLS),
        ),
    )
    listed = tuple((call.decision, call.position, str(call.cases)) for call in answers.calls)
    said = Text(
        "Each call went through the gateway as one of whoever explains: judged by policy (action explain), "
        "recorded, and marked; it counts as no decision of the system."
    )
    return Section(
        "How the model was asked",
        (
            *blocks,
            said,
            Table("Explanation calls in the ledger", ("what", "figure"), rows),
            Table("Which calls", ("decision id", "entry", "cases"), listed),
        ),
    )


def _attributed(about: Decided, explained: CaseExplained, background: int) -> Iterator[Block]:
    contract, case, found = about.contract, about.case, explained.attribution
    assert contract is not None and case is not None  # noqa: S101, PT018 - it was explained
    target = explained.target.words(contract)
    yield from limits(target, found, background)
    said, gap = how(target, found), float(found.gaps[0])
    order = sorted(range(len(case)), key=lambda at: (-abs(found.values[0, at]), contract.features[at].name))
    rows = []
    for at in order:
        field, value, error = contract.features[at], float(found.values[0, at]), float(found.errors[0, at])
        interval = Interval(
            value - Z * error, value + Z * error, LEVEL, "normal, by the standard error over the pairs"
        )
        rows.append(
            (
                field.name,
                shown(case[at], field),
                Figure(
                    f"attribution.{field.name}", value, "", CALLS, said, interval if found.pairs else None
                ),
            )
        )
    yield Table("What each feature adds", ("feature", "value of the case", "attribution"), tuple(rows))
    yield Chart(
        "What each feature adds",
        f"Attributions to {target}, largest first, with {LEVEL:.0%} intervals; the table has the figures.",
        "intervals",
        tuple(contract.features[at].name for at in order),
        (
            Series(
                "attribution",
                tuple(float(found.values[0, at]) for at in order),
                tuple(float(found.values[0, at] - Z * found.errors[0, at]) for at in order),
                tuple(float(found.values[0, at] + Z * found.errors[0, at]) for at in order),
            ),
        ),
    )
    total = float(found.values[0].sum())
    yield Table(
        "The values add up",
        ("what", "figure"),
        (
            (
                f"Answer to the case: {target}",
                Figure("answer", float(found.answers[0]), "", CALLS, _FROM_MODEL),
            ),
            ("Mean answer of the background", Figure("base", found.base, "", CALLS, _FROM_MODEL)),
            ("Sum of the attributions", Figure("sum", total, "", CALLS, _FROM_MODEL)),
            (
                "Left over: answer - mean - sum",
                Figure("additivity.gap", gap, "", CALLS, "0 but for rounding"),
            ),
            (
                "Distinct rows the model was asked about",
                Figure("asked", found.asked, "rows", CALLS, _FROM_MODEL),
            ),
        ),
    )


def _other(about: Decided, explained: CaseExplained) -> Iterator[Block]:
    contract, case, found = about.contract, about.case, explained.counterfactual
    assert contract is not None and case is not None  # noqa: S101, PT018 - it was explained
    yield Notice(MARK, "warning")
    yield Text(
        "The nearest case found that this model answers otherwise: few changed features before small "
        "changes, all else as it was, values seen in the window, and each case put to the model itself. It "
        "is no advice, it does not say that a person can bring the change about, and policies and people "
        "may still decide otherwise."
    )
    if found is None:
        yield Notice("None was found that changes up to three features.")
        return
    yield _changes(about, explained.target, found)


def _changes(about: Decided, target: Target, found: Counterfactual) -> Table:
    contract, case = about.contract, about.case
    assert contract is not None and case is not None  # noqa: S101, PT018 - it was explained
    changed = [
        (
            contract.features[at].name,
            shown(case[at], contract.features[at]),
            shown(found.case[at], contract.features[at]),
        )
        for at in found.changed
    ]
    answers = [
        (f"answer: {field.name}", shown(before, field), shown(after, field))
        for field, before, after in zip(contract.outputs, about.outputs or (), found.outputs, strict=True)
    ]
    moved = (
        "distance",
        "0",
        Figure(
            "counterfactual.distance", found.distance, "", CALLS,
            "sum over what changed: |difference| in spreads between the 10th and the 90th hundredth, 1 for "
            f"a class; {_FROM_MODEL}",
        ),
    )  # fmt: skip
    number = (
        "explained number",
        "",
        Figure("counterfactual.answer", target.of(found.outputs), "", CALLS, _FROM_MODEL),
    )
    return Table(
        "What would be answered otherwise",
        ("what", "the case", "instead"),
        (*changed, *answers, moved, number),
    )
