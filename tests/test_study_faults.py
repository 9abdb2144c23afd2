"""The campaign that three studies share: what it draws, changes of the same and of chosen size, and study networks."""

import numpy as np
import pandas as pd
import pytest
import torch
from study_campaign import run_campaign
from torch import nn

from sparebits import architectures
from sparebits.engine.activations import ActivationRuns
from sparebits.errors import InputError
from sparebits.faults.sites import activation_regions
from sparebits.networks import assemble, load_network, save_network
from sparebits.parameters import doubles_of
from sparebits.studies.activation_functions import activation_of, is_transcendental
from sparebits.studies.fault_plan import (
    IMAGE,
    LAYER,
    LOGITS,
    OUTPUT,
    PART,
    POSITION,
    FaultCounts,
    counts_from_dict,
    faults_for,
    parts_of,
    with_values,
)
from sparebits.studies.value_changes import chosen_changes, run_changes, same_changes, tensor_sizes
from sparebits.study_networks import LeNet5

COUNTS = FaultCounts(part=3, position=4, transient=3, mantissa=2, layers=60, activations=60, changes=40)


@pytest.fixture
def campaign(evaluator, golden):
    """Table of a small campaign over a small network."""
    return run_campaign(evaluator, golden, COUNTS)


def test_each_place_has_the_faults_that_were_asked_for(campaign, evaluator):
    fmt = evaluator.parameters.fmt
    parts = faults_for(campaign, PART)
    for (layer_type, kind), group in parts.groupby(["layer_type", "kind"]):
        values = group["values"].groupby(group["tensor"]).first().sum()
        upper = group[group["bit"] >= fmt.mantissa_bits]
        assert (upper.groupby("bit").size() == min(3, values)).all(), (layer_type, kind)
        assert upper["bit"].nunique() == fmt.width - fmt.mantissa_bits
        assert (group["bit"] < fmt.mantissa_bits).sum() == min(10, values * fmt.mantissa_bits)
    assert set(zip(parts["layer_type"], parts["kind"], strict=True)) == set(parts_of(evaluator.parameters.tensors))
    positions = faults_for(campaign, POSITION).groupby("bit").size()
    assert (positions.loc[fmt.mantissa_bits :] == 4).all()
    assert (positions.loc[: fmt.mantissa_bits - 1] == 2).all()
    assert (faults_for(campaign, LAYER).groupby("layer").size() >= 12 - 3).all()


def test_transient_faults_are_in_the_image_in_every_output_and_in_the_logits(campaign, evaluator):
    outputs = [region for region in ActivationRuns(evaluator).regions if region.kind != "input"]
    assert set(faults_for(campaign, IMAGE)["kind"]) == {"input"}
    assert list(faults_for(campaign, OUTPUT)["layer"].unique()) == [region.layer for region in outputs]
    assert set(faults_for(campaign, LOGITS)["layer"]) == {outputs[-1].layer}
    values = {region.name: region.values for region in outputs}
    rows = faults_for(campaign, OUTPUT)
    assert (rows["values"] == rows["tensor"].map(values)).all()


def test_the_purposes_take_up_all_faults_and_share_none(campaign):
    parts = [faults_for(campaign, purpose) for purpose in (PART, LAYER, POSITION, IMAGE, OUTPUT, LOGITS)]
    assert sorted(pd.concat(parts)["trial"]) == list(range(len(campaign)))


def test_counts_are_read_with_defaults_and_refused_below_two():
    assert counts_from_dict({"part": 5}) == FaultCounts(part=5)
    for entry in ({"parts": 5}, {"part": 1}, {"layers": 2.5}):
        with pytest.raises(InputError):
            counts_from_dict(entry)


def test_the_same_change_is_made_at_another_value_of_the_tensor(campaign, evaluator, golden):
    parameters = evaluator.parameters
    flips = faults_for(campaign, POSITION)
    plan = same_changes(parameters, flips, np.random.default_rng(1))
    changes = run_changes(evaluator, plan, golden, np.arange(40), 64).merge(
        flips, left_on="flip", right_on="trial", suffixes=("", "_flip")
    )
    assert len(changes) > 30
    assert (changes["tensor"] == changes["tensor_flip"]).all()
    assert (changes["index"] != changes["index_flip"]).all()
    wanted = changes["after_flip"] - changes["before_flip"]
    ulps = 2.0 ** np.floor(np.log2(np.maximum(np.abs(changes["after"]), 1e-30))) * 2.0**-23
    assert (np.abs(changes["after"] - changes["before"] - wanted) <= ulps + np.abs(wanted) * 2.0**-23).all()


def test_the_change_counted_is_the_change_run(campaign, evaluator, golden):
    parameters = evaluator.parameters
    flips = faults_for(campaign, POSITION)
    plan = same_changes(parameters, flips, np.random.default_rng(1))
    found = run_changes(evaluator, plan, golden, np.arange(40), 64)
    starts = {tensor.name: tensor.start for tensor in parameters.tensors}
    worst = found.loc[found["changed"].idxmax()]
    words = parameters.golden.copy()
    values = doubles_of(words, parameters.fmt).copy()
    values[starts[worst["tensor"]] + worst["index"]] = worst["after"]
    predicted = evaluator.predict(values.astype(np.float32).view(np.uint32), np.arange(40))
    assert worst["changed"] == (predicted != golden[:40]).sum() > 0


def test_chosen_changes_fall_on_all_words_alike_and_have_all_sizes(evaluator):
    parameters = evaluator.parameters
    plan = chosen_changes(parameters, 20_000, np.random.default_rng(2))
    units = tensor_sizes(parameters)
    logs = np.log10(plan["change"].abs() / plan["tensor"].map(units))
    np.testing.assert_allclose(np.histogram(logs, bins=6, range=(-2, 4))[0], 20_000 / 6, rtol=0.1)
    assert abs((plan["change"] > 0).mean() - 0.5) < 0.02
    words = sum(tensor.values for tensor in parameters.tensors if units[tensor.name])
    assert "norm.bias" not in set(plan["tensor"])
    for tensor in (tensor for tensor in parameters.tensors if units[tensor.name]):
        rows = plan[plan["tensor"] == tensor.name]
        assert abs(len(rows) / 20_000 - tensor.values / words) < 0.02
        assert rows["index"].between(0, tensor.values - 1).all()


def test_a_tensor_of_one_value_has_no_other_value(evaluator):
    flips = pd.DataFrame({"trial": [0], "tensor": ["scale"], "index": [0], "before": [1.0], "after": [2.0]})
    assert same_changes(evaluator.parameters, flips, np.random.default_rng(1)).empty


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_study_networks_differ_from_lenet5_in_the_activation_only(activation):
    torch.manual_seed(3)
    plain, other = architectures.LeNet5(3, 10).eval(), LeNet5(3, 10, activation).eval()
    other.load_state_dict(plain.state_dict())
    function = getattr(nn.functional, activation)
    images = torch.randn(2, 3, 32, 32)
    x = images
    for layer in plain.features:
        x = function(x) if isinstance(layer, nn.ReLU) else layer(x)
    x = x.flatten(1)
    for layer in plain.classifier:
        x = function(x) if isinstance(layer, nn.ReLU) else layer(x)
    torch.testing.assert_close(other(images), x)
    assert activation_of(other) == activation
    assert is_transcendental(activation) == (activation != "relu")


def test_an_unknown_activation_is_refused():
    with pytest.raises(InputError, match="softplus"):
        LeNet5(3, 10, "softplu")


def test_activations_are_found_where_the_graph_cannot_be_traced():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.GELU()

        def forward(self, x):
            return self.act(x) if x.sum() > 0 else x

    assert activation_of(Branching()) == "gelu"
    assert activation_of(nn.Linear(2, 2)) == "none"


@pytest.mark.parametrize("activation", ["tanh", "softplus"])
def test_shipped_study_networks_fit_their_architecture(activation, tmp_path):
    entry = {
        "architecture": "sparebits.study_networks:LeNet5",
        "arguments": {"channels": 3, "classes": 10, "activation": activation},
        "weights": f"networks/lenet5_{activation}.safetensors",
        "dtype": "float32",
    }
    _, stored, header = assemble(entry, ".")
    save_network(stored, header, tmp_path / "network.safetensors")
    assert activation_of(load_network(tmp_path / "network.safetensors").model) == activation


def test_with_values_keeps_parameters_and_activations_of_one_name_apart():
    class Tensor:
        def __init__(self, name, values):
            self.name, self.values = name, values

    faults = pd.DataFrame({"where": ["parameters", "activations"], "tensor": ["scale", "scale"]})
    found = with_values(faults, [Tensor("scale", 1)], activation_regions([("scale", "mul", 7)]))
    assert found["values"].tolist() == [1, 7]
