"""Logistic regressions and curves of failures: known solutions, recovered curves, nested models."""

import numpy as np
import pytest
from scipy.special import expit, logit

from sparebits.errors import InputError
from sparebits.statistics.failure_curves import FailureCurve, fit_curve, resampled_curves
from sparebits.statistics.logistic import deviance, fit_logistic, indicators, likelihood_ratio_p


def test_levels_of_groups_are_the_log_odds_of_their_shares():
    groups = np.repeat(["a", "b", "c"], [40, 60, 100])
    failed = np.concatenate([np.arange(40) < 8, np.arange(60) < 30, np.arange(100) < 97])
    fit = fit_logistic(indicators(groups, ["a", "b", "c"]), failed)
    np.testing.assert_allclose(fit.estimates, logit([0.2, 0.5, 0.97]), atol=1e-4)
    np.testing.assert_allclose(
        fit.errors, [(n * p * (1 - p)) ** -0.5 for n, p in ((40, 0.2), (60, 0.5), (100, 0.97))], rtol=1e-3
    )
    shares = np.repeat([0.2, 0.5, 0.97], [40, 60, 100])
    assert fit.deviance == pytest.approx(deviance(failed, shares), abs=1e-4)
    assert fit.parameters == 3


def test_a_group_that_never_fails_stays_finite_and_costs_no_deviance():
    groups = np.repeat([0, 1], 50)
    failed = np.concatenate([np.zeros(50), np.arange(50) % 2]).astype(bool)
    fit = fit_logistic(indicators(groups, [0, 1]), failed)
    assert np.isfinite(fit.estimates).all()
    assert fit.deviance == pytest.approx(deviance(failed[50:], np.full(50, 0.5)), abs=1e-2)


def test_a_slope_is_found_whatever_the_unit_of_its_column():
    random = np.random.default_rng(2)
    x = random.uniform(-2, 2, 4000)
    failed = random.random(4000) < expit(-1 + 1.5 * x)
    ones = np.ones(4000)
    fit = fit_logistic(np.column_stack([ones, x]), failed)
    scaled = fit_logistic(np.column_stack([ones, 1e4 * x]), failed)
    assert abs(fit.estimates[1] - 1.5) < 3 * fit.errors[1]
    assert scaled.estimates[1] == pytest.approx(fit.estimates[1] / 1e4, rel=1e-3)
    assert scaled.deviance == pytest.approx(fit.deviance, abs=1e-3)


def test_a_column_without_meaning_is_called_significant_at_the_stated_rate():
    random = np.random.default_rng(5)
    called = 0
    for _ in range(300):
        failed, noise = random.random(120) < 0.3, random.normal(size=120)
        ones = np.ones((120, 1))
        smaller, larger = fit_logistic(ones, failed), fit_logistic(np.column_stack([ones, noise]), failed)
        called += likelihood_ratio_p(smaller.deviance, larger.deviance, 1) < 0.05
    assert 4 <= called <= 28


def test_a_curve_is_recovered_with_its_plateau_and_thresholds():
    random = np.random.default_rng(1)
    truth = FailureCurve(0.5, 1.0, 2.0, 0.0)
    sizes = random.uniform(-3, 6, 6000).round(1)
    failed = random.random(6000) < truth.rates(sizes)
    curve = fit_curve(sizes, failed, np.ones(6000))
    assert curve.plateau == pytest.approx(0.5, abs=0.03)
    assert curve.middle == pytest.approx(1.0, abs=0.15)
    assert curve.rates(curve.size_at(0.01)) == pytest.approx(0.01)
    assert np.isinf(curve.size_at(0.6))
    assert curve.deviance <= deviance(failed, truth.rates(sizes)) + 1e-6


def test_trials_of_one_size_may_come_as_counts():
    random = np.random.default_rng(3)
    sizes = random.integers(-4, 5, 500) / 2
    failed = random.random(500) < FailureCurve(0.7, 0.5, 2.5, 0.0).rates(sizes)
    levels = np.unique(sizes)
    counts = [[failed[sizes == level].sum(), (sizes == level).sum()] for level in levels]
    one, other = fit_curve(sizes, failed, np.ones(500)), fit_curve(levels, *np.array(counts).T)
    np.testing.assert_allclose(
        [one.plateau, one.middle, one.slope, one.deviance],
        [other.plateau, other.middle, other.slope, other.deviance],
        rtol=1e-3,
    )


def test_a_bootstrap_spreads_about_the_curve_and_repeats_with_its_seed():
    random = np.random.default_rng(6)
    sizes = random.uniform(-3, 4, 1500).round(1)
    failed = random.random(1500) < FailureCurve(0.6, 0.5, 3.0, 0.0).rates(sizes)
    curve, strata = fit_curve(sizes, failed, np.ones(1500)), np.arange(1500) % 3
    first, second = (resampled_curves(sizes, failed, strata, curve, np.random.default_rng(9), 60) for _ in range(2))
    assert first == second
    middles = [one.middle for one in first]
    assert min(middles) < curve.middle < max(middles)
    assert 0.02 < np.std(middles) < 0.3


@pytest.mark.parametrize(
    ("sizes", "failures", "trials"), [([1, 2], [0, 0], [1, 1]), ([1, np.nan], [1, 0], [1, 1]), ([1, 2], [1], [1])]
)
def test_what_no_curve_fits_is_refused(sizes, failures, trials):
    with pytest.raises(InputError):
        fit_curve(sizes, failures, trials)


def test_a_design_with_gaps_is_refused():
    with pytest.raises(InputError):
        fit_logistic(np.array([[1.0], [np.nan]]), np.array([True, False]))
