# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Shapley values of a black box, by antithetic permutation pairs or, for few features, by enumeration.

The value function is the interventional one (Janzing, Minorics and Bloebaum 2020; Lundberg's
"interventional"): v(S) is the mean answer over the background, with the features of S taken from the case
and all others from the background row. Pairs of a permutation and its reverse follow Mitchell, Cooper, Frank
and Holmes, "Sampling Permutations for Shapley Value Estimation", JMLR 23 (2022), section 4.1.

Each pair meets one background row, all rows equally often, and all cases meet the same pairs. So the sum of a
case's values is its answer less the mean answer of the background, but for rounding: nothing is rescaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[Any]
"""Rows of features, floats or objects: [rows, features]."""
Floats = npt.NDArray[np.float64]
Predict = Callable[[Matrix], Floats]
"""Answers of the model, one a row, in the order of the rows; it sees no row twice in one call."""

FEW: Final = 6
"""Features up to which all coalitions are asked about: 64 of them, so that there is no sampling error."""
_ROWS_AT_ONCE: Final = 65_536


@dataclass(frozen=True, slots=True)
class Attribution:
    """What each feature adds to each case's answer, in the unit of the answers."""

    values: Floats
    """[cases, features]"""
    errors: Floats
    """Standard errors over the pairs, [cases, features]; 0 where coalitions were enumerated. They are no
    smaller than the sampling error for this background, as differences between its rows count as if they
    were drawn."""
    answers: Floats
    """The model's answer to each case."""
    base: float
    """Mean answer over the background."""
    pairs: int
    """Permutation pairs; 0 where coalitions were enumerated."""
    asked: int
    """Distinct rows that the model was asked about."""

    @property
    def gaps(self) -> Floats:
        """Return what additivity leaves over, by case: answer - base - sum of values. 0 but for rounding."""
        left: Floats = self.answers - self.base - self.values.sum(axis=1)
        return left


def attribute(
    predict: Predict, cases: Matrix, background: Matrix, *, pairs: int, seed: int, few: int = FEW
) -> Attribution:
    """Attribute each case's answer to its features, relative to the background.

    pairs are rounded up to a multiple of the background's rows. Raises ValueError for shapes that do not fit.
    """
    if cases.ndim != 2 or background.ndim != 2 or cases.shape[1] != background.shape[1]:
        raise ValueError(f"cases {cases.shape} and background {background.shape} must have the same features")
    if not (len(cases) and len(background) and cases.shape[1]) or pairs < 1:
        raise ValueError("one case, one background row, one feature and one pair are the least")
    asking = _Asking(predict)
    ends = asking(np.concatenate([cases, background]))
    asking.keep()
    answers, base = ends[: len(cases)], ends[len(cases) :]
    if cases.shape[1] <= few:
        parts = [_enumerated(asking, case, background) for case in cases]
        values = np.array(parts)
        errors, pairs = np.zeros_like(values), 0
    else:
        pairs = math.ceil(pairs / len(background)) * len(background)
        values, errors = _sampled(asking, cases, background, (answers, base), pairs=pairs, seed=seed)
    return Attribution(values, errors, answers, float(base.mean()), pairs, asking.asked)


def _sampled(
    asking: _Asking, cases: Matrix, background: Matrix, ends: tuple[Floats, Floats], *, pairs: int, seed: int
) -> tuple[Floats, Floats]:
    features = cases.shape[1]
    answers, base = ends
    # 1. Where each feature comes in each permutation: the same for all cases (common random numbers).
    generator = np.random.default_rng(seed)
    order = generator.permuted(np.tile(np.arange(features), (pairs, 1)), axis=1)
    place = np.argsort(order, axis=1)
    rows_of = np.arange(pairs) % len(background)
    # 2. Step k of a permutation has its first k features from the case; the reverse has its last k.
    steps = np.arange(1, features)[None, :, None]
    masks = np.stack([place[:, None, :] < steps, features - 1 - place[:, None, :] < steps], axis=1)
    others = background[rows_of][:, None, None, :]
    # 3. Ask, as many cases at once as memory allows, and take differences between steps.
    at_once = max(1, _ROWS_AT_ONCE // max(masks[..., 0].size, 1))
    values, errors = np.empty(cases.shape), np.empty(cases.shape)
    for start in range(0, len(cases), at_once):
        part = cases[start : start + at_once]
        rows = np.where(masks[None], part[:, None, None, None, :], others[None])
        inner = asking(rows.reshape(-1, features)).reshape(rows.shape[:-1])
        first = np.broadcast_to(base[rows_of][None, :, None, None], (*inner.shape[:3], 1))
        last = np.broadcast_to(answers[start : start + at_once][:, None, None, None], (*inner.shape[:3], 1))
        gains = np.diff(np.concatenate([first, inner, last], axis=3), axis=3)
        forward = np.take_along_axis(gains[:, :, 0], place[None], axis=2)
        backward = np.take_along_axis(gains[:, :, 1], features - 1 - place[None], axis=2)
        each = (forward + backward) / 2
        values[start : start + at_once] = each.mean(axis=1)
        spread = each.std(axis=1, ddof=1) if pairs > 1 else np.full(part.shape, np.nan)
        errors[start : start + at_once] = spread / math.sqrt(pairs)
    return values, errors


def _enumerated(asking: _Asking, case: Matrix, background: Matrix) -> Floats:
    features = len(case)
    sets = [frozenset(each) for size in range(features + 1) for each in combinations(range(features), size)]
    masks = np.array([[feature in each for feature in range(features)] for each in sets])
    rows = np.where(masks[:, None, :], case[None, None, :], background[None])
    worth = asking(rows.reshape(-1, features)).reshape(len(sets), -1).mean(axis=1)
    value = dict(zip(sets, worth, strict=True))
    whole = math.factorial(features)
    return np.array(
        [
            sum(
                math.factorial(len(each)) * math.factorial(features - len(each) - 1) / whole
                * (value[each | {feature}] - value[each])
                for each in sets
                if feature not in each
            )
            for feature in range(features)
        ]
    )  # fmt: skip


class _Asking:
    """Asks about distinct rows only: where case and background agree, coalitions are the same row."""

    def __init__(self, predict: Predict) -> None:
        self._predict = predict
        self._last: dict[Any, float] = {}
        self._kept: dict[Any, float] = {}
        self.asked = 0

    def keep(self) -> None:
        """Remember the answers of the call before for all that follow."""
        self._kept = self._last

    def __call__(self, rows: Matrix) -> Floats:
        packed = rows.dtype != object
        keys: list[Any] = [row.tobytes() if packed else tuple(row) for row in np.ascontiguousarray(rows)]
        new = {key: at for at, key in enumerate(keys) if key not in self._kept}
        answers = self._predict(rows[list(new.values())]) if new else np.empty(0)
        if answers.shape != (len(new),) or not np.isfinite(answers).all():
            raise ValueError(f"the model must give one finite answer a row, for {len(new)} rows")
        self.asked += len(new)
        self._last = {**self._kept, **dict(zip(new, answers.tolist(), strict=True))}
        return np.array([self._last[key] for key in keys])
