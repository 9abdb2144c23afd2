"""Losses told from margins: against counts of many simulated alterations."""

import numpy as np
import pytest

from sparebits.margins import expected_lost, margin_shift, margins_of


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


# --- how far margins move


def test_a_shift_is_relative_to_the_margins():
    golden = np.array([3.0, 4.0])
    assert margin_shift(golden, golden) == 0
    # A movement of length 5 of margins of length 5, whatever its direction.
    assert margin_shift(golden, np.array([6.0, 0.0])) == pytest.approx(1)
    assert margin_shift(golden, np.array([3.0, 9.0])) == pytest.approx(1)
    for factor in (0.0, 0.5, 0.99, 1.3):
        assert margin_shift(golden, factor * golden) == pytest.approx(abs(1 - factor))


def test_a_shift_has_no_unit_and_no_order():
    random = np.random.default_rng(4)
    golden = random.gamma(3.0, 1.0, 300)
    altered = golden + 0.1 * random.standard_normal(300)
    order = random.permutation(300)
    assert margin_shift(1000 * golden, 1000 * altered) == pytest.approx(margin_shift(golden, altered))
    assert margin_shift(golden[order], altered[order]) == pytest.approx(margin_shift(golden, altered))


def test_a_shift_tells_alterations_apart_that_lose_nothing():
    """No image of wide margins is lost by either, but one of them moved four times as far."""
    random = np.random.default_rng(6)
    golden, noise = random.uniform(5, 9, 400), random.standard_normal(400)
    small, large = golden + 1e-3 * noise, golden + 4e-3 * noise
    assert expected_lost(golden, small) == expected_lost(golden, large) == pytest.approx(0, abs=1e-9)
    assert margin_shift(golden, large) == pytest.approx(4 * margin_shift(golden, small))


def test_margins_that_are_not_finite_are_left_out_of_a_shift():
    golden = np.array([1.0, 2.0, 2.0, 5.0])
    altered = np.array([np.nan, 2.5, np.inf, 5.0])
    assert margin_shift(golden, altered) == margin_shift(golden[[1, 3]], altered[[1, 3]])
    assert np.isnan(margin_shift(golden, np.full(4, np.nan)))
    assert np.isnan(margin_shift(golden[:0], golden[:0]))
    # Nothing to compare with.
    assert np.isnan(margin_shift(np.zeros(3), np.ones(3)))
