"""The fault campaign: the same maps for every scheme, other images and maps than the selection's, who leaves when."""

import numpy as np
import pytest

from sparebits.campaign.schemes import LOST_PP, run_campaign
from sparebits.choices import Choice
from sparebits.protection.plan import Plan, RolePlan
from sparebits.selection.seeds import CAMPAIGN, first_seed

WORD = RolePlan(4, "extended-bch(32,11)", "posterior mean")
PLAN = Plan({"weights": WORD, "batchnorm": RolePlan(4, "extended-bch(128,29)", "median", "fused"), "other": WORD})
RATES = [0.05, 1e-3, 0.4, 0.01]


@pytest.fixture
def campaign(evaluator, golden):
    return run_campaign(
        evaluator, PLAN, Choice(floor=0x60, depth=14), golden, np.arange(10, 80), bers=RATES, trials=6, seed=3
    )


def test_every_scheme_meets_the_same_maps(campaign):
    assert set(campaign["scheme"]) == {"unprotected", "thesis", "chosen"}
    for _, trial in campaign.groupby(["ber", "trial"]):
        assert trial[["seed", "map_hash", "flips", "images"]].drop_duplicates().shape[0] == 1
    first = first_seed(3, CAMPAIGN)
    assert set(campaign["seed"]) == set(range(first, first + 6))
    assert (campaign["images"] == 70).all()
    faultless = campaign[campaign["ber"] == 0]
    assert len(faultless) == 3
    assert not faultless["flips"].any()


def test_a_scheme_leaves_after_the_first_rate_that_no_trial_survives(campaign):
    for _, scheme in campaign.groupby("scheme"):
        measured = sorted(scheme["ber"].unique())
        assert measured == sorted([0.0, *RATES])[: len(measured)]
        best = scheme.groupby("ber")["drop_pp"].min()
        assert (best[measured[:-1]] <= LOST_PP).all()
        assert len(measured) == 5 or best[measured[-1]] > LOST_PP


def test_columns_say_what_each_scheme_is(campaign):
    described = campaign.drop_duplicates("scheme").set_index("scheme")
    assert (described["fault_model"] == "ber").all()
    assert (described.loc["unprotected", ["layout", "code", "decoder", "policy"]] == "none").all()
    chosen = described.loc["chosen"]
    assert chosen["code"] == "other extended-bch(32,11); weights extended-bch(32,11); batchnorm extended-bch(128,29)"
    assert chosen["decoder"] == "bounded distance"
    assert "batchnorm 1-4-9 + 1-4-10" in chosen["layout"]
    assert "hamming(" in described.loc["thesis", "code"]
    assert described.loc["thesis", "policy"] == "keep"


def test_counts_of_the_chosen_scheme_add_up(campaign):
    chosen = campaign[(campaign["scheme"] == "chosen") & (campaign["ber"] == 1e-3)]
    assert (chosen["corrected"] == chosen["flips"]).all()
    assert not chosen[["detected", "miscorrected"]].to_numpy().any()
    assert chosen["drop_pp"].nunique() == 1
    unprotected = campaign[campaign["scheme"] == "unprotected"]
    assert not unprotected[["corrected", "detected", "miscorrected"]].to_numpy().any()


def test_without_a_fitting_code_the_thesis_is_left_out(evaluator, golden):
    table = run_campaign(
        evaluator, PLAN, Choice(floor=0, depth=1), golden, np.arange(10, 80), bers=[1e-3], trials=2, seed=3
    )
    assert set(table["scheme"]) == {"unprotected", "chosen"}
