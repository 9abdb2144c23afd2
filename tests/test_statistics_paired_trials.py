"""Schemes compared trial by trial: the bootstrap, the sign-flip test, Holm's adjustment and a campaign's table."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test

from sparebits.errors import InputError
from sparebits.statistics.paired_trials import holm, paired_bootstrap
from sparebits.statistics.scheme_comparison import COLUMNS, compare_schemes


def compared(first, second=None, seed=0, **options):
    first = np.asarray(first, dtype=float)
    second = np.zeros(len(first)) if second is None else second
    return paired_bootstrap(first, second, np.random.default_rng(seed), **options)


def test_the_p_value_is_scipys_where_all_signs_are_tried():
    generator = np.random.default_rng(1)
    for trials in (2, 5, 10):
        differences = generator.normal(0.5, 1, trials).round(1)
        expected = permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf)
        assert compared(differences).p_value == pytest.approx(expected.pvalue)


def test_the_p_value_by_hand():
    # All five lose: 2 of 32 choices of signs. A trial without a difference has no sign.
    assert compared([1, 2, 3, 4, 5]).p_value == 2 / 32
    assert compared([1, 2, 3, 0, 4, 5, 0]).p_value == 2 / 32
    assert compared([0, 0, 0]).p_value == 1


def test_drawn_signs_agree_with_all_signs():
    differences = np.random.default_rng(5).normal(0.4, 1, 12)
    every, drawn = compared(differences, resamples=4096), compared(differences, resamples=4000)
    assert drawn.p_value == pytest.approx(every.p_value, abs=4 * np.sqrt(every.p_value / 4000))
    assert drawn.p_value != every.p_value


def test_a_drawn_p_value_is_never_0():
    assert compared(np.arange(1, 100), resamples=999).p_value == 1 / 1000


def test_the_p_value_errs_as_often_as_it_says():
    """Over all 64 signs of six skewed differences, not simulated."""
    sizes = np.array([0.1, 0.1, 0.4, 2, 30, 31])
    signs = np.array(list(itertools.product([1, -1], repeat=6)))
    p_values = np.array([compared(sizes * sign, resamples=99).p_value for sign in signs])
    for alpha in (0.03125, 0.05, 0.1, 0.25, 0.5):
        assert np.mean(p_values <= alpha) <= alpha
    assert np.mean(p_values <= 0.5) == 0.5


def test_the_interval_holds_about_as_often_as_it_says():
    generator = np.random.default_rng(6)
    held = 0
    for seed in range(400):
        outcome = compared(generator.exponential(1, 40), seed=seed, resamples=999)
        held += outcome.low <= 1 <= outcome.high
    # BCa of 40 skewed trials is somewhat short.
    assert 0.90 <= held / 400 <= 0.98


def test_pairing_removes_what_the_maps_have_in_common():
    generator = np.random.default_rng(7)
    hardness = 80 * generator.random(50)
    first, second = hardness + generator.normal(1, 0.5, 50), hardness
    paired, shuffled = compared(first, second), compared(first, generator.permutation(second))
    assert paired.high - paired.low < 0.1 * (shuffled.high - shuffled.low)
    assert paired.p_value < 0.001
    assert 0 < paired.low < 1 < paired.high


def test_swapping_the_schemes_mirrors_the_result():
    generator = np.random.default_rng(8)
    first, second = generator.exponential(3, (2, 30))
    there, back = compared(first, second), compared(second, first)
    assert back.difference == -there.difference
    assert back.p_value == there.p_value
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=0.1)


def test_the_same_seed_gives_the_same_result():
    differences = np.random.default_rng(9).normal(0, 1, 30)
    assert compared(differences, seed=3) == compared(differences, seed=3)
    assert compared(differences, seed=3) != compared(differences, seed=4)


def test_equal_differences_have_no_width():
    outcome = compared([3.1] * 20, [3.0] * 20)
    assert outcome.low == outcome.high == pytest.approx(0.1)
    assert compared([2.0] * 3, [2.0] * 3).p_value == 1


def test_a_single_trial_says_nothing():
    outcome = compared([5])
    assert (outcome.difference, outcome.p_value) == (5, 1)
    assert np.isnan([outcome.low, outcome.high]).all()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([1, 2], [1], "one length"), ([], [], "one length"), ([1, np.nan], [0, 0], r"\[1\]")],
)
def test_unusable_trials_are_told(first, second, message):
    with pytest.raises(InputError, match=message):
        compared(first, second)


def test_holm_by_hand():
    # 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 is not below the third.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1, 1]
    assert holm([0.02]) == pytest.approx([0.02])
    assert len(holm([])) == 0


def test_holm_lies_between_no_correction_and_bonferronis():
    p_values = np.random.default_rng(10).random(20) ** 3
    adjusted = holm(p_values)
    assert (p_values <= adjusted).all()
    assert (adjusted <= np.minimum(1, 20 * p_values)).all()
    assert (np.diff(adjusted[np.argsort(p_values)]) >= 0).all()


def test_holm_errs_as_often_as_it_says():
    """Ten schemes like the reference: any rejection is wrong."""
    p_values = np.random.default_rng(11).random((4000, 10))
    wrong = np.mean([holm(row).min() <= 0.05 for row in p_values])
    assert wrong == pytest.approx(1 - (1 - 0.005) ** 10, abs=0.012)


def test_holm_tells_what_is_no_p_value():
    with pytest.raises(InputError, match="nan"):
        holm([0.1, np.nan])


@pytest.fixture
def campaign():
    """Three schemes at three rates, 12 maps each; the unprotected one has left before the highest rate."""
    generator = np.random.default_rng(12)
    rows = []
    for ber in (0.0, 1e-4, 1e-3, 1e-2):
        for trial in range(12 if ber else 1):
            hardness = generator.exponential(2)
            for scheme, factor in (("unprotected", 9), ("thesis", 3), ("chosen", 0.1)):
                if not (scheme == "unprotected" and ber == 1e-2):
                    drop = factor * hardness + generator.normal(0, 0.1)
                    rows.append((scheme, ber, trial, 1000 + trial, f"map {ber} {trial}", drop))
    return pd.DataFrame(rows, columns=["scheme", "ber", "trial", "seed", "map_hash", "drop_pp"])


def test_a_campaign_has_a_row_a_scheme_and_rate(campaign):
    table = compare_schemes(campaign, "chosen", resamples=999)
    assert list(table.columns) == list(COLUMNS)
    cells = list(table[["scheme", "ber"]].itertuples(index=False, name=None))
    assert cells == [("unprotected", 1e-4), ("unprotected", 1e-3), ("thesis", 1e-4), ("thesis", 1e-3), ("thesis", 1e-2)]
    assert (table["trials"] == 12).all()
    assert (table["reference"] == "chosen").all()
    means = campaign.groupby(["scheme", "ber"])["drop_pp"].mean()
    for row in table.itertuples():
        expected = means[row.scheme, row.ber] - means["chosen", row.ber]
        assert row.difference_pp == pytest.approx(expected)
        assert 0 < row.low < row.difference_pp < row.high
        assert row.p_value < 0.01


def test_a_reference_that_left_has_no_rows_there(campaign):
    table = compare_schemes(campaign, "unprotected", resamples=999)
    assert sorted(set(table["ber"])) == [1e-4, 1e-3]
    assert (table["difference_pp"] < 0).all()


def test_a_reference_that_no_fault_hit_has_no_rows(campaign):
    lost = campaign[(campaign["scheme"] != "chosen") | (campaign["ber"] == 0)]
    table = compare_schemes(lost, "chosen")
    assert table.empty
    assert list(table) == list(COLUMNS)


def test_holm_is_over_the_schemes_of_a_rate(campaign):
    table = compare_schemes(campaign, "chosen", resamples=999)
    for _, rows in table.groupby("ber"):
        assert rows["p_holm"].tolist() == holm(rows["p_value"]).tolist()
    alone = table[table["ber"] == 1e-2].iloc[0]
    assert alone["p_holm"] == alone["p_value"]


def test_only_common_maps_are_paired_whatever_their_order(campaign):
    whole = compare_schemes(campaign, "chosen", resamples=999)
    shuffled = campaign.iloc[::-1].sort_values("scheme", key=lambda names: names.map({"thesis": 1}), kind="stable")
    again = compare_schemes(shuffled, "chosen", resamples=999).set_index(["scheme", "ber"])
    for row in whole.itertuples():
        assert again.loc[(row.scheme, row.ber), "difference_pp"] == pytest.approx(row.difference_pp)
    fewer = campaign[~((campaign["scheme"] == "thesis") & (campaign["trial"] < 4))]
    assert set(compare_schemes(fewer, "chosen", resamples=99).query("scheme == 'thesis'")["trials"]) == {8}


def test_a_row_does_not_depend_on_the_others(campaign):
    whole = compare_schemes(campaign, "chosen", resamples=999)
    alone = compare_schemes(campaign[campaign["scheme"] != "unprotected"], "chosen", resamples=999)
    columns = ["ber", "difference_pp", "low", "high", "p_value"]
    pd.testing.assert_frame_equal(
        whole[whole["scheme"] == "thesis"][columns].reset_index(drop=True), alone[columns], check_exact=True
    )


def test_a_campaign_of_the_reference_alone_has_no_rows(campaign):
    table = compare_schemes(campaign[campaign["scheme"] == "chosen"], "chosen")
    assert list(table.columns) == list(COLUMNS)
    assert table.empty


def test_different_fault_maps_are_told(campaign):
    campaign.loc[campaign.index[20], "map_hash"] = "another"
    row = campaign.iloc[20]
    with pytest.raises(InputError, match=f"ber {row['ber']} with seed {row['seed']}"):
        compare_schemes(campaign, "chosen")


def test_unusable_campaigns_are_told(campaign):
    with pytest.raises(InputError, match="no column map_hash"):
        compare_schemes(campaign.drop(columns="map_hash"), "chosen")
    with pytest.raises(InputError, match="no scheme 'best'"):
        compare_schemes(campaign, "best")
    with pytest.raises(InputError, match="two trials of unprotected"):
        compare_schemes(pd.concat([campaign, campaign[campaign["ber"] > 0].head(1)]), "chosen")
