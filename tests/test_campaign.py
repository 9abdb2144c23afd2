"""The fault campaign: the same maps for every scheme, other images than the selection's, who leaves and who goes on."""

import numpy as np
import pandas as pd
import pytest

from sparebits.campaign.held import HELD_WITHIN_PP, best_rival, independent_flips
from sparebits.campaign.journal import Journal
from sparebits.campaign.schemes import LEAST_TRIALS, LOST_PP, fault_from_dict, run_campaign
from sparebits.choices import Choice
from sparebits.faults.ber import CHECK_WORDS, METADATA, PARAMETERS
from sparebits.protection.plan import Plan, RolePlan
from sparebits.schemes.coded import planned
from sparebits.schemes.hsiao import Hsiao
from sparebits.schemes.names import CHOSEN, CLIPPED, GENTLE
from sparebits.schemes.registry import Settings, build_schemes
from sparebits.schemes.stored import Reading, StoredNetwork
from sparebits.schemes.thesis import thesis_hamming
from sparebits.schemes.unprotected import Unprotected
from sparebits.selection.seeds import CAMPAIGN, first_seed
from sparebits.statistics.sequential import StoppingRule, Verdict

WORD = RolePlan(4, "extended-bch(32,11)", "posterior mean")
PLAN = Plan({"weights": WORD, "batchnorm": RolePlan(4, "extended-bch(128,29)", "median", "fused"), "other": WORD})
CHOICE = Choice(floor=0x60, depth=14)
RATES = [0.05, 1e-3, 0.4, 0.01]
CELL = ["scheme", "fault_model", "target", "ber"]


class Breaking(StoredNetwork):
    """Unharmed up to a share of flipped bits; beyond that a network of zeros, always or in every second map."""

    def __init__(self, name: str, parameters, share: float, always: bool = True):
        self._share, self._always = share, always
        super().__init__(name, "raw", "none", "none", "none", {PARAMETERS: parameters.golden})

    def read(self, memory):
        words = memory[PARAMETERS]
        flips = int(np.bitwise_count(words ^ self.memory[PARAMETERS]).sum())
        breaks = flips > self._share * 8 * words.nbytes and (self._always or flips % 2)
        return Reading(np.zeros_like(words) if breaks else self.memory[PARAMETERS], 0, 0, np.empty(0, dtype=np.int64))

    def forgeries(self, index):
        return []


@pytest.fixture
def schemes(evaluator):
    """The network as it is, two published schemes, one of them with another policy too, and the chosen one."""
    parameters = evaluator.parameters
    return [
        Unprotected(parameters),
        thesis_hamming("thesis", CHOICE, parameters),
        thesis_hamming("thesis, zero", CHOICE, parameters, "zero"),
        Hsiao(parameters),
        planned(CHOSEN, PLAN, parameters),
    ]


@pytest.fixture
def run(evaluator, golden):
    """Runs a campaign on images 10 to 79."""

    def run_with(schemes, bers, trials, claim_trials=0, **options):
        return run_campaign(evaluator, schemes, golden, np.arange(10, 80), bers, trials, claim_trials, 3, **options)

    return run_with


@pytest.fixture
def campaign(run, schemes):
    """Without claims or other faults."""
    return run(schemes, RATES, 6)


def cells(table: pd.DataFrame) -> dict:
    """Trials of each cell."""
    return table.fillna({"ber": -1}).groupby(CELL, sort=False).size().to_dict()


# --- who is hit, and by what


def test_every_scheme_meets_the_same_maps(campaign, schemes):
    assert campaign["scheme"].unique().tolist() == [scheme.name for scheme in schemes]
    for _, trial in campaign.groupby(["ber", "trial"]):
        assert trial[["seed", "map_hash", "images"]].drop_duplicates().shape[0] == 1
        # What is stored beside the network is hit by maps of its own.
        by_scheme = trial.set_index("scheme")["flips"]
        assert (by_scheme >= by_scheme["unprotected"]).all() if "unprotected" in by_scheme else True
        assert (by_scheme.filter(like="thesis").nunique()) <= 1
    first = first_seed(3, CAMPAIGN)
    assert set(campaign["seed"]) == set(range(first, first + 6))
    assert (campaign["images"] == 70).all()
    faultless = campaign[campaign["ber"] == 0]
    assert len(faultless) == len(schemes)
    assert not faultless["flips"].any()


def test_no_trial_is_twice_and_none_is_left_out(campaign):
    assert not campaign.duplicated([*CELL, "trial"]).any()
    for _, cell in campaign.groupby(CELL):
        assert cell["trial"].tolist() == list(range(len(cell)))


def test_a_scheme_leaves_after_the_first_rate_that_no_trial_survives(campaign):
    for _, scheme in campaign.groupby("scheme"):
        measured = sorted(scheme["ber"].unique())
        assert measured == sorted([0.0, *RATES])[: len(measured)]
        best = scheme.groupby("ber")["drop_pp"].min()
        assert (best[measured[:-1]] <= LOST_PP).all()
        assert len(measured) == 5 or best[measured[-1]] > LOST_PP


def test_a_scheme_that_is_lost_without_faults_meets_none(evaluator, run):
    table = run([Breaking("useless", evaluator.parameters, -1.0), Unprotected(evaluator.parameters)], [1e-3], 3)
    assert table.loc[table["scheme"] == "useless", "ber"].tolist() == [0.0]


def test_trials_end_early_only_where_a_fault_is_shown_not_to_be_held(run, schemes):
    table = run(schemes, [1e-3, 0.05], 20)
    rule = StoppingRule(0.01, 20)
    ended = 0
    for _, cell in table[table["ber"] > 0].groupby(["scheme", "ber"]):
        over = (cell["drop_pp"] > HELD_WITHIN_PP).to_numpy().cumsum()
        if len(cell) < 20:
            ended += 1
            assert len(cell) >= LEAST_TRIALS
            assert rule.verdict(int(over[-1]), len(cell)) is Verdict.NOT_HELD
        for done in range(LEAST_TRIALS, len(cell)):
            assert rule.verdict(int(over[done - 1]), done) is not Verdict.NOT_HELD
    assert 0 < ended < table[table["ber"] > 0].groupby(["scheme", "ber"]).ngroups


# --- what is written down


def test_columns_say_what_each_scheme_is(campaign):
    described = campaign.drop_duplicates("scheme").set_index("scheme")
    assert (described["fault_model"] == "ber").all()
    assert (described.loc["unprotected", ["layout", "code", "decoder", "policy"]] == "none").all()
    chosen = described.loc[CHOSEN]
    assert chosen["code"] == "other extended-bch(32,11); weights extended-bch(32,11); batchnorm extended-bch(128,29)"
    assert chosen["decoder"] == "bounded distance"
    assert "batchnorm 1-4-9 + 1-4-10" in chosen["layout"]
    assert "hamming(" in described.loc["thesis", "code"]
    assert described.loc[["thesis", "thesis, zero"], "policy"].tolist() == ["keep", "zero"]


def test_memory_is_written_down(campaign, schemes):
    described = campaign.groupby("scheme")[["stored_bits", "extra_bytes"]].agg(["min", "max"])
    words = len(schemes[0].memory[PARAMETERS])
    for scheme in schemes:
        extra = sum(scheme.memory[plane].nbytes for plane in (METADATA, CHECK_WORDS) if plane in scheme.memory)
        assert (described.loc[scheme.name, "extra_bytes"] == extra).all()
        assert (described.loc[scheme.name, "stored_bits"] == 32 * words + 8 * extra).all()
    assert described.loc["unprotected", ("extra_bytes", "max")] == 0
    # An eighth, rounded up to whole code words of two values.
    assert described.loc["SEC-DED (72,64)", ("extra_bytes", "max")] == -(-words // 2)


def test_flips_are_as_many_as_the_memory_has_bits(campaign):
    for _, cell in campaign[campaign["ber"] > 0].groupby(["scheme", "ber"]):
        ber, bits = cell["ber"].iloc[0], cell["stored_bits"].iloc[0] * len(cell)
        assert abs(cell["flips"].sum() - ber * bits) < 5 * np.sqrt(bits * ber * (1 - ber)) + 1


def test_counts_of_the_chosen_scheme_add_up(campaign):
    chosen = campaign[(campaign["scheme"] == CHOSEN) & (campaign["ber"] == 1e-3)]
    assert (chosen["corrected"] == chosen["flips"]).all()
    assert not chosen[["detected", "miscorrected"]].to_numpy().any()
    assert chosen["drop_pp"].nunique() == 1
    assert (chosen["corrected_words"] <= chosen["corrected"]).all()
    assert chosen["corrected_words"].sum() > 0
    counts = ["corrected", "corrected_words", "detected", "miscorrected"]
    assert not campaign.loc[campaign["scheme"] == "unprotected", counts].to_numpy().any()


# --- further faults

ENTRIES = [
    {"model": "burst", "length": 5},
    {"model": "ber", "ber": 0.01, "target": {"kind": "weight"}},
    {"model": "stuck_at", "count": 50, "value": 0},
    {"model": "asymmetric", "p10": 0.02, "p01": 0.005},
]
FAULTS = [fault_from_dict(entry) for entry in ENTRIES]


def further(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["target"] != "all") | (table["fault_model"] != "ber")]


def test_further_faults_meet_every_scheme_as_it_was_published_alike(run, schemes):
    table = further(run(schemes, [], 3, faults=FAULTS))
    assert set(table["scheme"]) == {scheme.name for scheme in schemes} - {"thesis, zero"}
    assert table.groupby(["fault_model", "target"], sort=False).size().to_dict() == {
        ("burst, length 5", "all"): 12,
        ("ber", "kind weight"): 12,
        ("stuck_at, count 50, value 0", "all"): 12,
        ("asymmetric, p10 0.02, p01 0.005", "all"): 12,
    }
    bursts = table[table["fault_model"] == "burst, length 5"]
    assert (bursts["flips"] == 5).all()
    assert bursts.groupby("trial")["map_hash"].nunique().max() == 1
    assert bursts["ber"].isna().all()
    # The same cells are stuck, but each scheme stores other bits in them.
    stuck = table[table["fault_model"].str.startswith("stuck")]
    assert (stuck["flips"] <= 50).all()
    assert stuck["flips"].nunique() > 1
    assert table.loc[table["target"] == "kind weight", "ber"].tolist() == [0.01] * 12


def test_faults_that_do_not_fit_are_told_before_any_trial(run, schemes):
    class Never(StoredNetwork):
        name = "never"

    with pytest.raises(Exception, match=r"layer nrom.*did you mean norm"):
        run([Never], [0.1], 2, faults=[fault_from_dict({"model": "single_bit", "target": {"layer": "nrom"}})])


# --- as often as a claim takes


@pytest.fixture
def breaking(evaluator):
    """Schemes that hold 0.001 to 0.05; the best of the others is "strong rival"."""
    parameters = evaluator.parameters
    return [
        Breaking("weak rival", parameters, 0.005),
        Breaking("strong rival", parameters, 0.03),
        Breaking("strong rival, zero", parameters, 0.005),
        Breaking(GENTLE, parameters, 0.02),
        Breaking(CLIPPED, parameters, 0.06),
        Breaking(CHOSEN, parameters, 0.06),
    ]


BERS = [0.001, 0.01, 0.04, 0.1]


def test_only_chosen_schemes_and_the_best_rival_go_on(run, breaking):
    table = run(breaking, BERS, 3, 9, faults=FAULTS[:1])
    most = independent_flips(table)[lambda rows: rows["ber"] == 0.001].groupby("scheme").size()
    assert most.to_dict() == {
        **{"weak rival": 3, "strong rival": 9, "strong rival, zero": 3},
        **{GENTLE: 9, CLIPPED: 3, CHOSEN: 9},
    }
    assert best_rival(table) == "strong rival"
    assert not table.duplicated([*CELL, "trial"]).any()
    assert (table[table["ber"] == 0].groupby("scheme").size() == 1).all()
    # Further faults go on for the chosen scheme alone.
    bursts = further(table).groupby("scheme").size()
    assert bursts[CHOSEN] == 9
    assert set(bursts.drop(CHOSEN)) == {3}


def test_schemes_that_go_on_begin_with_the_trials_of_all(run, breaking):
    """Cells of other schemes, and the first trials of those that go on, are what they are without claims."""
    short, long = run(breaking, BERS, 3), run(breaking, BERS, 3, 9)
    shared = short.merge(long, how="left", indicator=True, on=list(short.columns))
    assert (shared["_merge"] == "both").all()
    assert len(long) > len(short)


def test_no_more_claim_trials_than_trials_change_nothing(run, breaking):
    pd.testing.assert_frame_equal(run(breaking, BERS, 4, 4), run(breaking, BERS, 4, 0))
    assert cells(run(breaking, BERS, 4, 2)) == cells(run(breaking, BERS, 4, 0))


def test_claims_end_early_too(run, evaluator):
    """A chosen scheme that fails in every second map at 0.01 is not measured 60 times there."""
    flaky = Breaking(CHOSEN, evaluator.parameters, 0.005, always=False)
    table = run([flaky, Unprotected(evaluator.parameters)], [0.001, 0.01], 3, 60)
    counts = table[table["scheme"] == CHOSEN].groupby("ber").size()
    assert counts[0.001] == 60
    assert LEAST_TRIALS <= counts[0.01] < 30


def test_no_further_fault_is_lost_where_schemes_go_on(run, breaking):
    """Flips of a target have a bit error rate too, but are not those over the whole network."""
    faults = FAULTS[:3]
    short, long = (cells(further(run(breaking, BERS, 3, claims, faults=faults))) for claims in (0, 6))
    assert set(long) == set(short)
    assert all(long[cell] >= count for cell, count in short.items())


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_schemes_changes_no_trial(run, breaking, order):
    table = run(breaking[::order], BERS, 3, 6)
    other = run(breaking, BERS, 3, 6)
    keys = ["scheme", "ber", "trial"]
    pd.testing.assert_frame_equal(
        table.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
    )


def rows_of(scheme: str, drops: dict[float, list[float]]) -> pd.DataFrame:
    rows = [(scheme, "ber", "all", ber, drop) for ber, of_rate in drops.items() for drop in of_rate]
    return pd.DataFrame(rows, columns=["scheme", "fault_model", "target", "ber", "drop_pp"])


def test_the_best_rival_holds_most_then_stays_longest_then_drops_least():
    low = rows_of("low", {0.0: [0], 0.01: [0, 0], 0.05: [30, 30]})
    high = rows_of("high", {0.0: [0], 0.01: [0, 0.5], 0.05: [0, 1.0], 0.1: [90, 90]})
    ours = [rows_of(name, {0.0: [0], 0.01: [0], 0.05: [0], 0.1: [0]}) for name in (CHOSEN, GENTLE, CLIPPED)]
    assert best_rival(pd.concat([low, high, *ours])) == "high"
    # That it held a rate above one that it did not hold does not count.
    gap = rows_of("gap", {0.0: [0], 0.01: [2, 0], 0.05: [0, 0], 0.1: [0, 0]})
    assert best_rival(pd.concat([low, gap, *ours])) == "low"
    stays = rows_of("stays", {0.0: [0], 0.01: [0, 0], 0.05: [5, 5], 0.1: [40, 40]})
    assert best_rival(pd.concat([low, stays])) == "stays"
    milder = rows_of("milder", {0.0: [0], 0.01: [0, 0], 0.05: [5, 5], 0.1: [20, 20]})
    assert best_rival(pd.concat([milder, low, stays])) == "milder"
    # Bursts and targets say nothing of rates.
    other = rows_of("other", {0.0: [0], 0.01: [0, 0], 0.05: [0, 0]}).assign(target="kind weight")
    assert best_rival(pd.concat([low, other])) == "low"
    assert best_rival(pd.concat(ours)) is None


# --- killed and resumed


class Killed(Exception):
    pass


def test_a_killed_campaign_goes_on_and_ends_in_the_same_table(run, schemes, tmp_path):
    options = {"trials": 3, "claim_trials": 6, "faults": [FAULTS[0], FAULTS[3]]}
    whole = run(schemes, RATES, **options)
    for done in (0, 2, 20, 60, len(whole) - 1):

        class Dying(Journal):
            def append(self, entry, done=done):
                if len(self.entries) == done:
                    raise Killed
                super().append(entry)

        # Each goes on where the last one died.
        with pytest.raises(Killed):
            run(schemes, RATES, journal=Dying(tmp_path / "campaign.csv", {}), **options)
    journal = Journal(tmp_path / "campaign.csv", {})
    assert len(journal.entries) == done
    pd.testing.assert_frame_equal(run(schemes, RATES, journal=journal, **options), whole)
    # Every trial was run once, claims included.
    assert len(journal.entries) == len(whole)


def test_trials_of_a_journal_are_not_run_again(run, schemes, evaluator, tmp_path, monkeypatch):
    table = run(schemes, RATES, 3, 6, journal=Journal(tmp_path / "campaign.csv", {}))
    monkeypatch.setattr("sparebits.selection.trials.SchemeTrials.run", None)
    pd.testing.assert_frame_equal(run(schemes, RATES, 3, 6, journal=Journal(tmp_path / "campaign.csv", {})), table)


# --- all schemes


def test_schemes_of_the_registry_are_measured_under_their_names(run, evaluator):
    settings = Settings(PLAN, CHOICE, bounds=None, gentle=PLAN)
    schemes = list(build_schemes(evaluator.parameters, settings))
    table = run(schemes, [0.01], 2)
    assert table["scheme"].unique().tolist() == [scheme.name for scheme in schemes]
    assert {"unprotected", "thesis", "SEC-DED (72,64)", "replication c=2", GENTLE, CHOSEN} <= set(table["scheme"])
    assert CLIPPED not in set(table["scheme"])
    # The gentle plan is the same, and so is what it does under the same maps.
    ours = [table[table["scheme"] == name].drop(columns="scheme").reset_index(drop=True) for name in (GENTLE, CHOSEN)]
    pd.testing.assert_frame_equal(*ours)


def test_without_a_fitting_code_a_scheme_is_left_out(evaluator, capsys):
    names = [
        scheme.name for scheme in build_schemes(evaluator.parameters, Settings(PLAN, Choice(floor=0, depth=1), None))
    ]
    assert not {"thesis", "thesis SEC-DED", GENTLE} & set(names)
    assert CHOSEN in names
    told = capsys.readouterr().out
    assert "thesis is left out: " in told
    assert "gentle is left out: " in told


def test_every_policy_is_named_after_its_scheme(evaluator):
    settings = Settings(PLAN, CHOICE, None, PLAN)
    few, many = (
        [scheme.name for scheme in build_schemes(evaluator.parameters, settings, every_policy=every)]
        for every in (False, True)
    )
    assert set(few) < set(many)
    assert len(set(many)) == len(many)
    assert {"thesis", "thesis, zero", "thesis, median", "parity-zero, keep"} <= set(many)
    assert not {"thesis, keep", "parity-zero, zero"} & set(many)
