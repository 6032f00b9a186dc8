# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The nearest other case that the model answers otherwise: searched for by asking, never by assuming.

Few changed features come before small changes. Values are ones that were seen in the window, so within the
contract; of numbers, the change is then made as small as the answer allows. Nothing here says that a person
could bring such a change about, nor that a lender would then decide otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from ombud_reports.explain.contract import Case, Contract, Field, Value
from ombud_reports.explain.model import Ask, Target
from ombud_reports.explain.recorded import Reference

MOST_CHANGED: Final = 3
_BEAM: Final = 12
_VALUES_EACH: Final = 3
_STEPS: Final = 8
_ROUNDS: Final = 2
_REFINED: Final = 3


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Another case with another answer, and how far away it is: the sum over what changed, in spreads; 1 a
    class."""

    case: Case
    outputs: Case
    changed: tuple[int, ...]
    distance: float


@dataclass(frozen=True, slots=True)
class _Probe:
    case: Case
    outputs: Case
    pull: float
    """How far the explained number moved towards another answer."""


def nearest(
    ask: Ask,
    contract: Contract,
    target: Target,
    of: tuple[Case, Case],
    reference: Reference,
    *,
    immutable: frozenset[str] = frozenset(),
) -> Counterfactual | None:
    """Return the case nearest to one, given with its outputs, whose label differs.

    None where the contract has no label, or up to three changes find none. Protected features are never
    changed, nor those of `immutable`. Asks at most five times.
    """
    case, outputs = of
    label = contract.output("label")
    if label is None:
        return None
    space = _Space(contract, reference, case)
    free = [
        at
        for at, field in enumerate(contract.features)
        if field.role != "protected" and field.name not in immutable
    ]
    start = target.of(outputs)
    toward = -1.0 if outputs[label] is True else 1.0 if outputs[label] is False else 0.0

    def probe(cases: Iterable[Case]) -> list[_Probe]:
        asked = list(dict.fromkeys(cases))
        answers = ask(asked).outputs if asked else ()
        moved = [target.of(each) - start for each in answers]
        pulls = [move * toward if toward else abs(move) for move in moved]
        return [_Probe(*each) for each in zip(asked, answers, pulls, strict=True)]

    # 1. Each feature alone, with each value that was seen.
    singles = probe(_with(case, at, value) for at in free for value in space.candidates(at))
    found = [each for each in singles if each.outputs[label] != outputs[label]]
    # 2. If none is enough, the most promising changes together, one more feature at a time.
    best = {at: [each.case[at] for each in _strongest(singles, at, case)] for at in free}
    beam = sorted(singles, key=lambda each: -each.pull)[:_BEAM]
    for _ in range(1, MOST_CHANGED):
        if found or not beam:
            break
        more = {
            _with(each.case, at, value)
            for each in beam
            for at in free
            if each.case[at] == case[at]
            for value in best[at]
        }
        probed = probe(sorted(more, key=repr))
        found = [each for each in probed if each.outputs[label] != outputs[label]]
        beam = sorted(probed, key=lambda each: -each.pull)[:_BEAM]
    if not found:
        return None
    # 3. Numbers as near as the answer allows, for the nearest few.
    kept = sorted(found, key=lambda each: space.distance(each.case))[:_REFINED]
    for _ in range(_ROUNDS):
        tried = sorted({step for each in kept for step in space.steps(each.case)}, key=repr)
        answered = probe(tried)
        kept += [each for each in answered if each.outputs[label] != outputs[label]]
        kept = sorted(kept, key=lambda each: space.distance(each.case))[:_REFINED]
    nearest_found = kept[0]
    changed = tuple(at for at in free if nearest_found.case[at] != case[at])
    return Counterfactual(
        nearest_found.case, nearest_found.outputs, changed, space.distance(nearest_found.case)[1]
    )


class _Space:
    """Values that features may take, and distances from the case."""

    def __init__(self, contract: Contract, reference: Reference, case: Case) -> None:
        self._features = contract.features
        self._reference = reference
        self._case = case

    def candidates(self, at: int) -> list[Value]:
        both = self._features[at].type == "boolean"
        seen: tuple[Value, ...] = (True, False) if both else self._reference.values[at]
        # Never changed to absent: not telling is no change of a person's case.
        return [value for value in seen if value is not None and value != self._case[at]]

    def distance(self, other: Case) -> tuple[int, float]:
        """Return how many features differ, and how far they do."""
        parts = [
            self._part(at, mine, hers)
            for at, (mine, hers) in enumerate(zip(self._case, other, strict=True))
            if mine != hers
        ]
        return len(parts), sum(parts)

    def steps(self, other: Case) -> Iterable[Case]:
        """Yield cases between this one and another, in the numbers that differ."""
        ways: list[list[Value]] = []
        for at, (mine, hers) in enumerate(zip(self._case, other, strict=True)):
            field = self._features[at]
            if (
                mine == hers
                or not field.number
                or not isinstance(mine, int | float)
                or not isinstance(hers, int | float)
            ):
                ways.append([hers])
            else:
                ways.append(
                    [*dict.fromkeys(_between(field, mine, hers, step) for step in range(1, _STEPS + 1))]
                )
        yield from (each for each in product(*_bounded(ways)) if each != self._case)

    def _part(self, at: int, mine: Value, hers: Value) -> float:
        spread = self._reference.spread[at]
        if isinstance(mine, int | float) and isinstance(hers, int | float) and self._features[at].number:
            return abs(hers - mine) / spread if spread else 1.0
        return 1.0


def _between(field: Field, mine: float, hers: float, step: int) -> Value:
    value = mine + (hers - mine) * step / _STEPS
    return round(value) if field.type == "integer" else round(value, field.digits)


def _bounded(ways: Sequence[list[Value]]) -> list[list[Value]]:
    """Three numbers at eight steps each are as many cases as one round may take."""
    most = {0: _STEPS, 1: _STEPS, 2: _STEPS}.get(sum(len(way) > 1 for way in ways), 4)
    return [way if len(way) <= most else way[:: max(len(way) // most, 1)] for way in ways]


def _strongest(singles: Sequence[_Probe], at: int, case: Case) -> list[_Probe]:
    of_it = [each for each in singles if each.case[at] != case[at]]
    return sorted(of_it, key=lambda each: -each.pull)[:_VALUES_EACH]


def _with(case: Case, at: int, value: Value) -> Case:
    return (*case[:at], value, *case[at + 1 :])
