"""McNemar's test against SciPy's own, and the identities of a comparison with the golden run."""

import numpy as np
import pytest
from scipy.stats import binomtest

from sparebits.statistics.paired_images import compare_with_golden, mcnemar_exact


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
