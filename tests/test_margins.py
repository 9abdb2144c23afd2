"""Losses told from margins: against counts of many simulated alterations."""

import numpy as np
import pytest

from sparebits.margins import expected_lost, margins_of


def test_margins_are_the_distance_to_the_best_other_class():
    logits = np.array([[1.0, 4.0, 2.5], [3.0, -1.0, 3.0], [0.0, 2.0, 9.0]])
    assert margins_of(logits, np.array([1, 0, 0])).tolist() == [1.5, 0.0, -9.0]


def test_margins_of_nan_logits_are_not_finite():
    logits = np.array([[np.nan, 1.0], [1.0, np.nan], [np.inf, np.inf]])
    assert not np.isfinite(margins_of(logits, np.array([0, 0, 0]))).any()


def test_nothing_is_lost_where_nothing_moves():
    golden = np.random.default_rng(1).uniform(0, 5, 200)
    assert expected_lost(golden, golden.copy()) == 0


def test_what_is_not_finite_is_lost():
    golden = np.random.default_rng(1).uniform(1, 5, 200)
    altered = golden.copy()
    altered[:7] = [np.nan, np.inf, -np.inf, np.nan, np.nan, np.nan, np.nan]
    assert expected_lost(golden, altered) == 7
    assert expected_lost(golden, np.full(200, np.nan)) == 200


@pytest.mark.parametrize(
    ("shift", "fixed", "relative"),
    [(0.0, 0.3, 0.0), (0.0, 0.8, 0.0), (0.0, 0.2, 0.2), (-0.5, 0.3, 0.1), (-1.5, 0.5, 0.3)],
)
def test_expectation_from_one_draw_agrees_with_counts_of_many(shift, fixed, relative):
    """300 margins that move by shift + N(0, fixed^2 + (relative M)^2) tell what 500 such draws lose on average."""
    random = np.random.default_rng(5)
    golden = random.gamma(3.0, 1.0, 300)
    spread = np.hypot(fixed, relative * golden)
    draws = golden + shift + spread * random.standard_normal((500, 300))
    mean_lost = (draws < 0).sum(axis=1).mean()
    expected = np.array([expected_lost(golden, draw) for draw in draws[:40]])
    counted = (draws[:40] < 0).sum(axis=1)
    # To a fifth, or to a tenth of an image.
    assert expected.mean() == pytest.approx(mean_lost, rel=0.2, abs=0.1)
    # Its purpose: it scatters less than a count does.
    assert expected.std() < counted.std()


def test_a_network_that_collapsed_loses_nearly_all():
    random = np.random.default_rng(2)
    golden = random.gamma(3.0, 1.0, 300)
    altered = -0.5 * golden - 1 + 0.3 * random.standard_normal(300)
    assert expected_lost(golden, altered) > 295
