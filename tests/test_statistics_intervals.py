"""Intervals and bounds of proportions against SciPy's own and against published ones."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from sparebits.statistics.intervals import (
    clopper_pearson_interval,
    exact_lower_bound,
    exact_upper_bound,
    wilson_interval,
)

HITS = [(0, 1), (1, 1), (0, 7), (7, 7), (1, 7), (3, 10), (912, 1000), (38_097, 50_000), (0, 50_000), (49_999, 50_000)]


@pytest.mark.parametrize(("hits", "images"), HITS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_interval_is_scipys(hits, images, confidence):
    expected = binomtest(hits, images).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(hits, images, confidence)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_of_a_textbook():
    # Newcombe 1998, Table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    low, high = wilson_interval(np.array([81, 15, 0, 1]), np.array([263, 148, 20, 29]))
    assert low == pytest.approx([0.2553, 0.0624, 0.0000, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


def test_wilson_interval_lies_in_0_to_1_and_holds_the_proportion():
    for images in (1, 2, 3, 10, 897, 50_000):
        hits = np.unique(np.linspace(0, images, 50).astype(int))
        low, high = wilson_interval(hits, images)
        assert ((low >= 0) & (low <= hits / images) & (hits / images <= high) & (high <= 1)).all()
        assert low[0] == 0
        assert high[-1] == 1


@pytest.mark.parametrize(("failures", "trials"), [(0, 1), (0, 20), (1, 20), (19, 20), (20, 20), (0, 299), (7, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_exact_upper_bound_is_scipys(failures, trials, confidence):
    expected = binomtest(failures, trials, alternative="less").proportion_ci(confidence, method="exact").high
    assert exact_upper_bound(failures, trials, confidence) == pytest.approx(expected, abs=1e-12)


def test_exact_upper_bound_of_trials_without_a_failure():
    # 299 is the least number of trials without failure that shows less than 1 % with 95 % confidence.
    bounds = exact_upper_bound(0, np.array([20, 298, 299]))
    assert bounds[0] == pytest.approx(0.1391, abs=5e-5)
    assert bounds[2] < 0.01 < bounds[1]


@pytest.mark.parametrize("probability", [0.01, 0.13, 0.5, 0.97])
def test_exact_upper_bound_holds_as_often_as_it_says(probability):
    """Summed over all outcomes of 20 trials, not simulated."""
    failures = np.arange(21)
    holds = exact_upper_bound(failures, 20) >= probability
    assert binom.pmf(failures, 20, probability)[holds].sum() >= 0.95


@pytest.mark.parametrize(("hits", "images"), HITS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_clopper_pearson_interval_is_scipys(hits, images, confidence):
    expected = binomtest(hits, images).proportion_ci(confidence, method="exact")
    low, high = clopper_pearson_interval(hits, images, confidence)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_clopper_pearson_interval_of_a_textbook():
    # Newcombe 1998, Table I, method 5: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    low, high = clopper_pearson_interval(np.array([81, 15, 0, 1]), np.array([263, 148, 20, 29]))
    assert low == pytest.approx([0.2527, 0.0578, 0.0000, 0.0009], abs=5e-5)
    assert high == pytest.approx([0.3676, 0.1617, 0.1684, 0.1776], abs=5e-5)


def test_exact_bounds_mirror_each_other():
    failures = np.arange(31)
    assert exact_lower_bound(failures, 30) == pytest.approx(1 - exact_upper_bound(30 - failures, 30), abs=1e-14)


def test_no_trial_says_nothing():
    low, high = clopper_pearson_interval(0, 0)
    assert (low, high) == (0, 1)


@pytest.mark.parametrize("probability", [0.001, 0.01, 0.13, 0.5, 0.97])
def test_clopper_pearson_interval_holds_as_often_as_it_says(probability):
    """Summed over all outcomes of 20 trials; either end errs with 2.5 % at most."""
    failures = np.arange(21)
    low, high = clopper_pearson_interval(failures, 20)
    outcomes = binom.pmf(failures, 20, probability)
    assert outcomes[low > probability].sum() <= 0.025
    assert outcomes[high < probability].sum() <= 0.025
