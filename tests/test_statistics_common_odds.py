"""Odds compared stratum by stratum: exact, and by the field's own software where strata are one."""

import numpy as np
import pytest
from scipy.stats import hypergeom
from scipy.stats.contingency import odds_ratio

from sparebits.errors import InputError
from sparebits.statistics.common_odds import common_odds_ratio


@pytest.mark.parametrize("table", [(8, 40, 3, 60), (0, 20, 5, 20), (5, 5, 3, 30), (1, 400, 7, 90)])
def test_one_stratum_gives_the_conditional_estimate_and_exact_interval_of_scipy(table):
    failures, trials, other, other_trials = table
    expected = odds_ratio([[failures, trials - failures], [other, other_trials - other]], kind="conditional")
    found = common_odds_ratio([failures], [trials], [other], [other_trials])
    interval = expected.confidence_interval()
    np.testing.assert_allclose([found.ratio, found.low, found.high], [expected.statistic, *interval], rtol=1e-5)


def test_p_is_twice_the_smaller_tail_of_the_sum_over_strata():
    own, other = np.array([3, 1]), np.array([1, 2])
    trials, others = np.array([5, 4]), np.array([6, 3])
    chances = [
        hypergeom(trials[i] + others[i], own[i] + other[i], trials[i]).pmf(range(trials[i] + 1)) for i in range(2)
    ]
    of_sum = np.convolve(*chances)
    expected = min(1, 2 * min(of_sum[: own.sum() + 1].sum(), of_sum[own.sum() :].sum()))
    assert common_odds_ratio(own, trials, other, others).p_value == pytest.approx(expected)


def test_strata_that_differ_in_level_only_give_no_difference_and_hide_no_one():
    # By pooling, the first group would look worse: most of its trials are in the stratum that mostly fails.
    alike = common_odds_ratio([72, 2], [80, 20], [18, 8], [20, 80])
    assert alike.ratio == pytest.approx(1, abs=0.05)
    assert alike.low < 1 < alike.high
    told = common_odds_ratio([72, 8], [80, 20], [12, 8], [20, 80])
    assert told.low > 1
    assert told.p_value < 0.001


def test_strata_without_failures_or_without_one_group_tell_nothing():
    plain = common_odds_ratio([8], [40], [3], [60])
    padded = common_odds_ratio([8, 0, 10, 4], [40, 50, 10, 9], [3, 0, 20, 0], [60, 50, 20, 0])
    assert padded == plain
    nothing = common_odds_ratio([0, 5], [10, 5], [0, 4], [10, 4])
    assert (nothing.low, nothing.high, nothing.p_value, nothing.strata) == (0.0, np.inf, 1.0, 0)
    assert np.isnan(nothing.ratio)


def test_groups_exchanged_turn_the_ratio():
    one = common_odds_ratio([8, 5], [40, 20], [3, 9], [60, 50])
    other = common_odds_ratio([3, 9], [60, 50], [8, 5], [40, 20])
    np.testing.assert_allclose(
        [one.ratio, one.low, one.high], [1 / other.ratio, 1 / other.high, 1 / other.low], rtol=1e-6
    )
    assert one.p_value == pytest.approx(other.p_value)


def test_an_interval_holds_the_ratio_that_trials_were_drawn_with():
    random = np.random.default_rng(4)
    base, trials = np.array([0.02, 0.2, 0.5, 0.9]), 30
    odds = 3 * base / (1 - base)
    held = 0
    for _ in range(200):
        own, other = random.binomial(trials, odds / (1 + odds)), random.binomial(trials, base)
        found = common_odds_ratio(own, [trials] * 4, other, [trials] * 4)
        held += found.low <= 3 <= found.high
    assert held >= 186


@pytest.mark.parametrize("tables", [([1], [2, 3], [1], [2]), ([3], [2], [1], [2]), ([-1], [2], [1], [2])])
def test_wrong_numbers_are_refused(tables):
    with pytest.raises(InputError):
        common_odds_ratio(*tables)
