"""The fault campaign: the same maps for every scheme, other images and maps than the selection's, who leaves when."""

import numpy as np
import pandas as pd
import pytest

from sparebits.campaign.journal import Journal
from sparebits.campaign.schemes import LEAST_TRIALS, LOST_PP, fault_from_dict, run_campaign
from sparebits.choices import Choice
from sparebits.protection.plan import Plan, RolePlan
from sparebits.selection.seeds import CAMPAIGN, first_seed
from sparebits.statistics.sequential import StoppingRule, Verdict

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


def test_trials_end_early_only_where_a_fault_is_shown_not_to_be_held(evaluator, golden):
    table = run_campaign(
        evaluator, PLAN, Choice(0x60, 14), golden, np.arange(10, 80), bers=[1e-3, 0.05], trials=20, seed=3
    )
    rule = StoppingRule(0.01, 20)
    ended = 0
    for _, cell in table[table["ber"] > 0].groupby(["scheme", "ber"]):
        over = (cell["drop_pp"] > 1).to_numpy().cumsum()
        assert cell["trial"].tolist() == list(range(len(cell)))
        if len(cell) < 20:
            ended += 1
            assert len(cell) >= LEAST_TRIALS
            assert rule.verdict(int(over[-1]), len(cell)) is Verdict.NOT_HELD
        for done in range(LEAST_TRIALS, len(cell)):
            assert rule.verdict(int(over[done - 1]), done) is not Verdict.NOT_HELD
    assert 0 < ended < table[table["ber"] > 0].groupby(["scheme", "ber"]).ngroups


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


def test_further_faults_meet_every_scheme_alike(evaluator, golden):
    entries = [
        {"model": "burst", "length": 5},
        {"model": "ber", "ber": 0.01, "target": {"kind": "weight"}},
        {"model": "stuck_at", "count": 50, "value": 0},
    ]
    faults = [fault_from_dict(entry) for entry in entries]
    table = run_campaign(
        evaluator, PLAN, Choice(0x60, 14), golden, np.arange(10, 80), bers=[], trials=3, seed=3, faults=faults
    )
    further = table[table["trial"].notna() & ~((table["target"] == "all") & (table["fault_model"] == "ber"))]
    assert further.groupby(["fault_model", "target"], sort=False).size().to_dict() == {
        ("burst, length 5", "all"): 9,
        ("ber", "kind weight"): 9,
        ("stuck_at, count 50, value 0", "all"): 9,
    }
    bursts = further[further["fault_model"] == "burst, length 5"]
    assert (bursts["flips"] == 5).all()
    assert bursts.groupby("trial")["map_hash"].nunique().max() == 1
    assert bursts["ber"].isna().all()
    # The same cells are stuck, but each scheme stores other bits in them.
    stuck = further[further["fault_model"].str.startswith("stuck")]
    assert (stuck["flips"] <= 50).all()
    assert stuck["flips"].nunique() > 1


class Killed(Exception):
    pass


@pytest.mark.parametrize("done", [0, 2, 20])
def test_a_killed_campaign_goes_on_and_ends_in_the_same_table(evaluator, golden, campaign, tmp_path, done):
    class Dying(Journal):
        def append(self, entry):
            if len(self.entries) == done:
                raise Killed
            super().append(entry)

    def run(journal):
        return run_campaign(
            evaluator, PLAN, Choice(0x60, 14), golden, np.arange(10, 80), RATES, trials=6, seed=3, journal=journal
        )

    with pytest.raises(Killed):
        run(Dying(tmp_path / "campaign.csv", {}))
    journal = Journal(tmp_path / "campaign.csv", {})
    assert len(journal.entries) == done
    pd.testing.assert_frame_equal(run(journal), campaign)
    assert len(journal.entries) == len(campaign)


def test_without_a_fitting_code_the_thesis_is_left_out(evaluator, golden):
    table = run_campaign(
        evaluator, PLAN, Choice(floor=0, depth=1), golden, np.arange(10, 80), bers=[1e-3], trials=2, seed=3
    )
    assert set(table["scheme"]) == {"unprotected", "chosen"}
