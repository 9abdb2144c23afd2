"""Intervals and tests against SciPy's own, and the identities of a comparison with the golden run."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from sparebits.statistics import compare_with_golden, exact_upper_bound, mcnemar_exact, wilson_interval

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


@pytest.mark.parametrize(("lost", "gained"), [(0, 1), (1, 0), (5, 5), (10, 2), (2, 10), (0, 40), (600, 500), (3, 3000)])
def test_mcnemar_is_scipys_binomial_test(lost, gained):
    expected = binomtest(lost, lost + gained, 0.5).pvalue
    assert mcnemar_exact(lost, gained) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mcnemar_without_discordant_pairs_is_one():
    assert mcnemar_exact(0, 0) == 1


def test_mcnemar_of_small_counts_by_hand():
    # 0 of 5: 2 / 32. 1 of 6: 2 x (1 + 6) / 64.
    assert mcnemar_exact(np.array([0, 5, 1]), np.array([5, 0, 5])) == pytest.approx([2 / 32, 2 / 32, 14 / 64])


@pytest.fixture
def comparison():
    """Predictions of five variants of a network on 400 images, the golden run's first among them, and their table."""
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 5, 400)
    golden = np.where(generator.random(400) < 0.8, labels, generator.integers(0, 5, 400))
    variants = [golden]
    variants += [np.where(generator.random(400) < share, generator.integers(0, 5, 400), golden) for share in (0.1, 0.9)]
    variants += [labels, labels + 1]
    predicted = np.array(variants, dtype=np.uint16)
    return predicted, golden, labels, compare_with_golden(predicted, golden, labels)


def test_a_comparison_counts_image_by_image(comparison):
    predicted, golden, labels, table = comparison
    for variant, row in zip(predicted.tolist(), table.itertuples(), strict=True):
        outcomes = [(g == c, v == c) for v, g, c in zip(variant, golden.tolist(), labels.tolist(), strict=True)]
        assert row.images == 400
        assert row.hits == sum(after for _, after in outcomes)
        assert row.lost == outcomes.count((True, False))
        assert row.gained == outcomes.count((False, True))


def test_identities_of_a_comparison(comparison):
    _, golden, labels, table = comparison
    golden_hits = (golden == labels).sum()
    assert (table["hits"] == golden_hits - table["lost"] + table["gained"]).all()
    assert table["accuracy"].to_numpy() == pytest.approx(table["hits"] / table["images"])
    assert table["drop_pp"].to_numpy() == pytest.approx(100 * (golden_hits / 400 - table["accuracy"]))
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()
    for row in table.itertuples():
        expected = binomtest(row.lost, row.lost + row.gained).pvalue if row.lost + row.gained else 1
        assert row.p_value == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_ends_of_a_comparison(comparison):
    unchanged, perfect, hopeless = (comparison[3].iloc[i] for i in (0, 3, 4))
    assert (unchanged["lost"], unchanged["gained"], unchanged["drop_pp"], unchanged["p_value"]) == (0, 0, 0, 1)
    assert (perfect["accuracy"], perfect["high"], perfect["lost"]) == (1, 1, 0)
    assert perfect["drop_pp"] < 0
    assert (hopeless["hits"], hopeless["low"], hopeless["gained"]) == (0, 0, 0)
    assert hopeless["low"] < hopeless["high"] < 0.01


def test_columns_of_a_comparison(comparison):
    columns = ["images", "hits", "accuracy", "low", "high", "drop_pp", "lost", "gained", "p_value"]
    assert list(comparison[3].columns) == columns
