# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Attributions against exact values: enumeration, and the closed form for trees (interventional TreeSHAP)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ombud_reports.explain.attribution import attribute

Tree = tuple[int, float, Any, Any] | float
"""(feature, threshold, where value <= threshold, where it is above), or a leaf's value."""


def grow(generator: np.random.Generator, features: int, depth: int) -> Tree:
    """Make a random tree over features between 0 and 1."""
    if depth == 0:
        return float(generator.normal())
    return (
        int(generator.integers(features)),
        float(generator.uniform(0.2, 0.8)),
        grow(generator, features, depth - 1),
        grow(generator, features, depth - 1),
    )


def walk(tree: Tree, row: npt.NDArray[Any]) -> float:
    """Answer as the tree does."""
    while isinstance(tree, tuple):
        tree = tree[2] if row[tree[0]] <= tree[1] else tree[3]
    return tree


def exact(tree: Tree, case: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return Shapley values against one background row, leaf by leaf, in closed form.

    A leaf is reached iff all features of A come from the case and none of B: a game whose values are known
    (Lundberg et al., "From local explanations to global understanding", 2020, algorithm 3).
    """
    values = np.zeros(len(case))

    def visit(node: Tree, ours: frozenset[int], theirs: frozenset[int]) -> None:
        if not isinstance(node, tuple):
            a, b = len(ours), len(theirs)
            for feature in ours:
                values[feature] += node * math.factorial(a - 1) * math.factorial(b) / math.factorial(a + b)
            for feature in theirs:
                values[feature] -= node * math.factorial(a) * math.factorial(b - 1) / math.factorial(a + b)
            return
        feature, threshold, low, high = node
        for branch, side in ((low, True), (high, False)):
            mine, hers = (case[feature] <= threshold) == side, (other[feature] <= threshold) == side
            if mine and hers:
                visit(branch, ours, theirs)
            elif mine and feature not in theirs:
                visit(branch, ours | {feature}, theirs)
            elif hers and feature not in ours:
                visit(branch, ours, theirs | {feature})

    visit(tree, frozenset(), frozenset())
    return values


class Forest:
    """Some random trees; counts what it is asked."""

    def __init__(self, seed: int, features: int) -> None:
        generator = np.random.default_rng(seed)
        self.trees = [grow(generator, features, 4) for _ in range(8)]
        self.calls: list[int] = []

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Answer for rows."""
        self.calls.append(len(rows))
        return np.array([sum(walk(tree, row) for tree in self.trees) for row in rows])

    def exact(self, case: npt.NDArray[Any], background: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return exact values against a background."""
        every = [[exact(tree, case, other) for tree in self.trees] for other in background]
        total: npt.NDArray[Any] = np.array(every).sum(axis=1).mean(axis=0)
        return total


def test_enumeration_is_exact() -> None:
    """For few features every coalition is asked, and values are those of the closed form to rounding."""
    rows = np.random.default_rng(1).uniform(size=(12, 5))
    forest = Forest(2, 5)

    found = attribute(forest, rows[:3], rows[3:], pairs=10, seed=0)

    expected = np.array([forest.exact(case, rows[3:]) for case in rows[:3]])
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert found.pairs == 0
    assert not found.errors.any()


def test_sampled_values_are_within_their_errors_of_the_exact_ones() -> None:
    """Many features: the estimate lies within three standard errors, and its sum is exact without
    rescaling."""
    rows = np.random.default_rng(3).uniform(size=(24, 12))
    forest = Forest(4, 12)

    found = attribute(forest, rows[:4], rows[4:], pairs=200, seed=7)

    expected = np.array([forest.exact(case, rows[4:]) for case in rows[:4]])
    assert found.pairs == 200
    assert (np.abs(found.values - expected) <= 3.5 * found.errors + 1e-12).all()
    assert np.abs(found.gaps).max() < 1e-12
    assert found.asked == sum(forest.calls)


def test_more_pairs_come_closer() -> None:
    """The mean error falls about as one over the root of the number of pairs."""
    rows = np.random.default_rng(5).uniform(size=(20, 10))
    forest = Forest(6, 10)
    expected = forest.exact(rows[0], rows[1:])

    few, many = (
        np.mean(
            [
                np.abs(
                    attribute(forest, rows[:1], rows[1:], pairs=pairs, seed=seed).values[0] - expected
                ).mean()
                for seed in range(8)
            ]
        )
        for pairs in (19, 304)
    )

    assert many < few / 2


def test_pairs_are_rounded_up_to_the_background() -> None:
    """Every background row is met equally often."""
    rows = np.random.default_rng(8).uniform(size=(8, 9))

    found = attribute(Forest(9, 9), rows[:1], rows[1:], pairs=8, seed=0)

    assert found.pairs == 14


def test_equal_rows_are_asked_once() -> None:
    """Where case and background agree nothing is asked twice, and such features get nothing."""
    background = np.tile(np.arange(9.0), (4, 1))
    case = background[:1].copy()
    case[0, 2] = 0.1
    forest = Forest(10, 9)

    found = attribute(forest, case, background, pairs=40, seed=0)

    assert forest.calls == [2]
    assert [feature for feature, value in enumerate(found.values[0]) if value] in ([2], [])


def test_features_of_any_type_can_be_missing() -> None:
    """Booleans, texts, whole numbers and absence stand beside each other; enumeration by hand agrees."""

    def predict(rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.array(
            [(2.0 if row[0] else 0.0) + (row[1] == "red") * 3 + (row[2] or -1) for row in rows], float
        )

    case = np.array([[True, "red", None]], object)
    background = np.array([[False, "blue", 4], [False, "red", None]], object)

    found = attribute(predict, case, background, pairs=4, seed=0)

    np.testing.assert_allclose(found.values, [[2.0, 1.5, -2.5]])


def test_the_same_seed_gives_the_same_values() -> None:
    """A run can be done again, bit for bit; another seed gives others."""
    rows = np.random.default_rng(11).uniform(size=(10, 9))
    forest = Forest(12, 9)

    def run(seed: int) -> bytes:
        return attribute(forest, rows[:2], rows[2:], pairs=8, seed=seed).values.tobytes()

    assert run(1) == run(1)
    assert run(1) != run(2)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(8)), st.integers(0, 2**32 - 1))
def test_enumerated_values_do_not_know_the_order_of_features(order: list[int], seed: int) -> None:
    """Features named in another order have the same values, and background rows in another order too."""
    rows = np.random.default_rng(seed).uniform(size=(4, 8))
    forest = Forest(seed % 97, 8)

    plain = attribute(forest, rows[:1], rows[1:], pairs=3, seed=0, few=8)
    shuffled = attribute(
        lambda given: forest(given[:, np.argsort(order)]),
        rows[:1, order],
        rows[:0:-1, order],
        pairs=3,
        seed=0,
        few=8,
    )

    np.testing.assert_allclose(shuffled.values[0], plain.values[0, order], atol=1e-12)


@pytest.mark.parametrize(
    ("cases", "background", "pairs"), [((0, 2), (1, 2), 1), ((1, 2), (1, 3), 1), ((1, 2), (1, 2), 0)]
)
def test_shapes_that_do_not_fit_are_refused(
    cases: tuple[int, int], background: tuple[int, int], pairs: int
) -> None:
    """No case, other features, no pair."""
    predict: Callable[[Any], Any] = lambda rows: np.zeros(len(rows))  # noqa: E731

    with pytest.raises(ValueError, match=r"must have the same features|the least"):
        attribute(predict, np.zeros(cases), np.zeros(background), pairs=pairs, seed=0)


def test_an_answer_that_is_no_number_is_refused() -> None:
    """NaN would spread over all values."""
    with pytest.raises(ValueError, match="one finite answer a row"):
        attribute(lambda rows: np.full(len(rows), np.nan), np.zeros((1, 2)), np.ones((1, 2)), pairs=1, seed=0)
