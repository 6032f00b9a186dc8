# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Every rate and what lies between groups against fairlearn on the same rows."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ombud_reports.bias import rates

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import fairlearn.metrics as fair
    from sklearn.metrics import accuracy_score, precision_score

CUBE = st.lists(st.integers(1, 30), min_size=12, max_size=12).map(
    lambda counts: np.array(counts, np.int64).reshape(3, 2, 2)
)


def rows(cells: npt.NDArray[np.int64]) -> tuple[list[int], list[int], list[int]]:
    """Return label, answer and group of every row that the cells count."""
    listed = [
        (label, answer, group)
        for group, answer, label in itertools.product(range(len(cells)), (0, 1), (0, 1))
        for _ in range(int(cells[group, answer, label]))
    ]
    truth, answers, groups = zip(*listed, strict=True)
    return list(truth), list(answers), list(groups)


@settings(max_examples=25, deadline=None)
@given(CUBE)
def test_rates_by_group_are_fairlearns(cells: npt.NDArray[np.int64]) -> None:
    """Selection, true and false positive rate, precision, accuracy, for each group."""
    truth, answers, groups = rows(cells)
    metrics: dict[str, tuple[Callable[..., Any], Callable[..., rates.Share]]] = {
        "selection": (fair.selection_rate, rates.selection_rate),
        "tpr": (fair.true_positive_rate, rates.true_positive_rate),
        "fpr": (fair.false_positive_rate, rates.false_positive_rate),
        "precision": (precision_score, rates.precision),
        "accuracy": (accuracy_score, rates.agreement),
    }
    frame = fair.MetricFrame(
        metrics={name: theirs for name, (theirs, _) in metrics.items()},
        y_true=truth,
        y_pred=answers,
        sensitive_features=groups,
    )
    for name, (_, ours) in metrics.items():
        assert ours(cells).rates == pytest.approx(frame.by_group[name].to_numpy(float), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(CUBE)
def test_what_lies_between_groups_is_fairlearns(cells: npt.NDArray[np.int64]) -> None:
    """Demographic parity and equalized odds, as differences and as ratios."""
    truth, answers, groups = rows(cells)
    for name in (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equalized_odds_difference",
        "equalized_odds_ratio",
    ):
        expected = getattr(fair, name)(truth, answers, sensitive_features=groups)
        assert float(getattr(rates, name)(cells)) == pytest.approx(expected, rel=1e-12), name


def test_drawing_counts_is_drawing_rows() -> None:
    """The interval of counts drawn is that of rows drawn, as far as both are random."""
    cells = np.array([[[40, 60], [30, 170]], [[70, 50], [20, 60]]], np.int64)
    measure = rates.demographic_parity_difference
    drawn = rates.bootstrap(cells, {"it": measure}, replicates=4_000, seed=1, level=0.9)["it"]
    _, answers, groups = (np.array(each) for each in rows(cells))
    chance = np.random.default_rng(2)
    found = []
    for _ in range(2_000):
        some = chance.integers(0, len(answers), len(answers))
        shares = [answers[some][groups[some] == group].mean() for group in (0, 1)]
        found.append(max(shares) - min(shares))
    low, high = np.quantile(found, (0.05, 0.95))
    assert (drawn.low[0], drawn.high[0]) == pytest.approx((low, high), abs=0.01)


def test_draws_are_repeatable_whatever_their_number_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same bounds, drawn together or in parts."""
    cells = np.array([[[4, 6], [3, 7]], [[7, 5], [2, 6]]], np.int64)
    measures = {"it": rates.equalized_odds_difference}
    whole = rates.bootstrap(cells, measures, replicates=500, seed=9, level=0.95)["it"]
    monkeypatch.setattr(rates, "_AT_ONCE", 64)
    parts = rates.bootstrap(cells, measures, replicates=500, seed=9, level=0.95)["it"]
    assert (whole.low.tolist(), whole.high.tolist()) == (parts.low.tolist(), parts.high.tolist())


def test_a_replicate_that_misses_a_small_group_does_not_fail() -> None:
    """It leaves the group out; the bounds are those of the replicates that have a value."""
    cells = np.array([[[0, 0], [0, 1]], [[500, 100], [300, 100]], [[200, 100], [300, 100]]], np.int64)
    measures = {
        "odds": rates.equalized_odds_ratio,
        "impact": lambda cells: rates.impact_ratios(rates.selection_rate(cells).rates),
    }
    drawn = rates.bootstrap(cells, measures, replicates=1_000, seed=4, level=0.95)
    assert 0 < drawn["impact"].computed[0] < 1_000
    assert drawn["impact"].computed[1] == 1_000
    assert np.isfinite(drawn["odds"].low[0])
