"""Failure rates put together from strata hold as often as they say, near 0 too."""

import itertools
from fractions import Fraction
from math import comb, inf

import numpy as np
import pytest
from scipy.stats import binom

from sparebits.errors import InputError
from sparebits.statistics.intervals import clopper_pearson_interval, exact_upper_bound
from sparebits.statistics.strata import failed_words_distribution, rate_by_failed_words, stratified_rate

RATES = (0, 0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 0.9, 1)


def outcomes_of(trials):
    """Every possible outcome (outcomes, strata), and a function from rates to their probabilities."""
    outcomes = np.array(list(itertools.product(*(range(number + 1) for number in trials))))
    return outcomes, lambda rates: binom.pmf(outcomes, trials, rates).prod(axis=1)


@pytest.mark.parametrize(
    ("trials", "populations"),
    [
        ((20, 40), (1, 1)),
        ((20, 40), (9, 1)),
        ((20, 40), (1, 9)),
        ((5, 30), (30, 1)),
        ((100, 12), (1, 31)),
        ((8, 8, 8), (20, 3, 1)),
    ],
)
def test_a_stratified_interval_holds_as_often_as_it_says(trials, populations):
    """Summed over all outcomes, for all combinations of rates."""
    outcomes, probabilities = outcomes_of(trials)
    intervals = [stratified_rate(failures, trials, populations) for failures in outcomes]
    low, high = (np.array([getattr(interval, end) for interval in intervals]) for end in ("low", "high"))
    weights = np.array(populations) / sum(populations)
    for rates in itertools.product(RATES, repeat=len(trials)):
        truth = weights @ rates
        holds = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
        assert probabilities(rates)[holds].sum() >= 0.95


def test_an_interval_by_bit_holds_as_often_as_it_says():
    """32 bits with 30 trials each: exponent bits fail often or always, mantissa bits next to never."""
    rates = np.array([1e-4] * 20 + [3e-3] * 4 + [0.02, 0.1, 0.4, 0.9, 0, 0, 1, 0.05])
    failures = np.random.default_rng(1).binomial(30, rates, (3000, 32))
    intervals = [stratified_rate(row, [30] * 32, [1] * 32) for row in failures]
    assert np.mean([interval.low <= rates.mean() <= interval.high for interval in intervals]) >= 0.945


def test_the_usual_interval_would_not_hold_near_0():
    """Why not the normal interval: without a failure it has no width, and that is what mostly happens."""
    rates = np.full(32, 1e-3)
    failures = np.random.default_rng(2).binomial(30, rates, (3000, 32))
    shares = failures / 30
    half = 1.96 * np.sqrt((shares * (1 - shares) / 29).sum(axis=1)) / 32
    assert np.mean(abs(shares.mean(axis=1) - 1e-3) <= half) < 0.7
    intervals = [stratified_rate(row, [30] * 32, [1] * 32) for row in failures]
    assert np.mean([interval.low <= 1e-3 <= interval.high for interval in intervals]) >= 0.945


def test_of_one_stratum_it_is_clopper_and_pearsons():
    for failures in (0, 1, 7, 150, 299, 300):
        found = stratified_rate([failures], [300], [12_345])
        low, high = (float(end) for end in clopper_pearson_interval(failures, 300))
        assert (found.low, found.high) == pytest.approx((low, high), abs=2e-4)
        assert found.low <= low + 1e-12
        assert found.high >= high - 1e-12


def test_even_strata_without_failures_are_one_sample():
    found = stratified_rate([0] * 10, [30] * 10, [5] * 10)
    assert found.high == pytest.approx(float(exact_upper_bound(0, 300, 0.975)), rel=1e-9)
    # An underrepresented stratum bounds it: 3.69 / 30 of its weight.
    assert stratified_rate([0, 0], [1000, 30], [1, 1]).high == pytest.approx(0.5 * 3.69 / 30, rel=0.05)


def test_stratification_narrows_where_strata_differ():
    """One bit of 32 always fails and the others never: the sum is nearly known, the pooled sample is not."""
    found = stratified_rate([200] + [0] * 31, [200] * 32, [1] * 32)
    pooled_low, pooled_high = clopper_pearson_interval(200, 6400)
    assert found.rate == 1 / 32
    assert found.high - found.low < 0.2 * (pooled_high - pooled_low)


def test_the_estimate_is_weighted_by_population():
    found = stratified_rate([5, 10], [10, 100], [1, 3])
    assert found.rate == pytest.approx(0.25 * 0.5 + 0.75 * 0.1)
    assert found.low < found.rate < found.high


def test_ends_stay_in_0_to_1_and_hold_the_estimate():
    generator = np.random.default_rng(3)
    for _ in range(2000):
        strata = generator.integers(1, 33)
        trials = generator.integers(2, 22, strata)
        failures = generator.binomial(trials, generator.choice([0, 0.001, 0.05, 0.5, 0.95, 1], strata))
        populations = generator.dirichlet(np.full(strata, 0.3)) + 1e-300
        found = stratified_rate(failures, trials, populations)
        assert 0 <= found.low <= found.rate + 1e-12
        assert found.rate - 1e-12 <= found.high <= 1


@pytest.mark.parametrize(
    ("failures", "trials", "populations", "message"),
    [
        ([0, 0], [9, 0], [1, 1], r"strata \[1\] have fewer than 2 trials"),
        ([0, 10], [9, 9], [1, 1], "0..trials"),
        ([0, 0], [9, 9], [1, 0], "above 0"),
        ([0, 0], [9, 9], [1], "for each stratum"),
        ([], [], [], "for each stratum"),
    ],
)
def test_impossible_strata_are_told(failures, trials, populations, message):
    with pytest.raises(InputError, match=message):
        stratified_rate(failures, trials, populations)


@pytest.mark.parametrize(("words", "exponent"), [(3, 1), (200, 20), (40, 60)])
def test_failed_words_have_their_exact_distribution(words, exponent):
    """Against rational arithmetic, the tail included."""
    p = Fraction(1, 2**exponent)
    exact = [comb(words, j) * p**j * (1 - p) ** (words - j) for j in range(words + 1)]
    expected = [float(x) for x in [*exact[:3], sum(exact[3:])]]
    assert failed_words_distribution(words, 2.0**-exponent, 2) == pytest.approx(expected, rel=1e-9, abs=0)


def test_a_tail_beyond_all_words_is_empty():
    assert failed_words_distribution(2, 0.5, 3).tolist() == pytest.approx([0.25, 0.5, 0.25, 0, 0])


def test_of_one_number_of_failed_words_it_is_the_exact_bound():
    for failures, trials in ((0, 299), (4, 50), (50, 50)):
        found = rate_by_failed_words([1, 0], [failures], [trials])
        assert found.rate == failures / trials
        assert found.high == pytest.approx(float(exact_upper_bound(failures, trials)), rel=1e-9)


@pytest.mark.parametrize("probabilities", [(0.7, 0.2, 0.1, 0), (0.05, 0.05, 0.05, 0.85), (0.9, 0.09, 0.009, 0.001)])
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_a_bound_by_failed_words_holds_as_often_as_it_says(probabilities, confidence):
    """Summed over all outcomes; whatever happens with more failed words than were tried."""
    trials = (12, 8, 6)
    outcomes, chances = outcomes_of(trials)
    high = np.array([rate_by_failed_words(probabilities, row, trials, confidence).high for row in outcomes])
    for *rates, beyond in itertools.product((0, 0.01, 0.1, 0.5, 1), repeat=4):
        truth = np.dot(probabilities, [*rates, beyond])
        assert chances(rates)[high >= truth - 1e-12].sum() >= confidence


def test_errors_are_shared_out_better_than_evenly():
    probabilities, trials = [0.9, 0.09, 0.0099, 0.0001], [300, 300, 300]
    found = rate_by_failed_words(probabilities, [0, 0, 0], trials)
    evenly = np.dot(probabilities[:3], exact_upper_bound([0, 0, 0], trials, 1 - 0.05 / 3)) + 0.0001
    assert found.high < 0.9 * evenly


def test_rare_failures_are_shown_by_few_trials():
    """No failed word is no failure, and two failed words are rarer than any direct sample would show."""
    probabilities = failed_words_distribution(10_000, 1e-7, 2)
    found = rate_by_failed_words(probabilities, [0, 3, 50], [inf, 100, 100])
    assert found.rate == pytest.approx(probabilities[1] * 0.03 + probabilities[2] * 0.5)
    assert found.rate < found.high < 1e-4
    assert found.unsampled == probabilities[3]


def test_numbers_of_words_not_tried_count_as_failures():
    found = rate_by_failed_words([0.9, 0.06, 0.04], [0, 0], [10_000, 0])
    assert found.unsampled == pytest.approx(0.1)
    assert found.rate == 0
    assert found.high == pytest.approx(0.1 + 0.9 * float(exact_upper_bound(0, 10_000)))
    assert rate_by_failed_words([0, 0, 1], [0, 0], [5, 5]).high == 1


@pytest.mark.parametrize(
    ("probabilities", "failures", "trials", "message"),
    [
        ([0.5, 0.5], [0, 0], [9, 9], "one entry more"),
        ([0.5, 0.4], [0], [9], "sum to 1"),
        ([0.5, 0.5], [10], [9], "0..trials"),
        ([0.5, 0.5], [1], [inf], "0..trials"),
    ],
)
def test_impossible_numbers_of_failed_words_are_told(probabilities, failures, trials, message):
    with pytest.raises(InputError, match=message):
        rate_by_failed_words(probabilities, failures, trials)
