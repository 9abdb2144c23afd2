"""Bounds on what changes come to: they hold for every operation, and no image leaves whose class changes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sparebits.architectures import CifarResNet
from sparebits.engine.bounds import Bounds
from sparebits.engine.golden import GoldenBatch, step_kinds
from sparebits.engine.graph import Graph
from sparebits.engine.operations import UNBOUNDED, convolution_norm, gamma, growth_of, rounding_of, unit_roundoff

RANDOM = torch.Generator().manual_seed(8)
SHAPE = (4, 6, 9, 8)


class Calls(nn.Module):
    """Runs a function on the images."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, images):
        return self.function(images)


class Flattened(Calls):
    """A module after its input's images were made rows."""

    def forward(self, images):
        return self.function(images.flatten(1))


def batchnorm():
    module = nn.BatchNorm2d(6)
    module.running_mean.normal_(generator=RANDOM)
    module.running_var.uniform_(0.2, 3, generator=RANDOM)
    module.weight.data.normal_(generator=RANDOM)
    module.bias.data.normal_(generator=RANDOM)
    return module


OPERATIONS = {
    "convolution": lambda: nn.Conv2d(6, 5, 3, padding=1),
    "strided": lambda: nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False),
    "grouped": lambda: nn.Conv2d(6, 4, (3, 2), groups=2),
    "depthwise": lambda: nn.Conv2d(6, 6, 3, padding=2, groups=6),
    "dilated": lambda: nn.Conv2d(6, 3, 3, padding=2, dilation=2),
    "pointwise": lambda: nn.Conv2d(6, 9, 1),
    "batchnorm": batchnorm,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky": lambda: nn.LeakyReLU(0.3),
    "max pool": lambda: nn.MaxPool2d(3, 2, padding=1),
    "average pool": lambda: nn.AvgPool2d(3, 2),
    "padded average pool": lambda: nn.AvgPool2d(3, 1, padding=1),
    "global pool": lambda: nn.AdaptiveAvgPool2d(1),
    "mean": lambda: Calls(lambda x: x.mean((2, 3))),
    "twice": lambda: Calls(lambda x: x + x),
    "pad": lambda: Calls(lambda x: functional.pad(x, (1, 0, 0, 2, 3, 0))),
    "linear": lambda: Flattened(nn.Linear(432, 7)),
}


def traced(model, images):
    model = model if isinstance(model, Calls) else nn.Sequential(model)
    graph = Graph(model.eval())
    return graph, graph.steps[graph.last], graph.run_all(images)


def adversarial_pairs(run):
    """Inputs and changes of them: random ones, single pixels, and those that power iteration finds to grow most."""

    def lengths(values):
        return norm_of(values).float().view(-1, 1, 1, 1)

    for scale in (1e-6, 1e-3, 1.0, 1e3):
        golden = torch.randn(SHAPE, generator=RANDOM)
        yield golden, scale * torch.randn(SHAPE, generator=RANDOM)
        single = torch.zeros(SHAPE)
        single[:, 2, 4, 4] = scale
        yield golden, single
        change = torch.randn(SHAPE, generator=RANDOM)
        for _ in range(30):
            change = (change * scale / lengths(change)).requires_grad_()
            moved = (run(golden + change) - run(golden)).flatten(1).norm(dim=1)
            (gradient,) = torch.autograd.grad(moved.sum(), change)
            change = (change + scale * gradient / lengths(gradient).clamp_min(1e-30)).detach()
        yield golden, change * scale / lengths(change)
    sparse = torch.relu(torch.randn(SHAPE, generator=RANDOM)) * (torch.rand(SHAPE, generator=RANDOM) < 0.2)
    yield sparse, torch.full(SHAPE, 0.25)
    # Sums that cancel, so that rounding is large beside the results.
    yield 1e4 * torch.sign(torch.randn(SHAPE, generator=RANDOM)), 1e-4 * torch.randn(SHAPE, generator=RANDOM)


def norm_of(values):
    return values.double().flatten(1).norm(dim=1)


@pytest.mark.parametrize("name", OPERATIONS)
def test_growth_and_rounding_bound_what_an_operation_makes_of_a_change(name):
    torch.manual_seed(3)
    model = OPERATIONS[name]().eval().requires_grad_(False)
    highest = 0.0
    for golden, change in adversarial_pairs(model):
        with torch.no_grad():
            graph, step, results = traced(model, golden)
            others = graph.run_all(golden + change)
            taken = tuple(results[place] for place in step.inputs)
            before, after = (values[step.inputs[0]] for values in (results, others))
            growth, rounding = growth_of(step, taken, results[-1]), rounding_of(step, taken, results[-1])
            assert growth < UNBOUNDED
            moved = norm_of(others[-1].double() - results[-1].double())
            stretched = norm_of(after.double() - before.double())
            assert (moved <= (growth * stretched + rounding) * (1 + 1e-12)).all(), name
            ratios = (moved / stretched)[stretched > 1e-2].tolist()
            highest = max([highest, *(ratio / float(growth) for ratio in ratios)])
    assert highest > 0.4, "a bound so loose proves little"


@pytest.mark.parametrize("name", ["convolution", "grouped", "pointwise", "batchnorm", "linear", "mean", "average pool"])
def test_rounding_errors_are_within_their_bound_of_binary64(name):
    torch.manual_seed(4)
    model = OPERATIONS[name]().eval().requires_grad_(False)
    for scale in (1e-3, 1.0, 1e4):
        golden = scale * torch.randn(SHAPE, generator=RANDOM)
        with torch.no_grad():
            _, step, results = traced(model, golden)
            taken = tuple(results[place] for place in step.inputs)
            rounding = rounding_of(step, taken, results[-1])
            exact = model.double()(golden.double())
            model.float()
        error = norm_of(results[-1].double() - exact)
        assert (error <= rounding).all()
        assert (rounding <= 1e5 * error.clamp_min(1e-12)).all()


def test_unknown_operations_have_no_bound():
    images = torch.randn(SHAPE, generator=RANDOM)
    for model in (
        nn.Sigmoid(),
        nn.Hardswish(),
        nn.MaxPool2d(3, dilation=2),
        nn.Conv2d(6, 6, 3, padding=1, padding_mode="circular"),
        Calls(lambda x: x * x),
        Calls(lambda x: functional.pad(x, (1, 1, 1, 1), mode="reflect")),
        Calls(lambda x: torch.add(x, x, alpha=3)),
        nn.AvgPool2d(3, divisor_override=1),
        nn.LeakyReLU(2.0),
    ):
        with torch.no_grad():
            graph, step, results = traced(model, images)
            taken = tuple(results[place] for place in step.inputs)
            assert growth_of(step, taken, results[graph.last]) == UNBOUNDED, model


CONVOLUTIONS = [
    # Kernel, stride, padding, dilation, groups; largest ratio of the bound to the true norm.
    ((3, 3), 1, 1, 1, 1, 1.25),
    ((3, 3), 1, 0, 1, 1, 1.25),
    ((1, 1), 1, 0, 1, 2, 1.001),
    ((3, 2), 1, 1, 1, 2, 1.25),
    ((3, 3), 1, 2, 2, 1, 1.5),
    ((3, 3), 2, 1, 1, 1, 2.1),
    ((5, 5), 3, 2, 1, 1, 3.1),
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "groups", "factor"), CONVOLUTIONS)
def test_norms_of_convolutions_are_bounds_of_the_dense_matrix(kernel, stride, padding, dilation, groups, factor):
    random = torch.Generator().manual_seed(5)
    weight = torch.randn(4, 4 // groups, *kernel, generator=random, dtype=torch.float64)
    unit = torch.eye(4 * 8 * 7, dtype=torch.float64).view(-1, 4, 8, 7)
    dense = functional.conv2d(unit, weight, None, stride, padding, dilation, groups).flatten(1)
    true = float(torch.linalg.matrix_norm(dense, 2))
    bound = convolution_norm(weight, groups, (dilation, dilation), (8, 7))
    assert true <= bound <= factor * true


def test_the_looser_norm_of_large_convolutions_is_a_bound(monkeypatch):
    weight = torch.randn(4, 4, 3, 3, generator=torch.Generator().manual_seed(6))
    finer = convolution_norm(weight, 1, (1, 1), (8, 8))
    monkeypatch.setattr("sparebits.engine.operations._MOST_WORK", 0)
    assert finer <= convolution_norm(weight, 1, (1, 1), (8, 8)) <= 3 * finer


def test_gamma_is_highams():
    assert unit_roundoff(torch.float32) == 2**-24
    assert gamma(1, torch.float32) == pytest.approx(2**-24 / (1 - 2**-24), rel=1e-12)
    assert gamma(2**24, torch.float32) == UNBOUNDED


def bounded_network(seed: int, logits_scale: float):
    """A small network of plain operations, images of which some lie at decision boundaries, and bounds."""
    torch.manual_seed(seed)
    model = CifarResNet(8, 4, classes=4).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
            module.running_mean.normal_(0, 0.2)
    images = torch.randn(24, 3, 8, 8)
    with torch.no_grad():
        model.linear.weight.mul_(logits_scale)
        # A few images at a tie of two classes.
        features = Graph(model).run_all(images)[-2]
        model.linear.bias.sub_(model.linear(features)[3])
    return model, images


def least_slacks(model, images):
    """By place of a result, how far its features may move, and its amplification."""
    graph = Graph(model)
    kinds = step_kinds(graph, images)
    golden = GoldenBatch(graph, kinds, images)
    bounds = Bounds(graph, kinds, golden)
    bounds.start(golden)
    return graph, golden, bounds


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_change_within_the_bound_alters_a_class(seed):
    """Counterexamples are looked for along the gradient of the closest two logits, up to the very bound."""
    model, images = bounded_network(seed, 5.0)
    graph, golden, bounds = least_slacks(model, images)
    tried = 0
    for step in graph.steps:
        users = graph.users[step.place]
        if step.place == graph.last or not users or not isinstance(golden.results[step.place], torch.Tensor):
            continue
        if graph.reached_from([step.place])[0] != step.place or step.node.op == "placeholder":
            continue
        live = _alone(graph, step.place)
        if not live:
            continue
        amplification = bounds.amplification(step.place, step.place)
        following = [place for place in graph.reached_from([step.place]) if place > step.place]
        room = torch.from_numpy(bounds.slack(following) / amplification)
        before = golden.results[step.place].detach()

        def logits_of(value, at=step.place):
            results = list(golden.results)
            results[at] = value
            for place in graph.reached_from([at])[1:]:
                results[place] = graph.run(place, results.__getitem__)
            return results[graph.last]

        change = 1e-3 * torch.randn(before.shape, generator=RANDOM)
        allowed = (room > 0) & torch.isfinite(room)
        for _ in range(8):
            change = change.requires_grad_()
            ordered = logits_of(before + change)
            golden_logit = ordered.gather(1, torch.from_numpy(golden.predicted).view(-1, 1))[:, 0]
            others = ordered.scatter(1, torch.from_numpy(golden.predicted).view(-1, 1), -torch.inf).max(1).values
            (gradient,) = torch.autograd.grad((others - golden_logit).sum(), change)
            length = (room.clamp_min(0) * 0.999 / norm_of(gradient).clamp_min(1e-30)).float()
            change = (gradient * length.view(-1, *[1] * (gradient.dim() - 1))).detach()
            found = logits_of(before + change).argmax(1).numpy()
            assert (found[allowed] == golden.predicted[allowed]).all(), step.name
        tried += int(allowed.sum())
    assert tried > 100


def _alone(graph: Graph, place: int) -> bool:
    """Whether all that follows takes what came before through this result only."""
    reached = set(graph.reached_from([place]))
    return all(other in reached or other < place for step in graph.steps[place + 1 :] for other in step.inputs)


def test_no_image_at_a_tie_may_leave():
    model, images = bounded_network(4, 5.0)
    _, golden, bounds = least_slacks(model, images)
    logits = golden.results[-1].sort(descending=True).values
    assert float((logits[3, 0] - logits[3, 1]).abs()) < 1e-6
    assert bounds.slack([])[3] <= 0


def test_without_a_linear_head_the_logits_themselves_may_move_half_the_margin():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.randn(10, 3, 6, 6, generator=RANDOM)
    with torch.inference_mode():
        _, golden, bounds = least_slacks(model, images)
    ordered = golden.results[-1].double().sort(descending=True).values
    expected = (ordered[:, 0] - ordered[:, 1]) / 2**0.5
    assert np.allclose(bounds.slack([]), expected, rtol=1e-4)
    assert (bounds.slack([]) <= expected.numpy()).all()
