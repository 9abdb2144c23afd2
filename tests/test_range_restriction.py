"""Range restriction: outputs observed and clipped, hooks that leave no trace, and bounds that survive faults."""

import numpy as np
import pytest
import torch
from stored_schemes import PLANNED, at_rate, changed, hit, trained
from torch import nn
from torch.nn import functional

from sparebits.faults.ber import METADATA, PARAMETERS
from sparebits.schemes.clipping import clippable_modules, clipped, observed
from sparebits.schemes.hsiao import Hsiao
from sparebits.schemes.range_restriction import RangeRestricted, calibrate
from sparebits.schemes.unprotected import Unprotected

INFINITE = float("inf")
NAMES = ["conv", "norm", "depthwise", "linear"]


class Mixed(nn.Module):
    """Modules in modules, one that never runs, and one whose output is no tensor of numbers with a point."""

    class Signs(nn.Module):
        def forward(self, x):
            return (x > 0).long()

    class Pair(nn.Module):
        def forward(self, x):
            return x, -x

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU()), nn.Identity())
        self.unused = nn.Linear(4, 2)
        self.signs, self.pair = self.Signs(), self.Pair()

    def forward(self, x):
        x = self.body(x)
        self.signs(x)
        return self.pair(x)[0]


@pytest.fixture
def mixed():
    torch.manual_seed(5)
    return Mixed().eval()


@pytest.fixture
def parameters(small_network):
    return trained(small_network())


def hooks_of(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def outputs_of(evaluator, indices):
    """What each layer of the small network gives, layer after layer without any hook."""
    model = evaluator.parameters.model
    with torch.inference_mode():
        conv = functional.conv2d(evaluator.inputs(indices), model.conv.weight)
        norm = model.norm
        norm = functional.batch_norm(conv, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        depthwise = functional.conv2d(torch.relu(norm), model.depthwise.weight, model.depthwise.bias, groups=4)
        linear = functional.linear(depthwise.mean(dim=(2, 3)), model.linear.weight, model.linear.bias)
    return {"conv": conv, "norm": norm, "depthwise": depthwise, "linear": linear}


def test_modules_without_submodules_are_clipped(mixed):
    assert clippable_modules(mixed) == ["body.0", "body.1.0", "body.2", "unused", "signs", "pair"]
    assert clippable_modules(nn.Linear(1, 1)) == []


def test_smallest_and_largest_outputs_of_all_runs_are_observed(mixed):
    first, second = torch.randn(2, 5, 3).unbind()
    with torch.no_grad(), observed(mixed, clippable_modules(mixed)) as bounds:
        assert (bounds == [INFINITE, -INFINITE]).all()
        mixed(first)
        mixed(second)
    with torch.no_grad():
        linear = torch.cat([first, second]) @ mixed.body[0].weight.T + mixed.body[0].bias
    expected = [[float(linear.min()), float(linear.max())], [0, float(linear.max())], [0, float(linear.max())]]
    np.testing.assert_allclose(bounds[:3], expected, rtol=1e-6)
    assert (bounds[3:] == [INFINITE, -INFINITE]).all()
    assert hooks_of(mixed) == 0


def test_outputs_are_clipped_where_there_are_bounds():
    model = nn.Sequential(nn.Identity())
    x = torch.tensor([-INFINITE, -0.3, -0.25, 0.1, 0.5, 7, INFINITE, float("nan")])
    with clipped(model, ["0"], np.array([[-0.25, 0.5]])):
        assert model(x).tolist() == pytest.approx([-0.25, -0.25, -0.25, 0.1, 0.5, 0.5, 0.5, 0])
    with clipped(model, ["0"], np.array([[INFINITE, -INFINITE]])):
        assert torch.equal(model(x).nan_to_num(), x.nan_to_num())
        assert model(x).isnan().any()
    assert torch.equal(model(x)[:7], x[:7])


def test_a_bound_that_is_none_does_not_clip():
    model = nn.Sequential(nn.Identity())
    x = torch.tensor([-INFINITE, -9, 9, INFINITE])
    for bounds, expected in (
        ([-INFINITE, INFINITE], x.tolist()),
        ([-INFINITE, 4], [-INFINITE, -9, 4, 4]),
        ([-4, INFINITE], [-4, -4, 9, INFINITE]),
    ):
        with clipped(model, ["0"], np.array([bounds])):
            assert model(x).tolist() == expected


def test_what_is_no_floating_point_tensor_is_left_alone(mixed):
    names = clippable_modules(mixed)
    x = torch.randn(5, 3)
    with torch.no_grad():
        plain = mixed(x)
        with clipped(mixed, names[3:], np.tile([-0.01, 0.01], (3, 1))):
            assert torch.equal(mixed(x), plain)
        with clipped(mixed, names[:1], np.array([[-0.01, 0.01]])):
            assert mixed(x).abs().max() <= 0.01


@pytest.mark.parametrize("context", [observed, lambda *args: clipped(*args, np.tile([-1.0, 1.0], (6, 1)))])
def test_hooks_are_gone_after_an_exception(mixed, context):
    def run(names, shape):
        with context(mixed, names):
            assert hooks_of(mixed) == len(names)
            with torch.no_grad():
                mixed(torch.randn(shape))

    run(clippable_modules(mixed), (5, 3))
    assert hooks_of(mixed) == 0
    with pytest.raises(RuntimeError):
        run(clippable_modules(mixed), (5, 2))
    assert hooks_of(mixed) == 0
    with pytest.raises(KeyError):
        run(["body.0", "missing"], (5, 3))
    assert hooks_of(mixed) == 0


@pytest.mark.parametrize("indices", [np.arange(80), np.arange(3, 40)])
def test_calibration_gives_the_range_of_each_layer(evaluator, indices):
    evaluator.parameters.load(np.zeros_like(evaluator.parameters.golden))
    bounds = calibrate(evaluator, indices)
    assert clippable_modules(evaluator.parameters.model) == NAMES
    expected = [[float(output.min()), float(output.max())] for output in outputs_of(evaluator, indices).values()]
    np.testing.assert_allclose(bounds, expected, rtol=1e-5, atol=1e-6)
    assert hooks_of(evaluator.parameters.model) == 0


def read_bounds(bounds, parameters):
    stored = RangeRestricted("clipped", Unprotected(parameters), np.array(bounds, dtype=float))
    return stored.read(stored.memory).bounds


def test_bounds_are_rounded_outwards(parameters):
    random = np.random.default_rng(6)
    values = np.concatenate(
        [
            random.normal(0, 10.0 ** random.integers(-30, 30, 500)),
            [0.0, -0.0, 1.0, -1.0, 1.0001, -1.0001, 3.4e38, -3.4e38, 1e-42, -1e-42],
            # Of binary64 networks: between two values of binary32, below and beyond all of them.
            [1 + 2.0**-40, -1 - 2.0**-40, 1 - 2.0**-40, 1e-60, -1e-60, 1e60, -1e60],
        ]
    )
    read = read_bounds(np.stack([values, values], axis=1), parameters)
    assert (read[:, 0] <= values).all()
    assert (values <= read[:, 1]).all()
    is_normal = (np.abs(values) > 1e-37) & (np.abs(values) < 3e38)
    assert (np.diff(read)[is_normal, 0] <= np.abs(values[is_normal]) * 2**-7).all()


def test_bounds_that_bfloat16_has_are_kept(parameters):
    exact = [[-1.5, 0.75], [-INFINITE, INFINITE], [0, 0], [INFINITE, -INFINITE], [-(2.0**100), 1.9921875], [0.5, 0.625]]
    np.testing.assert_array_equal(read_bounds(exact, parameters), exact)


@pytest.fixture
def bounds():
    values = np.sort(np.random.default_rng(9).normal(0, 5, (70, 2)), axis=1)
    values[7] = INFINITE, -INFINITE
    return values


@pytest.mark.parametrize("inner", ["unprotected", "channel"])
def test_bounds_survive_faults_that_the_network_survives(parameters, bounds, inner):
    inner = Unprotected(parameters) if inner == "unprotected" else PLANNED[inner](parameters)
    stored = RangeRestricted("clipped", inner, bounds)
    for seed in range(10):
        memory, _ = at_rate(stored, 0.01, seed)
        assert (memory[METADATA] != stored.memory[METADATA]).any()
        reading = stored.read(memory)
        np.testing.assert_array_equal(reading.bounds, stored.read(stored.memory).bounds)


def test_a_bound_that_cannot_be_read_is_none(parameters, bounds):
    stored = RangeRestricted("clipped", PLANNED["channel"](parameters), bounds)
    first = len(stored.memory[METADATA]) - 3 * 140
    # Four flips in each of two copies are more than [32,16,8] corrects: of a lower and of an upper bound.
    flips = [(METADATA, first + copy * 140 + place, bit) for copy in (0, 2) for place in (10, 17) for bit in range(4)]
    expected = stored.read(stored.memory).bounds
    expected[5, 0], expected[8, 1] = -INFINITE, INFINITE
    np.testing.assert_array_equal(stored.read(hit(stored, flips)).bounds, expected)


def test_the_memory_of_the_scheme_inside_is_read_as_without_bounds(parameters, bounds):
    for inner in (Unprotected(parameters), Hsiao(parameters), *(build(parameters) for build in PLANNED.values())):
        stored = RangeRestricted("clipped", inner, bounds)
        assert stored.extra_bytes == inner.extra_bytes + 3 * 4 * bounds.size
        described = [(scheme.layout, scheme.code, scheme.decoder, scheme.policy) for scheme in (stored, inner)]
        assert described[0] == described[1]
        assert (stored.code_word_of is None) == (inner.code_word_of is None)
        memory, _ = at_rate(stored, 0.05)
        own = {plane: words[: len(inner.memory[plane])] for plane, words in memory.items() if plane in inner.memory}
        reading, expected = stored.read(memory), inner.read(own)
        np.testing.assert_array_equal(reading.words, expected.words)
        np.testing.assert_array_equal(reading.detected, expected.detected)
        assert stored.count_miscorrected(reading) == inner.count_miscorrected(expected)
        np.testing.assert_array_equal(stored.clean, inner.clean)
        forgeries = stored.forgeries(40)
        others = inner.forgeries(40)
        assert [(f.word, list(f.flips)) for f in forgeries] == [(f.word, list(f.flips)) for f in others]
        for forgery in forgeries[:3]:
            wrong = stored.read(hit(stored, forgery.flips))
            assert 40 in changed(wrong, stored)
            assert int(wrong.words[40]) == forgery.word


def test_predictions_for_calibration_images_are_unchanged(evaluator, golden):
    indices = np.arange(80)
    stored = RangeRestricted("clipped", Unprotected(evaluator.parameters), calibrate(evaluator, indices))
    reading = stored.read(stored.memory)
    with clipped(evaluator.parameters.model, NAMES, reading.bounds):
        np.testing.assert_array_equal(evaluator.predict(reading.words, indices), golden)


def test_a_huge_weight_is_contained(evaluator, golden):
    indices = np.arange(80)
    bounds = calibrate(evaluator, indices)
    stored = RangeRestricted("clipped", Unprotected(evaluator.parameters), bounds)
    model = evaluator.parameters.model
    kept = {"clipped": 0, "as they are": 0}
    for index in range(1, 109, 6):  # weights of the first convolution
        reading = stored.read(hit(stored, [(PARAMETERS, index, 30)]))
        kept["as they are"] += np.count_nonzero(evaluator.predict(reading.words, indices) == golden)
        with clipped(model, NAMES, reading.bounds):
            kept["clipped"] += np.count_nonzero(evaluator.predict(reading.words, indices) == golden)
            with observed(model, NAMES) as seen:
                logits = evaluator.logits(indices)
        assert (seen[:, 0] >= reading.bounds[:, 0]).all()
        assert (seen[:, 1] <= reading.bounds[:, 1]).all()
        assert torch.isfinite(logits).all()
    assert kept["clipped"] > kept["as they are"]


def test_bounds_take_eight_bytes_a_copy(parameters):
    stored = RangeRestricted("clipped", Unprotected(parameters), np.zeros((5, 2)))
    assert stored.extra_bytes == 3 * 5 * 8
    assert stored.stored_bits == 8 * (stored.extra_bytes + stored.memory[PARAMETERS].nbytes)
