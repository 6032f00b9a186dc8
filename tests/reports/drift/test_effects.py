# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Every distance against scipy and numpy on the same rows, to more than six digits."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from ombud_reports.drift import effects
from ombud_reports.drift.binning import binned, equal_width
from ombud_reports.drift.pair import Bins, exact
from ombud_reports.wilson import wilson

Numbers = npt.NDArray[np.float64]
SAMPLE = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=2, max_size=60)


def samples(kind: str) -> tuple[Numbers, Numbers]:
    """Two samples: continuous, with ties, or skewed."""
    chance = np.random.default_rng(5)
    if kind == "ties":
        return chance.integers(0, 12, 900).astype(float), chance.integers(1, 14, 1_100).astype(float)
    if kind == "skewed":
        return chance.lognormal(0, 1, 1_000), chance.lognormal(0.2, 1.1, 800)
    return chance.normal(0, 1, 1_000), chance.normal(0.2, 1.3, 1_500)


@pytest.mark.parametrize("kind", ["continuous", "ties", "skewed"])
def test_distances_are_those_of_scipy(kind: str) -> None:
    """KS and Wasserstein-1 agree, and the p-value is that of the limiting distribution."""
    old, new = samples(kind)
    pair = exact(old.copy(), new.copy())
    found = stats.ks_2samp(old, new, method="asymp").statistic
    assert pair.kolmogorov_smirnov().value == pytest.approx(found, rel=1e-14)
    assert pair.wasserstein().value == pytest.approx(stats.wasserstein_distance(old, new), rel=1e-12)
    root = math.sqrt(len(old) * len(new) / (len(old) + len(new)))
    expected = stats.kstwobign.sf(root * found)
    assert effects.kolmogorov_p(found, len(old), len(new)) == pytest.approx(expected, rel=1e-9)
    assert (pair.mean, pair.deviation) == pytest.approx((old.mean(), old.std()), rel=1e-12)


@pytest.mark.parametrize("kind", ["continuous", "ties", "skewed"])
@pytest.mark.parametrize("rule", ["sturges", "doane"])
def test_bins_of_equal_width_are_those_of_numpy(kind: str, rule: str) -> None:
    """Edges over both samples, and the counts between them."""
    old, new = samples(kind)
    pair = exact(old.copy(), new.copy())
    edges = np.histogram_bin_edges(np.concatenate((old, new)), rule)
    assert equal_width(pair, rule) == pytest.approx(edges, rel=1e-12)
    expected = [np.histogram(each, edges)[0].tolist() for each in (old, new)]
    assert [each.tolist() for each in binned(pair, rule)] == expected


@pytest.mark.parametrize("kind", ["continuous", "ties", "skewed"])
def test_distances_over_bins_are_those_of_scipy(kind: str) -> None:
    """Jensen-Shannon, chi-square and Cramér's V over deciles of the reference; PSI by its definition."""
    old, new = samples(kind)
    counts = binned(exact(old.copy(), new.copy()), "quantile")
    p, q = (each / each.sum() for each in counts)
    assert effects.jensen_shannon(*counts) == pytest.approx(jensenshannon(p, q, base=2), rel=1e-9)
    table = np.stack(counts)
    chi = stats.chi2_contingency(table, correction=False)
    assert effects.chi_square(*counts) == pytest.approx((chi.statistic, chi.dof, chi.pvalue), rel=1e-9)
    expected = stats.contingency.association(table, method="cramer")
    assert effects.cramers_v(*counts) == pytest.approx(expected, rel=1e-9)
    filled = [np.where(each == 0, effects.FILL, each) for each in (p, q)]
    psi = float(np.sum((filled[1] - filled[0]) * np.log(filled[1] / filled[0])))
    assert effects.psi(*counts) == pytest.approx(psi, rel=1e-12)


@pytest.mark.parametrize("kind", ["continuous", "ties", "skewed"])
def test_what_bins_lose_is_within_the_error_they_state(kind: str) -> None:
    """Binned distances are off by at most what they say, however the rows are batched."""
    old, new = samples(kind)
    bins = Bins(min(old.min(), new.min()), max(old.max(), new.max()), 64)
    for window, values in enumerate((old, new)):
        for part in np.array_split(values, 7):
            bins.add(part, window)
    pair, whole = bins.pair(), exact(old.copy(), new.copy())
    for rough, true in (
        (pair.kolmogorov_smirnov(), whole.kolmogorov_smirnov()),
        (pair.wasserstein(), whole.wasserstein()),
    ):
        assert rough.error > 0
        assert abs(rough.value - true.value) <= rough.error
    assert (pair.mean, pair.deviation) == pytest.approx((old.mean(), old.std()), rel=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e300])
def test_moments_in_bins_are_the_same_to_the_bit_in_any_order(scale: float) -> None:
    """An engine with several threads gives rows in another order every time; a report is the same."""
    values = np.random.default_rng(5).normal(0.001, 1, 5_000) * scale
    found = set()
    for seed in range(5):
        bins = Bins(values.min(), values.max(), 64)
        for part in np.array_split(np.random.default_rng(seed).permutation(values), seed + 1):
            bins.add(part, 0)
        pair = bins.pair()
        found.add((pair.mean, pair.deviation))
    ((mean, deviation),) = found
    assert mean == pytest.approx(values.mean(), rel=1e-11)
    assert deviation == pytest.approx((values / scale).std() * scale, rel=1e-12)


def test_whole_numbers_lose_nothing_in_bins() -> None:
    """A bin for each whole number gives the same as the values themselves."""
    old, new = samples("ties")
    bins = Bins(-1.0, 13.0, 14, whole=True)
    bins.add(old, 0)
    bins.add(new, 1)
    pair, whole = bins.pair(), exact(old.copy(), new.copy())
    assert pair.kolmogorov_smirnov() == whole.kolmogorov_smirnov()
    assert pair.wasserstein().value == pytest.approx(whole.wasserstein().value, rel=1e-12)
    assert [each.tolist() for each in binned(pair, "quantile")] == [
        each.tolist() for each in binned(whole, "quantile")
    ]


@given(SAMPLE, SAMPLE, st.randoms())
def test_order_of_rows_changes_nothing(old: list[float], new: list[float], chance: object) -> None:
    """A permutation of either sample gives the same pair; swapping them, the same distances."""
    pair = exact(np.array(old), np.array(new))
    chance.shuffle(old)  # type: ignore[attr-defined]  # a random.Random
    again = exact(np.array(old), np.array(new))
    assert pair.points.tolist() == again.points.tolist()
    assert pair.reference.tolist() == again.reference.tolist()
    swapped = exact(np.array(new), np.array(old))
    assert swapped.wasserstein().value == pytest.approx(pair.wasserstein().value)
    assert swapped.kolmogorov_smirnov() == pair.kolmogorov_smirnov()


@given(SAMPLE)
def test_a_sample_is_no_distance_from_itself(values: list[float]) -> None:
    """All distances are 0, and chance explains them."""
    pair = exact(np.array(values), np.array(values))
    counts = binned(pair, "quantile")
    assert (pair.kolmogorov_smirnov().value, pair.wasserstein().value) == (0, 0)
    assert (effects.psi(*counts), effects.jensen_shannon(*counts), effects.cramers_v(*counts)) == (0, 0, 0)
    assert counts[0].sum() == counts[1].sum() == len(values)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_false_discoveries_are_controlled_as_scipy_does(p: list[float]) -> None:
    """Adjusted p-values are those of Benjamini and Hochberg."""
    assert effects.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), rel=1e-12)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_of_a_share_is_wilsons(hits: int, others: int) -> None:
    """As scipy's, without correction; nothing of nothing is refused."""
    of = hits + others
    if not of:
        with pytest.raises(ValueError, match="0 of 0"):
            wilson(hits, of)
        return
    expected = stats.binomtest(hits, of).proportion_ci(0.95, method="wilson")
    found = wilson(hits, of)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-12)


def test_by_chance_psi_is_what_its_expectation_says() -> None:
    """Over many samples of one distribution, the mean of PSI is near (bins - 1)(1/n + 1/m)."""
    chance = np.random.default_rng(3)
    shares = np.full(10, 0.1)
    found = [
        effects.psi(chance.multinomial(900, shares), chance.multinomial(700, shares)) for _ in range(400)
    ]
    counts = np.full(10, 90), np.full(10, 70)
    assert np.mean(found) == pytest.approx(effects.expected_psi(*counts), rel=0.1)
