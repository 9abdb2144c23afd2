"""Models as graphs: what can be followed, what is refused and why, and from how many images on bits stay the same."""

import numpy as np
import pytest
import torch
from torch import nn

from sparebits.architectures import CifarResNet
from sparebits.engine.differences import compare, differ, norms
from sparebits.engine.golden import GoldenBatch, step_kinds
from sparebits.engine.graph import Graph, NotTraceable
from sparebits.engine.leaving import next_count, try_leaving

IMAGES = torch.randn(9, 3, 12, 12, generator=torch.Generator().manual_seed(1))


class InPlace(nn.Module):
    """Overwrites what it was given, by modules, functions, methods and operators."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.linear = nn.Linear(4, 5)

    def forward(self, images):
        x = self.conv(images)
        y = x.clone()
        x += 1
        x = self.relu(x).mul_(2)
        y = nn.functional.relu(y - 0.1, inplace=True).add_(x).clamp_(max=3)
        return self.linear((x * y).mean((2, 3)))


class Chooses(nn.Module):
    def forward(self, images):
        return images.flatten(1) if images.sum() > 0 else -images.flatten(1)


class TakesTwo(nn.Module):
    def forward(self, images, others):
        return (images + others).flatten(1)


class SetsItems(nn.Module):
    def forward(self, images):
        x = images.flatten(1) * 2
        x[:, 0] = 0
        return x


class Fills(nn.Module):
    def forward(self, images):
        x = images.flatten(1) * 2
        x.fill_(0)
        return x


class WritesHidden(nn.Module):
    """Writes through a module that is not looked into."""

    def __init__(self):
        super().__init__()
        self.writes = nn.Threshold(0.1, 20.0, inplace=True)
        self.linear = nn.Linear(432, 5)

    def forward(self, images):
        x = images.flatten(1)
        return self.linear(x + self.writes(x))


class TakesNumbers(nn.Module):
    def forward(self, images):
        return images.flatten(1) * images.sum().item()


class MixesImages(nn.Module):
    def forward(self, images):
        return images.reshape(-1, 3).mean(1).reshape(images.shape[0], -1)


@pytest.mark.parametrize("model", [InPlace(), CifarResNet(8, 4)], ids=["in place", "residual"])
def test_steps_one_by_one_give_the_models_logits(model):
    model.eval()
    with torch.inference_mode():
        expected = model(IMAGES.clone())
        graph = Graph(model)
        results = graph.run_all(IMAGES)
        assert torch.equal(results[graph.last], expected)
        kept = [result.clone() for result in results if isinstance(result, torch.Tensor)]
        graph.run_all(IMAGES)
    for before, after in zip(kept, (r for r in results if isinstance(r, torch.Tensor)), strict=True):
        assert torch.equal(before, after), "a step overwrote what another gave"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Chooses(), "torch.fx cannot trace Chooses"),
        (TakesTwo(), "takes more than the images"),
        (SetsItems(), "torch.fx cannot trace SetsItems"),
        (Fills(), "writes into a tensor"),
        (TakesNumbers(), "takes numbers out of a tensor"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_reason(model, reason):
    with pytest.raises(NotTraceable, match=reason), torch.inference_mode():
        step_kinds(Graph(model.eval()), IMAGES)


def test_modules_that_overwrite_are_run_out_of_place():
    model = WritesHidden().eval()
    with torch.inference_mode():
        expected = model(IMAGES.clone())
        graph = Graph(model)
        assert not model.writes.inplace
        assert not torch.equal(graph.run_all(IMAGES)[graph.last], expected), "the model reads what it overwrote"


def test_steps_are_known_by_how_they_depend_on_the_images(network):
    graph = Graph(network.eval())
    kinds = step_kinds(graph, IMAGES)
    assert kinds.go_by_image
    assert {graph.steps[place].node.target for place in kinds.constants} == {"scale"}
    mixing = Graph(MixesImages())
    assert not step_kinds(mixing, IMAGES).go_by_image


def test_a_token_for_every_image_is_no_constant():
    class Token(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.randn(1, 432))
            self.linear = nn.Linear(432, 5)

        def forward(self, images):
            return self.linear(images.flatten(1) + self.token.expand(images.shape[0], -1))

    graph = Graph(Token())
    kinds = step_kinds(graph, IMAGES)
    names = {graph.steps[place].name for place in kinds.constants}
    assert names == {"token"}
    with torch.inference_mode():
        assert try_leaving(graph, kinds, [GoldenBatch(graph, kinds, IMAGES)]).smallest == 2


def test_readers_of_tied_tensors_are_all_found():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Flatten(), nn.Linear(432, 5))
    model[1].weight = model[0].weight
    graph = Graph(model)
    assert [graph.steps[place].name for place in graph.readers_of(["0.weight"])] == ["0", "1"]
    assert [graph.steps[place].name for place in graph.readers_of(["1.bias"])] == ["1"]


def test_counts_have_three_significant_bits():
    counts = [count for count in range(1, 300) if next_count(count) == count]
    assert counts[:12] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16]
    assert all(count <= next_count(count) <= 1.25 * count + 1 for count in range(1, 300))


class Counting(nn.Module):
    """Stands for a library whose results depend on the number of rows."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def forward(self, x):
        return x + (1e-7 if len(x) <= self.most else 0.0)


class CountingLinear(nn.Linear):
    def forward(self, x):
        return super().forward(x) + 1e-6 * (len(x) % 4)


@pytest.mark.parametrize(("most", "smallest"), [(0, 2), (3, 4), (5, 6), (100, None)])
def test_images_leave_only_as_far_as_bits_stay_the_same(most, smallest):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), fx_leaf(Counting)(most), nn.Flatten(), nn.Linear(400, 5))
    graph, kinds, golden = golden_of(model)
    golden = golden if most < 100 else _with(golden, graph)
    assert try_leaving(graph, kinds, [golden]).smallest == smallest


def test_products_of_rows_are_run_whole_where_bits_depend_on_their_number():
    graph, kinds, golden = golden_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), fx_leaf(CountingLinear)(400, 5)))
    leaving = try_leaving(graph, kinds, [golden])
    assert leaving.smallest == 2
    assert leaving.whole == {graph.last}


def fx_leaf(kind: type) -> type:
    """A class that torch.fx does not look into, as it takes it for one of torch.nn."""
    return type(kind.__name__, (kind,), {"__module__": "torch.nn.modules.imagined"})


def golden_of(model):
    graph = Graph(model.eval())
    with torch.inference_mode():
        kinds = step_kinds(graph, IMAGES)
        return graph, kinds, GoldenBatch(graph, kinds, IMAGES)


def _with(golden, graph):
    """Golden results of a step that no smaller batch gives."""
    golden.results[2] = golden.results[2] + 1
    return golden


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_compared_images_differ_as_numpy_says(dtype, memory_format):
    random = torch.Generator().manual_seed(4)
    old = torch.randn(7, 5, 20, 30, generator=random, dtype=dtype).contiguous(memory_format=memory_format)
    rows = np.array([0, 2, 3, 5, 6])
    new = old[rows].contiguous(memory_format=memory_format)
    new[1, 4, 19, 29] += 1e-3
    new[2] += torch.randn(5, 20, 30, generator=random, dtype=dtype)
    new[3, 0, 0, 0] = float("nan")
    old[6, 0, 0, 0], new[4, 0, 0, 0] = 0.0, -0.0
    moved, far = compare(new, old, rows, np.full(5, 1e9))
    assert moved.tolist() == [False, True, True, True, True]
    exact = (new.double() - old[rows].double()).flatten(1).norm(dim=1).numpy()
    assert (far[[0, 1, 2, 4]] >= exact[[0, 1, 2, 4]]).all()
    assert np.allclose(far[[0, 1, 2, 4]], exact[[0, 1, 2, 4]], rtol=2e-3, atol=1e-15)
    assert not far[3] < np.inf
    assert differ(new, old[rows].contiguous(memory_format=memory_format)).tolist() == moved.tolist()
    moved, far = compare(new, old, rows, np.array([0, 1e-6, 1.0, 1.0, -1.0]))
    assert moved.tolist() == [False, True, True, True, True]
    assert far[0] == 0
    assert not (far[1:] < np.inf).any()
    assert not compare(old[:1], old[:1], None, np.array([np.nan]))[0].any()


def test_norms_are_never_below_the_exact_ones():
    values = torch.randn(50, 6, 9, 9, generator=torch.Generator().manual_seed(2)) * torch.logspace(-18, 15, 50).view(
        -1, 1, 1, 1
    )
    exact = values.double().flatten(1).norm(dim=1)
    assert (norms(values).double() >= exact).all()
    assert (norms(values.contiguous(memory_format=torch.channels_last)).double() >= exact).all()
