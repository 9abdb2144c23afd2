"""Transient faults against plain torch: the image and every activation, one inference each."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sparebits.engine.activations import ActivationRuns, TransientFault
from sparebits.engine.choice import Engine
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.faults.flips import Flips
from sparebits.parameters import FlatParameters


def cell(runs, image, region, index, bit, stuck=None):
    word = runs.regions[region].start + index
    return TransientFault(image, Flips.at([word], [bit], runs.regions[-1].stop, runs.fmt.word_dtype), stuck)


def region_named(runs, name):
    return next(number for number, region in enumerate(runs.regions) if region.name == name)


def test_regions_are_the_image_and_what_is_computed(evaluator):
    runs = ActivationRuns(evaluator)
    found = [(region.name, region.layer_type, region.values) for region in runs.regions]
    assert found == [
        ("input", "input", 3 * 12 * 10),
        ("conv", "Conv2d", 4 * 10 * 8),
        ("norm", "BatchNorm2d", 4 * 10 * 8),
        ("relu", "relu", 4 * 10 * 8),
        ("depthwise", "DepthwiseConv2d", 4 * 8 * 6),
        ("mean", "mean", 4),
        ("linear", "Linear", 5),
        ("mul", "mul", 5),
    ]
    starts = np.cumsum([0, *(values for *_, values in found)])
    assert [region.start for region in runs.regions] == starts[:-1].tolist()


def logits_with(evaluator, image, name, index, change):
    """Logits of the small network by hand, `change` applied to one value of the activation of this name."""
    model = evaluator.parameters.model

    def tap(stage, value):
        if stage == name:
            value = value.clone().contiguous()
            value.view(-1)[index] = change(value.view(-1)[index])
        return value

    with torch.no_grad():
        x = tap("input", evaluator.inputs(np.array([image])))
        x = tap("relu", torch.relu(tap("norm", model.norm(tap("conv", model.conv(x))))))
        x = tap("linear", model.linear(tap("mean", tap("depthwise", model.depthwise(x)).mean(dim=(2, 3)))))
        return tap("mul", x * model.scale)


@pytest.mark.parametrize("name", ["input", "conv", "norm", "relu", "depthwise", "mean", "linear", "mul"])
def test_predictions_are_those_of_a_fault_by_hand(evaluator, name):
    runs = ActivationRuns(evaluator)
    random = np.random.default_rng(1)
    number = region_named(runs, name)
    cases = [
        (int(random.integers(80)), int(random.integers(runs.regions[number].values)), bit, stuck)
        for bit in (3, 22, 25, 29, 30, 31)
        for stuck in (None, 0, 1)
        for _ in range(2)
    ]
    found = runs.predict([cell(runs, image, number, index, bit, stuck) for image, index, bit, stuck in cases])
    changed = 0
    for place, (image, index, bit, stuck) in enumerate(cases):

        def change(value, place=place, bit=bit, stuck=stuck):
            # Batches of one and of many differ in their last bits.
            assert found.before[place] == pytest.approx(float(value), rel=1e-4, abs=1e-6)
            word = int(np.float32(found.before[place]).view(np.uint32))
            hit = word ^ 1 << bit if stuck is None else word | 1 << bit if stuck else word & ~(1 << bit)
            after = np.array(hit, dtype=np.uint32).view(np.float32)
            assert found.after[place] == after or np.isnan(after)
            return torch.from_numpy(after)

        logits = logits_with(evaluator, image, name, index, change)
        assert found.predictions.predicted[place, 0] == logits.argmax()
        assert found.predictions.nan[place, 0] == logits.isnan().any()
        changed += int(logits.argmax()) != int(logits_with(evaluator, image, "", 0, None).argmax())
    assert changed or name not in ("mean", "linear", "mul")


def test_many_cells_of_one_inference_across_activations(evaluator):
    runs = ActivationRuns(evaluator)
    words = runs.regions[-1].stop
    everything = Flips(np.arange(words), np.full(words, 1 << 31, dtype=np.uint32), words)
    found = runs.predict([TransientFault(7, everything), cell(runs, 9, 0, 5, 2)])
    assert len(found.before) == words + 1
    assert (found.after[:words] == -found.before[:words]).all()
    assert found.before[-1] == float(evaluator.inputs(np.array([9])).contiguous().view(-1)[5])


def test_faults_do_not_reach_other_images_or_later_runs(evaluator, golden):
    runs = ActivationRuns(evaluator)
    number = region_named(runs, "mul")
    faults = [cell(runs, image, number, 0, 30) if image % 2 else cell(runs, image, number, 0, 0) for image in range(80)]
    found = runs.predict(faults).predictions.predicted[:, 0]
    assert (found[::2] == golden[::2]).all()
    assert (found[1::2] != golden[1::2]).any()
    assert np.array_equal(evaluator.predict(evaluator.parameters.golden, np.arange(80)), golden)


class Branching(nn.Module):
    """Its control flow depends on the data, so that torch.fx cannot follow it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.drop = nn.Dropout()
        self.last = nn.Linear(4, 3)

    def forward(self, images):
        x = self.drop(self.first(images))
        if x.mean() > 1e9:
            x = -x
        return self.last(functional.relu(x).mean(dim=(2, 3)))


def test_models_that_cannot_be_traced_are_hit_in_the_image_and_their_modules():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    images = PreparedImages(pixels, list("abcdef"), np.zeros(6, dtype=int), [0.5] * 3, [0.2] * 3)
    torch.manual_seed(0)
    model = Branching()
    evaluator = Evaluator(FlatParameters(model, model.state_dict()), images, Engine(4))
    runs = ActivationRuns(evaluator)
    assert "torch.fx cannot trace Branching" in runs.reason
    assert [(region.name, region.layer_type) for region in runs.regions] == [
        ("input", "input"),
        ("first", "Conv2d"),
        ("last", "Linear"),
    ]
    golden = evaluator.predict(evaluator.parameters.golden, np.arange(6))
    highest = np.array([evaluator.logits(np.array([0, image]))[1].max() for image in range(6)])
    faults = [cell(runs, image, 2, int(golden[image]), 31) for image in range(6)]
    found = runs.predict(faults)
    assert found.before == pytest.approx(highest, abs=1e-6)
    assert (found.after == -found.before).all()
    assert not [hook for module in model.modules() for hook in module._forward_hooks.values()]
