"""How many faults and trials a statement needs, and the rate that is then held."""

import numpy as np
import pytest

from sparebits.errors import InputError
from sparebits.statistics.held import held_rate
from sparebits.statistics.intervals import exact_upper_bound
from sparebits.statistics.planning import faults_needed, margin_of_error, trials_needed

# Krejcie & Morgan 1970: the same formula with 5 % and chi-square 3.841, rounded to the nearest. Population: sample.
KREJCIE_MORGAN = {10: 10, 15: 14, 100: 80, 220: 140, 1200: 291, 1300: 297, 2800: 338, 9000: 368}


def test_faults_needed_are_those_of_a_published_table_rounded_up():
    populations, published = np.array(list(KREJCIE_MORGAN)), np.array(list(KREJCIE_MORGAN.values()))
    more = faults_needed(populations, 0.05) - published
    assert ((more == 0) | (more == 1)).all()
    assert margin_of_error(populations[3:], published[3:]) == pytest.approx(0.05, abs=1e-4)


def test_faults_needed_in_all_bits_of_a_large_network():
    # Without the finite population they are (1.96 / 2 / 0.01)^2.
    assert faults_needed(10**12, 0.01) == 9604
    assert faults_needed(1, 0.01) == 1


@pytest.mark.parametrize("margin", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
@pytest.mark.parametrize("proportion", [0.5, 0.02])
def test_margin_of_error_is_the_inverse(margin, confidence, proportion):
    populations = np.array([7, 400, 27_648, 17_174_144, 10**9])
    needed = faults_needed(populations, margin, confidence, proportion)
    assert (needed <= populations).all()
    assert (margin_of_error(populations, needed, confidence, proportion) <= margin * (1 + 1e-9)).all()
    more = needed > 1
    assert (margin_of_error(populations[more], needed[more] - 1, confidence, proportion) > margin).all()


def test_margin_of_error_holds_as_often_as_it_says():
    """Draws without replacement of 300 of 1,000 faults, of which 400 are critical."""
    rates = np.random.default_rng(2).hypergeometric(400, 600, 300, 20_000) / 300
    margin = margin_of_error(1000, 300, proportion=0.4)
    assert np.mean(abs(rates - 0.4) <= margin) == pytest.approx(0.95, abs=0.015)
    # The correction matters: without it the interval would be wider than needed.
    assert np.mean(abs(rates - 0.4) <= margin_of_error(10**9, 300, proportion=0.4)) > 0.975


def test_every_fault_tried_leaves_no_error():
    assert margin_of_error(np.array([1, 50]), np.array([1, 50])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 0.01), "at least one fault"), ((100, 0), "above 0"), ((100, 0.01, 0.95, 1.0), "between 0 and 1")],
)
def test_impossible_plans_are_told(arguments, message):
    with pytest.raises(InputError, match=message):
        faults_needed(*arguments)


def test_more_trials_than_faults_are_told():
    with pytest.raises(InputError, match="got 11"):
        margin_of_error(10, 11)


def test_trials_needed_without_a_failure():
    # The least n with (1 - limit)^n < 1 - confidence.
    for limit, confidence, trials in ((0.01, 0.95, 299), (0.05, 0.95, 59), (0.001, 0.95, 2995), (0.01, 0.99, 459)):
        assert trials_needed(limit, confidence=confidence) == trials
        assert (1 - limit) ** trials < 1 - confidence <= (1 - limit) ** (trials - 1)


@pytest.mark.parametrize("failures", [0, 1, 2, 3, 30])
def test_trials_needed_are_the_fewest(failures):
    trials = trials_needed(0.01, failures)
    assert exact_upper_bound(failures, trials) < 0.01 <= exact_upper_bound(failures, trials - 1)


def test_impossible_limits_are_told():
    with pytest.raises(InputError, match="between 0 and 1"):
        trials_needed(0)
    with pytest.raises(InputError, match="not negative"):
        trials_needed(0.01, -1)


def test_a_rate_is_held_by_299_trials_without_a_failure():
    assert held_rate([0.01], [0], [299]) == 0.01
    assert held_rate([0.01], [0], [298]) == 0
    assert held_rate([0.01], [1], [473]) == 0.01
    assert held_rate([0.01], [1], [472]) == 0


def test_a_held_rate_needs_every_lower_one():
    rates = [0.03, 0.001, 0.05, 0.01]
    assert held_rate(rates, [0, 0, 7, 0], [299] * 4) == 0.03
    assert held_rate(rates, [0, 0, 7, 1], [299] * 4) == 0.001
    assert held_rate(rates, [0, 1, 0, 0], [299] * 4) == 0
    assert held_rate(rates, [0, 1, 0, 0], [299] * 4, limit=0.02) == 0.05
    assert held_rate([], [], []) == 0


def test_a_rate_not_held_is_named_with_the_stated_error_at_most():
    """P(failure) is just the limit at the second of three rates: naming it or the third is wrong."""
    generator = np.random.default_rng(3)
    failures = generator.binomial(299, [0.0, 0.01, 0.02], (2000, 3))
    named = np.array([held_rate([1e-3, 1e-2, 1e-1], row, [299] * 3) for row in failures])
    assert np.mean(named > 1e-3) == pytest.approx(0.99**299, abs=0.015)
    assert (named >= 1e-3).all()


@pytest.mark.parametrize(
    ("rates", "failures", "trials", "message"),
    [
        ([0.0, 0.1], [0, 0], [9, 9], "above 0"),
        ([0.1, 0.1], [0, 0], [9, 9], "differ"),
        ([0.1], [10], [9], "0..trials"),
        ([0.1], [0, 0], [9], "one length"),
    ],
)
def test_impossible_campaigns_are_told(rates, failures, trials, message):
    with pytest.raises(InputError, match=message):
        held_rate(rates, failures, trials)
