"""Layer type and position: what stands out by a rule is found, what does not is not."""

import numpy as np
import pandas as pd
import pytest
from study_campaign import IMAGES, by_rule, run_campaign, tensors_table

from sparebits.formats import FORMATS
from sparebits.report.studies import layers as report
from sparebits.studies.fault_plan import FaultCounts
from sparebits.studies.fault_rates import MANTISSA, UPPER
from sparebits.studies.layers import compare_layers, depth_of, layer_rates, part_name

COUNTS = FaultCounts(part=12, position=12, transient=2, mantissa=6, layers=200, activations=12, changes=2)
FMT = FORMATS["float32"]


@pytest.fixture
def faults(evaluator, golden):
    """study_faults.csv of a small network, whose part "SmallNetwork other" is a single value."""
    return run_campaign(evaluator, golden, COUNTS)


@pytest.fixture
def tensors(evaluator):
    return tensors_table(evaluator)


def by_bit_only(trials: pd.DataFrame) -> pd.Series:
    return trials["bit"].map(lambda bit: 0.6 if bit == 30 else 0.2 if bit >= 23 else 0.0)


def fragile_variances(trials: pd.DataFrame) -> pd.Series:
    return by_bit_only(trials).where(trials["kind"] != "running_var", 0.9)


def test_a_part_that_fails_more_often_at_equal_bit_stands_out_alone(faults, tensors):
    comparisons = compare_layers(by_rule(faults, fragile_variances), tensors, FMT, 1.2)
    parts = comparisons[(comparisons["by"] == "part") & (comparisons["measure"] == "changed")].set_index("name")
    assert parts["odds_ratio"].idxmax() == "BatchNorm2d variance"
    assert parts.loc["BatchNorm2d variance", "low"] > 1
    assert parts.loc["BatchNorm2d variance", "p_holm"] < 0.001
    assert not ((parts["p_holm"] < 0.05) & (parts["odds_ratio"] > 1)).drop("BatchNorm2d variance").any()


def test_parts_that_fail_by_the_bit_alone_do_not_stand_out(faults, tensors):
    adjusted = []
    for seed in range(6):
        comparisons = compare_layers(by_rule(faults, by_bit_only, seed), tensors, FMT, 1.2)
        adjusted.append(comparisons[comparisons["by"] != "depth"]["p_holm"].min())
    assert np.sum(np.array(adjusted) < 0.05) <= 2


def test_depth_is_told_from_the_parts_that_it_runs_along_with(faults, tensors):
    layers = tensors.assign(layer=[name.rpartition(".")[0] or name for name in tensors["tensor"]])
    depth = depth_of(layers)
    assert depth["scale"] == 0
    assert depth["linear"] == 1

    def late(trials: pd.DataFrame) -> pd.Series:
        return trials["layer"].map(depth).fillna(0) * (trials["bit"] >= 23) * 0.8

    def of_type(trials: pd.DataFrame) -> pd.Series:
        return (trials["layer_type"] == "Linear") * (trials["bit"] >= 23) * 0.8

    # One layer of each part: all that differs along depth is the part, so that nothing is told of depth.
    row = compare_layers(by_rule(faults, of_type), tensors, FMT, 1.2).set_index("by").loc["depth"].iloc[0]
    assert row["p_value"] > 0.05
    two = faults.assign(layer_type="Conv2d", kind="weight")
    alike = tensors.assign(layer_type="Conv2d", kind="weight")
    row = compare_layers(by_rule(two, late), alike, FMT, 1.2).set_index("by").loc["depth"].iloc[0]
    assert row["odds_ratio"] > 3
    assert row["p_value"] < 0.001
    assert row["low"] < row["odds_ratio"] < row["high"]


def test_a_random_bit_of_a_part_fails_as_its_bits_do_on_average(faults, tensors):
    always = by_rule(faults, lambda trials: (trials["bit"] >= 28).astype(float))
    table = layer_rates(always, tensors, FMT, 1.2, seed=1)
    parts = table[(table["by"] == "part") & (table["bit"] == "all")]
    np.testing.assert_allclose(parts["rate"], 4 / 32)
    assert (parts["low"] <= 4 / 32).all()
    assert (parts["high"] >= 4 / 32).all()
    np.testing.assert_allclose(parts["share"], 4 / 32 / 5)
    np.testing.assert_allclose(parts["drop_pp"], 100 * 4 / 32 / 5)
    network = table[table["by"] == "network"].iloc[0]
    assert network["rate"] == pytest.approx(4 / 32)
    assert network["memory_bits"] == parts["memory_bits"].sum() == 32 * tensors["values"].sum()
    layers = table[table["by"] == "layer"]
    assert list(layers["name"]) == ["scale", "conv", "norm", "depthwise", "linear"]
    assert (layers["bit"] == UPPER).all()
    of_bits = table[(table["by"] == "part") & (table["bit"] != "all")]
    assert (of_bits.loc[of_bits["bit"] == MANTISSA, "rate"] == 0).all()
    assert (of_bits.loc[of_bits["bit"] == "31", "rate"] == 1).all()


def test_layer_types_weight_their_parts_by_memory(faults, tensors):
    only_biases = by_rule(faults, lambda trials: (trials["kind"] == "bias").astype(float))
    table = layer_rates(only_biases, tensors, FMT, 1.2, seed=1)
    linear = table[(table["by"] == "layer type") & (table["name"] == "Linear")].iloc[0]
    values = tensors[tensors["layer_type"] == "Linear"].set_index("kind")["values"]
    assert linear["rate"] == pytest.approx(values["bias"] / values.sum())


def test_parts_of_batchnorm_have_their_own_names():
    assert part_name("BatchNorm2d", "running_var") == "BatchNorm2d variance"
    assert part_name("BatchNorm2d", "weight") == "BatchNorm2d scale"
    assert part_name("Conv2d", "weight") == "Conv2d weight"


def test_the_answer_says_what_the_tables_say(faults, tensors):
    def told(rule) -> str:
        ruled = by_rule(faults, rule)
        tables = {"net": layer_rates(ruled, tensors, FMT, 1.2, seed=1)}
        comparisons = {"net": compare_layers(ruled, tensors, FMT, 1.2)}
        section = report.section(tables, comparisons)
        for figure in (*section.figures, *section.panels):
            assert figure.chart.to_dict()["title"]
        assert str(IMAGES) in report.trials(tables)
        return report.answer(tables, comparisons)

    found = told(fragile_variances)
    assert found.startswith("Yes.")
    assert "BatchNorm2d variance (net" in found
    assert "At equal bit no part of these networks stands out." in told(lambda trials: 0.0 * trials["bit"])


def test_tables_are_the_same_twice(faults, tensors):
    first, second = (layer_rates(faults, tensors, FMT, 1.2, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
