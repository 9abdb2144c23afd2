"""Persistence: what transient and persistent faults cost until repair, and where scrubbing breaks even."""

import json
from math import inf

import numpy as np
import pandas as pd
import pytest
from torch import nn

from sparebits.engine.choice import Engine
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.parameters import FlatParameters
from sparebits.report.studies import persistence as report
from sparebits.scenarios import read_rates
from sparebits.statistics.intervals import clopper_pearson_interval
from sparebits.statistics.means import mean_ratio, mean_share, samples_needed
from sparebits.studies.activation_memory import EVERY_MAP, ONE_BUFFER, ActivationMemory, activation_memory
from sparebits.studies.persistence import (
    HOURS_A_YEAR,
    ONE_FAULT,
    Exposure,
    FaultShares,
    Scenario,
    break_even_table,
    fault_shares,
    rate_table,
    scenarios_of,
    wrong_share,
)

MIXED = [("data centre", "sea level")]
MEMORY = ActivationMemory(every_map=4_000_000, largest_live=1_000_000)


def shares(weight=0.01, neuron=0.04, faults=1000):
    """As many faults, of which a tenth of the weights' and `neuron` of the neurons' do something."""
    each = np.zeros(faults)
    each[: faults // 10] = 10 * weight
    passing = np.zeros(4 * faults)
    passing[: round(neuron * 4 * faults)] = 1
    return FaultShares(each, passing, 300)


def exposure(duty=1.0, per_second=1000.0, memory=MEMORY):
    return Exposure(2_000_000, memory, duty, per_second)


def tables(found, where=None, intervals=(1, 1000, 1_000_000)):
    where = where or exposure()
    scenarios = scenarios_of(read_rates(), MIXED)
    return rate_table(found, scenarios, where, intervals), break_even_table(found, scenarios, where, 1, 999)


# --- the model -------------------------------------------------------------------------------------------------------


def test_break_even_is_where_both_tables_agree():
    found = shares()
    for duty in (1.0, 0.1):
        where = exposure(duty)
        scenarios = scenarios_of(read_rates(), MIXED)
        for row in break_even_table(found, scenarios, where, 1, 999).iloc[1:].itertuples():
            scenario = next(one for one in scenarios if one.name == row.scenario)
            costs = rate_table(found, [scenario], where, [row.break_even]).set_index("layout").loc[row.layout]
            assert costs["wrong_weight"] == pytest.approx(costs["wrong_neuron"], rel=1e-3)


def test_the_break_even_by_hand():
    _, found = tables(shares())
    found = found.set_index(["scenario", "layout"])
    # 2 x 4e6 / 2e6 x 0.04 / 0.01
    assert found.loc[("sea level", EVERY_MAP), "break_even"] == pytest.approx(16)
    assert found.loc[("sea level", ONE_BUFFER), "break_even"] == pytest.approx(4)
    assert found.loc[(ONE_FAULT, "none"), "break_even"] == pytest.approx(4)
    mixed = found.loc[("weights data centre, activations sea level", EVERY_MAP)]
    assert mixed["rate_ratio"] == pytest.approx(70000 / 1200)
    assert mixed["break_even"] == pytest.approx(16 * 1200 / 70000)
    assert (mixed["rate_ratio_low"], mixed["rate_ratio_high"]) == pytest.approx((25000 / 1200, 100))


def test_the_rate_of_inferences_cancels_and_idle_time_does_not():
    slow, fast, idle = (
        tables(shares(), exposure(duty, per_second))[1] for duty, per_second in ((1, 10), (1, 1e6), (0.25, 10))
    )
    np.testing.assert_allclose(slow["break_even"], fast["break_even"])
    np.testing.assert_allclose(idle["break_even"].iloc[1:], slow["break_even"].iloc[1:] / 4)
    # As long as few faults meet in memory.
    rates = [tables(shares(), exposure(1, per_second), (1, 10))[0] for per_second in (10, 1e6)]
    np.testing.assert_allclose(rates[0]["wrong_weight"], rates[1]["wrong_weight"], rtol=1e-3)


def test_a_year_by_hand():
    scenario = Scenario("one", "SRAM", "SRAM", 1e-9, 1e-9)
    found = rate_table(shares(), [scenario], exposure(), [100]).set_index("layout").loc[EVERY_MAP]
    assert found["wrong_weight"] == pytest.approx(HOURS_A_YEAR * 1e-9 * 2e6 * 0.01 * 50)
    assert found["wrong_neuron"] == pytest.approx(HOURS_A_YEAR * 1e-9 * 4e6 * 0.04)
    assert found["scrub_hours"] == pytest.approx(100 / 1000 / 3600)
    assert found["faults_in_memory"] == pytest.approx(1e-9 * 2e6 * 100 / 1000 / 3600 / 2)
    assert found["inferences"] == pytest.approx(HOURS_A_YEAR * 3600 * 1000)


def test_faults_that_pile_up_never_spoil_more_than_all_inferences():
    scenario = Scenario("storm", "SRAM", "SRAM", 1e-3, 1e-3)
    found = rate_table(shares(), [scenario], exposure(), [10, 10**7, 10**10]).query(f"layout == '{EVERY_MAP}'")
    assert found["wrong_weight"].is_monotonic_increasing
    assert (found["wrong_weight"] < found["inferences"]).all()
    assert found["wrong_weight"].iloc[-1] > 0.99 * found["inferences"].iloc[-1]


def test_share_of_wrong_inferences_is_smooth_where_its_series_ends():
    assert wrong_share(0) == 0
    assert wrong_share(9.999e-5) == pytest.approx(wrong_share(1.0001e-4), rel=1e-3)
    for spoiled in (1e-6, 0.01, 1, 30):
        times = (np.arange(100_000) + 0.5) / 100_000
        assert wrong_share(spoiled) == pytest.approx(np.mean(-np.expm1(-spoiled * times)), rel=1e-6)


def test_intervals_hold_the_estimates_and_shrink_with_trials():
    few, many = (tables(shares(faults=number))[1].iloc[0] for number in (1000, 16000))
    for row in (few, many):
        assert row["low"] < row["break_even"] < row["high"]
        assert row["weight_share_low"] < 0.01 < row["weight_share_high"]
    assert many["high"] / many["low"] < few["high"] / few["low"]


def test_only_uniform_single_faults_count_each_once():
    table = pd.DataFrame(
        [
            ("a", 0, 3, "parameters", "single_bit", "all", "none", -1, 300, 30),
            ("a", 0, 3, "parameters", "single_bit", "all", "none", -1, 300, 30),
            ("a", 1, 3, "parameters", "single_bit", "all", "none", -1, 300, 0),
            ("a", 2, 3, "parameters", "single_bit", "all", "layer_type", -1, 300, 300),
            ("a", 3, 3, "parameters", "burst, length 2", "all", "none", -1, 300, 300),
            ("a", 4, 3, "parameters", "single_bit", "kind bias", "none", -1, 300, 300),
            ("x", 4, 3, "activations", "single_bit", "all", "none", 7, 1, 1),
            ("x", 4, 3, "activations", "single_bit", "all", "none", 8, 1, 0),
        ],
        columns=["tensor", "index", "bit", "where", "fault_model", "target", "strata", "image", "images", "changed"],
    )
    found = fault_shares(table)
    assert found.weight.tolist() == [0.1, 0]
    assert found.neuron.tolist() == [1, 0]
    with pytest.raises(InputError, match="needs both"):
        fault_shares(table[table["where"] == "parameters"])


def test_unknown_scenarios_and_impossible_duties_are_refused():
    with pytest.raises(InputError, match="Rowhammer"):
        scenarios_of(read_rates(), [("Rowhammer", "sea level")])
    for duty in (0, 1.5):
        with pytest.raises(InputError, match="duty"):
            exposure(duty)
    with pytest.raises(InputError, match="per second"):
        exposure(1, 0)


# --- activations -----------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """Of an image of 8 values: 16, 16, their sum, 2 logits."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, images):
        first = self.first(images.flatten(1))
        return self.last(self.second(first) + first)


def memory_of(model):
    images = PreparedImages(np.zeros((4, 2, 4, 1), np.uint8), list("abcd"), np.zeros(4, int), [0.5], [0.5])
    return activation_memory(Evaluator(FlatParameters(model, model.state_dict()), images, Engine(4)))


def test_activation_memory_by_hand():
    memory = memory_of(Residual())
    # Image, first, second, sum, logits; at most first, second and sum at once.
    assert memory.every_map == 32 * (8 + 16 + 16 + 16 + 2)
    assert memory.largest_live == 32 * (16 + 16 + 16)


def test_views_and_weights_take_no_memory_of_their_own():
    class Views(Residual):
        def forward(self, images):
            return self.last(self.first(images.flatten(1)).view(-1, 4, 4).transpose(1, 2).flatten(1) + self.second.bias)

    # The sum's flattened input is a copy: what it is made from, the copy; then the copy, the sum.
    assert memory_of(Views()).largest_live == 32 * (16 + 16)


def test_a_model_that_cannot_be_followed_has_one_layout():
    class Branching(Residual):
        def forward(self, images):
            return super().forward(images if images.sum() > 1e9 else images * 2)

    memory = memory_of(Branching())
    assert memory.largest_live is None
    assert memory.reason
    assert list(memory.by_layout) == [EVERY_MAP]


# --- means -----------------------------------------------------------------------------------------------------------


def test_interval_of_a_mean_is_about_clopper_pearsons_of_whole_shares():
    for failures in (0, 3, 40):
        found = mean_share(np.arange(40) < failures)
        low, high = clopper_pearson_interval(failures, 40)
        assert found.low <= low + 1e-12
        assert found.high >= high - 1e-12
        assert found.high - found.low < high - low + 0.01


def test_interval_of_a_mean_allows_for_one_more_that_fails():
    tiny = mean_share([1e-4, *[0] * 99])
    assert tiny.high == pytest.approx(mean_share(np.zeros(100)).high, rel=0.02)


def test_interval_of_a_ratio_holds_it():
    random = np.random.default_rng(6)
    held = 0
    for _ in range(200):
        first = random.random(800) < 0.04
        second = np.where(random.random(400) < 0.06, random.random(400), 0)
        found = mean_ratio(first, second, np.random.default_rng(1), resamples=499)
        held += found.low <= 0.04 / 0.03 <= found.high
    assert held >= 182


def test_ratios_without_failures_are_bounded_by_the_means():
    none, some = np.zeros(100), np.r_[np.ones(20), np.zeros(80)]
    generator = np.random.default_rng(1)
    below = mean_ratio(none, some, generator)
    assert (below.value, below.low) == (0, 0)
    assert 0.1 < below.high < 1
    above = mean_ratio(some, none, generator)
    assert (above.value, above.high) == (inf, inf)
    assert above.low > 1
    assert np.isnan(mean_ratio(none, none, generator).value)


def test_samples_needed_tell_means_apart():
    first, second = np.arange(1000) < 60, np.arange(1000) < 45
    times = samples_needed(first, second)
    assert times > 1
    wide, narrow = (
        mean_ratio(np.tile(first, copies), np.tile(second, copies), np.random.default_rng(1), resamples=999)
        for copies in (1, int(times) + 1)
    )
    assert wide.low < 1 < narrow.low
    assert samples_needed(first, first) == inf
    assert np.isnan(samples_needed(first, np.zeros(10)))


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_says_what_the_tables_do():
    rates, break_even = tables(shares())
    section = report.section({"small": rates}, {"small": break_even})
    for figure in section.panels:
        json.dumps(figure.chart.to_dict(), allow_nan=False)
    text = report.answer({"small": break_even})
    assert text.startswith("Weight errors are not less serious, as the notes suspect")
    assert "16 [" in text
    assert "the likelier to fail, as the notes say, holds on small" in text
    assert "1,000 single flipped bits" in report.trials({"small": break_even})


def test_the_answer_is_another_where_weights_do_little_or_figures_settle_nothing():
    robust = tables(shares(weight=1e-4))[1]
    assert report.answer({"small": robust}).startswith("It depends")
    alike = tables(shares(weight=0.011, neuron=0.01, faults=400))[1]
    assert "is not settled on small, where it would take" in report.answer({"small": alike})
    one = tables(shares(), exposure(memory=ActivationMemory(4_000_000, None, "why")))
    assert "one buffer" not in report.answer({"small": one[1]})
    report.section({"small": one[0]}, {"small": one[1]})
