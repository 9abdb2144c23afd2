"""Neurons against weights: rates of places, their ratios and tests, and formats of two kinds."""

import numpy as np
import pandas as pd
import pytest
from study_campaign import by_rule, run_campaign

from sparebits.report.studies import neurons as report
from sparebits.studies.fault_plan import IMAGE, LOGITS, OUTPUT, POSITION, FaultCounts, faults_for
from sparebits.studies.neurons import activation_orders, compare_places, neuron_rates, place_trials

COUNTS = FaultCounts(part=2, position=30, transient=30, mantissa=4, layers=60, activations=400, changes=2)


@pytest.fixture
def faults(evaluator, golden):
    """study_faults.csv of a small network."""
    return run_campaign(evaluator, golden, COUNTS)


def purpose(trials: pd.DataFrame) -> pd.Series:
    return trials["injection"].str.split(" ").str[0]


def worst_in_logits(trials: pd.DataFrame) -> pd.Series:
    chances = {LOGITS: 0.9, OUTPUT: 0.4, IMAGE: 0.4, POSITION: 0.4}
    return purpose(trials).map(chances).fillna(0.4) * (trials["bit"] >= 23)


def test_rates_are_per_inference(faults):
    ruled = by_rule(faults, lambda trials: (trials["bit"] >= 28).astype(float))
    table = neuron_rates(ruled, seed=1).set_index(["by", "place"])
    # A fifth of the images of a fault in a weight, the one inference of any other.
    assert table.loc[("place", "weights"), "rate"].item() == pytest.approx(4 / 32 / 5)
    for place in ("image", "layer outputs", "logits"):
        assert table.loc[("place", place), "rate"].item() == pytest.approx(4 / 32, abs=0.03)
    assert table.loc[("place", "image"), "rate"].item() == pytest.approx(4 / 32)
    bits = table.loc["bit"].reset_index().set_index(["place", "bit"])["rate"]
    assert bits["weights", "30"] == pytest.approx(1 / 5)
    assert bits["logits", "30"] == 1
    assert bits["logits", "mantissa"] == 0
    assert (table["low"] <= table["rate"]).all()
    assert (table["rate"] <= table["high"] + 1e-12).all()


def test_layer_outputs_leave_out_the_logits(faults):
    trials = place_trials(faults)
    assert not set(trials["logits"]["layer"]) & set(trials["layer outputs"]["layer"])
    orders = activation_orders(faults)
    assert orders["input"] == 0
    assert max(orders, key=orders.get) == trials["logits"]["layer"].iloc[0]


def test_a_random_bit_by_size_weighs_large_layers_more(faults):
    outputs = faults_for(faults, OUTPUT)
    largest = outputs.loc[outputs["values"].idxmax(), "layer"]
    ruled = by_rule(faults, lambda trials: ((trials["layer"] == largest) & (trials["bit"] >= 23)).astype(float))
    table = neuron_rates(ruled, seed=1).set_index("place")
    values = place_trials(faults)["layer outputs"].groupby("layer")["values"].first()
    rate = table[table["by"] == "place"].loc["layer outputs by size", "rate"]
    assert rate == pytest.approx(9 / 32 * values[largest] / values.sum())


def test_the_place_that_fails_more_is_told_and_equal_ones_are_not(faults):
    table = compare_places(by_rule(faults, worst_in_logits), seed=1).set_index(["first", "second"])
    row = table.loc[("layer outputs", "logits")]
    assert row["high"] < 1
    assert row["p_holm"] < 0.01
    alike = [
        compare_places(by_rule(faults, lambda trials: 0.4 * (trials["bit"] >= 23), seed), seed=1)
        .set_index(["first", "second"])
        .loc[("image", "layer outputs")]
        for seed in range(8)
    ]
    assert sum(row["p_value"] < 0.05 for row in alike) <= 2
    assert sum(row["low"] <= 1 <= row["high"] for row in alike) >= 6


def test_weights_are_compared_by_their_shares(faults):
    # Faults of weights change a fifth of the images each: per inference a fifth of what the image's do.
    table = compare_places(by_rule(faults, lambda trials: 0.8 * (trials["bit"] >= 23)), seed=1)
    row = table.set_index(["first", "second"]).loc[("image", "weights")]
    assert 4 < row["ratio"] < 6.5
    assert row["low"] > 1
    assert row["p_value"] < 0.01


def test_words_of_two_formats_are_compared_all_bits_alike(faults):
    weights = faults["where"] == "parameters"
    short = faults[~weights | (faults["bit"] >= 16)].copy()
    short.loc[weights, "bit"] -= 16
    short.loc[weights, "format"] = "bfloat16"
    ruled = by_rule(short, lambda trials: (trials["bit"] == trials.groupby("format")["bit"].transform("max")) * 1.0)
    table = neuron_rates(ruled, seed=1).set_index(["by", "place"])
    assert table.loc[("place", "weights"), "rate"].item() == pytest.approx(1 / 16 / 5)
    assert table.loc[("place", "image"), "rate"].item() == pytest.approx(1 / 32)
    rows = compare_places(ruled, seed=1).set_index(["first", "second"])
    assert rows.loc[("image", "weights"), "ratio"] == pytest.approx(2.5)


def test_the_answer_says_what_the_tables_say(faults):
    def told(rule) -> str:
        ruled = by_rule(faults, rule)
        tables, comparisons = {"net": neuron_rates(ruled, seed=1)}, {"net": compare_places(ruled, seed=1)}
        section = report.section(tables, comparisons)
        for figure in (*section.figures, *section.panels):
            assert figure.chart.to_dict()["title"]
        assert "net" in report.trials(tables)
        return report.answer(tables, comparisons)

    assert "The output layer is the worst place, as the notes say" in told(worst_in_logits)
    reverse = told(lambda trials: (0.9 - worst_in_logits(trials)).clip(0, 0.9) * (trials["bit"] >= 23))
    assert "The output layer is not the worst place" in reverse
    nothing = told(lambda trials: 0.0 * trials["bit"])
    assert "open" in nothing
    assert "nan" not in nothing.lower()


def test_tables_are_the_same_twice(faults):
    for function in (neuron_rates, compare_places):
        first, second = (function(faults, seed=5) for _ in range(2))
        pd.testing.assert_frame_equal(first, second)
    assert np.isfinite(neuron_rates(faults, seed=5)["high"]).all()
