# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What an explanation asks a model, in a fixed order: the same code asks live and reads answers again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ombud_ledger import query
from ombud_reports.errors import OptionInvalid
from ombud_reports.explain.attribution import Attribution, Matrix, attribute
from ombud_reports.explain.contract import Case, Contract
from ombud_reports.explain.counterfactual import Counterfactual, nearest
from ombud_reports.explain.model import Ask, Target, predicting, target_of
from ombud_reports.explain.recorded import (
    Decided,
    Reference,
    cases,
    contract_of,
    decided,
    draw,
    newest_model,
    reference,
)
from ombud_reports.explain.transcript import Model, Transcript
from ombud_reports.reading import Reading
from ombud_reports.result import Window

MOST_CASES: Final = 1_000
MOST_PAIRS: Final = 10_000
Opens = Callable[[Model, Contract, str], Ask]
"""Reaches a model: the very one that is named, or it raises. Given which decision is explained, if one is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is asked. All of it is in the file of answers, so that a report needs none of it again."""

    pairs: int = 200
    background: int = 100
    sample: int = 50
    """Cases that a whole system is explained by."""
    seed: int = 1
    immutable: tuple[str, ...] = ()
    version: str = ""

    def options(self) -> dict[str, int | str]:
        """Return what is kept with the answers."""
        return {
            "pairs": self.pairs,
            "background": self.background,
            "sample": self.sample,
            "seed": self.seed,
            "immutable": " ".join(self.immutable),
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class CaseExplained:
    """What the model's answers say of one decision."""

    target: Target
    attribution: Attribution
    counterfactual: Counterfactual | None
    reference: Reference


@dataclass(frozen=True, slots=True)
class SystemExplained:
    """What the model's answers say of a sample of decisions."""

    target: Target
    attribution: Attribution
    cases: Matrix
    contract: Contract


def wanted(options: Mapping[str, int | str]) -> Wanted:
    """Read how much was asked out of a file of answers. Raises OptionInvalid."""
    numbers = [options.get(name) for name in ("pairs", "background", "sample", "seed")]
    pairs, background, sample, seed = (each if isinstance(each, int) else -1 for each in numbers)
    for name, number, most in (
        ("pairs", pairs, MOST_PAIRS), ("background", background, MOST_CASES), ("sample", sample, MOST_CASES)
    ):  # fmt: skip
        if not 1 <= number <= most:
            raise OptionInvalid(f"{name}: is {number}, must be 1 to {most}")
    if seed < 0:
        raise OptionInvalid(f"seed: is {seed}, must be a whole number from 0")
    immutable = tuple(str(options.get("immutable", "")).split())
    return Wanted(pairs, background, sample, seed, immutable, str(options.get("version", "")))


def ask(
    ledger: query.Query, *, system: str, window: Window, decision: str = "", how: Wanted, opens: Opens
) -> Transcript:
    """Ask a live model all that explaining a decision takes, or a system where none is named.

    Raises OptionInvalid, what `Query.execute` raises, and what asking raises.
    """
    reading = Reading(ledger, system, window)
    return (
        ask_about_decision(reading, decision, how, opens)
        if decision
        else ask_about_system(reading, how, opens)
    )


def ask_about_decision(reading: Reading, decision: str, how: Wanted, opens: Opens) -> Transcript:
    """Ask a live model all that explaining one decision takes. Raises OptionInvalid, and what asking
    raises."""
    about = decided(reading, decision)
    contract, _, _ = _known(about)
    background = draw(
        reading,
        "background",
        contract,
        reading.window,
        rows=how.background,
        seed=f"background {how.seed}",
        but=decision,
    )
    if not background:
        raise OptionInvalid(
            "window: no other decision with facts is in it, so there is nothing to compare with"
        )
    transcript = Transcript(
        reading.system, decision, about.model, reading.window, how.options(), about.place, background
    )
    _check_immutable(contract, how)
    ask = transcript.recording(opens(about.model, contract, decision))
    _explain(reading, ask, about, transcript, how)
    return transcript


def ask_about_system(reading: Reading, how: Wanted, opens: Opens) -> Transcript:
    """Ask a live model all that explaining a system takes. Raises as `ask_about_decision`."""
    model = newest_model(reading, reading.window, how.version)
    contract = contract_of(reading, model.contract)
    background = draw(
        reading, "background", contract, reading.window, rows=how.background, seed=f"background {how.seed}"
    )
    if not background:
        raise OptionInvalid("window: no decision with facts is in it")
    transcript = Transcript(reading.system, "", model, reading.window, how.options(), None, background)
    _explain_system(reading, transcript.recording(opens(model, contract, "")), contract, transcript)
    return transcript


def explain_decision(reading: Reading, about: Decided, answers: Transcript) -> CaseExplained:
    """Compute an explanation from answers. Raises OptionInvalid where they are of something else."""
    if (answers.system, answers.decision) != (reading.system, about.id):
        raise OptionInvalid(f"answers: are of decision {answers.decision[:80]!r}, not of {about.id[:80]!r}")
    if answers.model != about.model:
        raise OptionInvalid("answers: are of another model than decided, by version or digests")
    how = wanted(answers.options)
    return _explain(reading, answers.replaying(), about, answers, how)


def explain_system(reading: Reading, answers: Transcript, label: str = "") -> SystemExplained:
    """Compute what a sample of decisions says of a system, from answers. Raises OptionInvalid.

    `label` begins the names of its statements, where a report has two of these.
    """
    if answers.system != reading.system or answers.decision:
        raise OptionInvalid(f"answers: are not of system {reading.system} as a whole")
    contract = contract_of(reading, answers.model.contract)
    return _explain_system(reading, answers.replaying(), contract, answers, label)


def _explain(
    reading: Reading,
    ask: Ask,
    about: Decided,
    answers: Transcript,
    how: Wanted,
) -> CaseExplained:
    contract, case, outputs = _known(about)
    # 1. The case as it was: a model that answers it otherwise is not the one that decided.
    (again,) = ask([case]).outputs
    if again != outputs:
        raise OptionInvalid(
            "model: it answers the recorded case otherwise than is recorded, so it is not explained"
        )
    target = target_of(contract, outputs)
    if target is None:
        raise OptionInvalid("contract: no output has role score or label, so there is nothing to explain")
    # 2. Attribution against the background.
    others = cases(reading, "background cases", contract, answers.background)
    found = attribute(
        predicting(ask, target), _matrix([case]), _matrix(others), pairs=how.pairs, seed=how.seed
    )
    # 3. The nearest case with another answer.
    spread = reference(reading, contract, answers.window)
    other = nearest(ask, contract, target, (case, outputs), spread, immutable=frozenset(how.immutable))
    return CaseExplained(target, found, other, spread)


def _explain_system(
    reading: Reading, ask: Ask, contract: Contract, answers: Transcript, label: str = ""
) -> SystemExplained:
    how = wanted(answers.options)
    others = cases(reading, f"{label}background cases", contract, answers.background)
    sample = draw(
        reading, f"{label}sample", contract, answers.window, rows=how.sample, seed=f"sample {how.seed}"
    )
    asked = cases(reading, f"{label}sample cases", contract, sample)
    (first,) = ask([asked[0]]).outputs
    target = target_of(contract, first)
    if target is None:
        raise OptionInvalid("contract: no output has role score or label, so there is nothing to explain")
    matrix = _matrix(asked)
    found = attribute(predicting(ask, target), matrix, _matrix(others), pairs=how.pairs, seed=how.seed)
    return SystemExplained(target, found, matrix, contract)


def _known(about: Decided) -> tuple[Contract, Case, Case]:
    if about.erased:
        raise OptionInvalid(
            "decision: its facts were erased, so what the model was asked is not known any more"
        )
    case, outputs = about.case, about.outputs
    if case is None or outputs is None or about.contract is None:
        raise OptionInvalid("decision: no model answered it, or policy kept no facts of it")
    return about.contract, case, outputs


def _check_immutable(contract: Contract, how: Wanted) -> None:
    known = {field.name for field in contract.features}
    for name in how.immutable:
        if name not in known:
            raise OptionInvalid(
                f"immutable: {name[:80]!r} is no feature, must be one of {', '.join(sorted(known))}"
            )


def _matrix(rows: Sequence[Case]) -> Matrix:
    matrix = np.empty((len(rows), len(rows[0])), dtype=object)
    for at, row in enumerate(rows):
        matrix[at] = row
    return matrix
