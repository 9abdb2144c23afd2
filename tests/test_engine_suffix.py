"""Predictions under faults by the engine, against whole runs of plain torch."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from sparebits.architectures import CifarResNet
from sparebits.engine.channels import ChannelRuns
from sparebits.engine.choice import Engine
from sparebits.engine.fused import FusedRuns, find_groups
from sparebits.engine.golden import GoldenBatch, step_kinds
from sparebits.engine.graph import Graph
from sparebits.engine.runs import FaultRuns
from sparebits.engine.suffix import SuffixRuns
from sparebits.evaluation import Evaluator, PreparedImages, batches
from sparebits.faults.flips import Flips
from sparebits.formats import FORMATS
from sparebits.networks import assemble
from sparebits.parameters import FlatParameters, parameter_tensors


class Branches(nn.Module):
    """Branches, a concatenation, an attention by channels, tied convolutions and a scale of its own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.left = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(inplace=True))
        self.right = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.tied = nn.Conv2d(8, 8, 1)
        self.tied.weight = self.left[0].weight
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 16, 1), nn.Sigmoid())
        self.scale = nn.Parameter(torch.ones(16, 1, 1))
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.head = nn.Linear(24, 6)

    def forward(self, images):
        x = self.stem(images)
        left, right = self.left(x), self.right(x)
        left += self.tied(nn.functional.dropout(x, training=self.training))
        both = torch.cat([left, right], 1)
        both = both * self.gate(both) * self.scale
        both = self.pool(both)
        first, _ = both.chunk(2, 1)
        x = torch.cat([first.add(1).relu_(), both - 1], 1)
        return self.head(x.mean((2, 3)))


class Dense(nn.Module):
    """Each layer takes what all before it gave."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(3 + 4 * n), nn.ReLU(inplace=True), nn.Conv2d(3 + 4 * n, 4, 3, padding=1))
            for n in range(4)
        )
        self.head = nn.Linear(19, 6)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.head(x.mean((2, 3)))


def vision(name: str, **options):
    return lambda: torchvision.models.get_model(name, weights=None, num_classes=10, **options)


NO_AUXILIARY = {"aux_logits": False, "init_weights": False, "transform_input": True}
NETWORKS = {
    # Makes the network; edge of its images; how many; faults.
    "residual": (lambda: CifarResNet(8, 8), 16, 40, 60),
    "branches": (Branches, 14, 30, 60),
    "dense": (Dense, 12, 30, 40),
    "shufflenet_v2_x0_5": (vision("shufflenet_v2_x0_5"), 32, 20, 20),
    "shufflenet_v2_x2_0": (vision("shufflenet_v2_x2_0"), 32, 8, 5),
    "googlenet": (vision("googlenet", **NO_AUXILIARY), 32, 8, 5),
    "inception_v3": (vision("inception_v3", **NO_AUXILIARY), 75, 4, 4),
    "mobilenet_v2": (vision("mobilenet_v2"), 32, 8, 5),
    "mobilenet_v3_small": (vision("mobilenet_v3_small"), 32, 12, 12),
    "mobilenet_v3_large": (vision("mobilenet_v3_large"), 32, 8, 5),
    "resnet50": (vision("resnet50"), 32, 8, 4),
}


def evaluator_of(
    make, edge: int, images: int, dtype: str = "float32", memory_format: str = "channels_last"
) -> Evaluator:
    """An evaluator over random images of a network of random parameters, whose classes do not all agree."""
    torch.manual_seed(5)
    model = make().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    if dtype == "float64":
        model = model.double()
    state = {
        name: value.to(getattr(torch, dtype)) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    random = np.random.default_rng(6)
    pixels = random.integers(0, 200, (images, 1, 1, 3)) + random.integers(0, 56, (images, edge, edge, 3))
    names = [str(number) for number in range(images)]
    prepared = PreparedImages(pixels.astype(np.uint8), names, np.zeros(images, int), [0.5] * 3, [0.25] * 3)
    evaluator = Evaluator(FlatParameters(model, state), prepared, Engine(images, memory_format))
    golden = evaluator.logits(np.arange(images))
    head = [tensor for tensor in evaluator.parameters.tensors if tensor.kind == "bias"][-1]
    if head.shape == golden.shape[1:] and dtype == "float32":
        # Else one class wins for all images.
        evaluator.parameters.golden.flags.writeable = True
        values = evaluator.parameters.golden[head.span].view(np.float32)
        values -= golden.double().mean(0).numpy().astype(np.float32)
        evaluator.parameters.golden.flags.writeable = False
        evaluator.parameters.load(evaluator.parameters.golden)
    return evaluator


def faults_of(parameters: FlatParameters, count: int, seed: int = 7) -> list[Flips]:
    """Random single bits, and what shortcuts may fail on."""
    random = np.random.default_rng(seed)
    words, width = len(parameters.golden), parameters.fmt.width
    tensors = parameters.tensors

    def at(indices, bits):
        return Flips.at(np.asarray(indices), np.asarray(bits), words, parameters.golden.dtype)

    faults = []
    for number in range(count):
        tensor = tensors[number % len(tensors)] if number % 2 else tensors[random.integers(len(tensors))]
        faults.append(at([tensor.start + random.integers(tensor.values)], [random.integers(width)]))
    first, middle, last = tensors[0], tensors[len(tensors) // 2], tensors[-1]
    faults += [at([tensor.start], [bit]) for tensor in (first, middle, last) for bit in (width - 1, width - 2)]
    faults.append(at([first.start, middle.start, last.start], [1, width - 2, width - 1]))
    faults.append(at(first.start + np.arange(min(first.values, 40)), np.full(min(first.values, 40), width - 3)))
    variances = [tensor for tensor in tensors if tensor.kind == "running_var"]
    faults += [
        at([tensor.start + tensor.values - 1], [width - 1]) for tensor in variances[:: max(1, len(variances) // 2)]
    ]
    return faults


def whole_runs(evaluator: Evaluator, faults: list[Flips], size: int):
    """Classes and whether a logit is NaN, by whole runs of the altered words."""
    images = len(evaluator.images.labels)
    predicted, nan = np.empty((len(faults), images), int), np.empty((len(faults), images), bool)
    for number, flips in enumerate(faults):
        words = evaluator.parameters.golden.copy()
        flips.apply(words)
        evaluator.parameters.load(words)
        for batch in batches(images, size):
            logits = evaluator.logits(np.arange(images)[batch])
            predicted[number, batch], nan[number, batch] = logits.argmax(1), logits.isnan().any(1)
    evaluator.parameters.load(evaluator.parameters.golden)
    return predicted, nan


def assert_as_whole_runs(evaluator: Evaluator, faults: list[Flips], memory_mb: int = 512, **options) -> FaultRuns:
    runs = FaultRuns(evaluator, np.arange(len(evaluator.images.labels)), memory_mb, **options)
    found = runs.predict(faults)
    predicted, nan = whole_runs(evaluator, faults, runs.images_a_batch)
    assert np.array_equal(found.predicted, predicted)
    assert np.array_equal(found.nan, nan)
    return runs


@pytest.mark.parametrize("name", NETWORKS)
def test_predictions_are_those_of_whole_runs(name):
    make, edge, images, count = NETWORKS[name]
    evaluator = evaluator_of(make, edge, images)
    faults = faults_of(evaluator.parameters, count)
    runs = assert_as_whole_runs(evaluator, faults, uses_bounds=name not in ("resnet50", "inception_v3", "googlenet"))
    assert runs.graph is not None, runs.reason
    assert runs.smallest_batch is not None, "no image may leave"


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ["residual", "branches"])
def test_predictions_are_those_of_whole_runs_in_every_format(name, dtype):
    make, edge, images, count = NETWORKS[name]
    evaluator = evaluator_of(make, edge, images, dtype)
    assert evaluator.parameters.fmt is FORMATS[dtype]
    assert_as_whole_runs(evaluator, faults_of(evaluator.parameters, count))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_predictions_of_the_small_network_are_those_of_whole_runs(evaluator, dtype):
    network = evaluator.parameters.model.to(torch.float64 if dtype == "float64" else torch.float32)
    state = {
        name: value.to(getattr(torch, dtype)) if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    changed = Evaluator(FlatParameters(network, state), evaluator.images, Engine(32))
    every_bit = [
        Flips.at(
            np.array([tensor.start]), np.array([bit]), len(changed.parameters.golden), changed.parameters.golden.dtype
        )
        for tensor in changed.parameters.tensors
        for bit in range(changed.parameters.fmt.width)
    ]
    runs = assert_as_whole_runs(changed, every_bit + faults_of(changed.parameters, 40))
    assert "golden again" in runs.way


@pytest.mark.parametrize("memory_format", ["channels_last", "contiguous_format"])
@pytest.mark.parametrize("name", ["residual", "branches", "dense", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
@pytest.mark.parametrize("images", [2, 7])
def test_logits_are_those_of_whole_runs_bit_for_bit_when_nobody_leaves(name, memory_format, images):
    make, edge, _, count = NETWORKS[name]
    evaluator = evaluator_of(make, edge, images, memory_format=memory_format)
    parameters = evaluator.parameters
    inputs = evaluator.inputs(np.arange(images))
    with torch.inference_mode():
        graph = Graph(parameters.model)
        kinds = step_kinds(graph, evaluator.inputs(np.resize(np.arange(images), 3)))
        suffix = SuffixRuns(graph, parameters, ChannelRuns(graph), None, None, fused_runs=FusedRuns(graph))
        suffix.start(GoldenBatch(graph, kinds, inputs))
        for flips in faults_of(parameters, count, seed=images):
            found = suffix.logits(flips.indices, flips.masks)
            parameters.flip(flips.indices, flips.masks)
            expected = parameters.model(inputs)
            parameters.flip(flips.indices, flips.masks)
            if found is None:
                assert torch.equal(expected, suffix._golden.results[graph.last])
                continue
            rows, logits = found
            assert rows is None
            same = logits.view(torch.int32) == expected.view(torch.int32)
            assert (same | (logits.isnan() & expected.isnan())).all()


def test_steps_run_at_once_have_torchs_bits():
    evaluator = evaluator_of(lambda: CifarResNet(8, 12), 16, 10)
    with torch.inference_mode():
        graph = Graph(evaluator.parameters.model)
        inputs = evaluator.inputs(np.arange(10))
        golden = GoldenBatch(graph, step_kinds(graph, inputs), inputs)
        groups, runs = find_groups(graph), FusedRuns(graph)
        assert len(groups) == 7
        assert sum(group.addition is not None for group in groups) == 3
        assert all(runs.agrees(group, golden) for group in groups)
        # A shortcut that is not added, and a scale that is not the module's, are found out.
        group = next(group for group in groups if group.addition is not None)
        golden.results[group.other].mul_(1 + 1e-6)
        assert not FusedRuns(graph).agrees(group, golden)


def test_parameters_are_untouched_afterwards_also_if_a_step_fails(monkeypatch):
    evaluator = evaluator_of(*NETWORKS["residual"][:3])
    parameters = evaluator.parameters
    runs = FaultRuns(evaluator, np.arange(40), 64)
    faults = faults_of(parameters, 10)
    runs.predict(faults)
    assert np.array_equal(parameters._values.numpy().view(np.uint32), parameters.golden)
    monkeypatch.setattr(SuffixRuns, "_may_differ", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.predict(faults)
    assert np.array_equal(parameters._values.numpy().view(np.uint32), parameters.golden)


@pytest.mark.parametrize("memory_mb", [1, 4, 64])
def test_golden_results_stay_within_the_memory_allowed(memory_mb):
    evaluator = evaluator_of(*NETWORKS["residual"][:3])
    runs = assert_as_whole_runs(evaluator, faults_of(evaluator.parameters, 5), memory_mb)
    with torch.inference_mode():
        results = runs.graph.run_all(evaluator.inputs(np.arange(min(40, runs.images_a_batch))))
    storages = {r.untyped_storage().data_ptr(): r.untyped_storage().nbytes() for r in results if torch.is_tensor(r)}
    assert sum(storages.values()) <= memory_mb * 2**20
    assert runs.images_a_batch < 40 or memory_mb == 64


class Chooses(nn.Module):
    """Its operations depend on the images."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 5)

    def forward(self, images):
        x = images.mean((2, 3))
        return self.head(x) if x.sum() > 0 else self.head(-x)


class SetsItems(Chooses):
    def forward(self, images):
        x = images.mean((2, 3))
        x[:, 0] = 0
        return self.head(x)


@pytest.mark.parametrize("kind", [Chooses, SetsItems])
def test_what_cannot_be_followed_runs_whole_and_says_so(kind):
    evaluator = evaluator_of(kind, 6, 20)
    runs = assert_as_whole_runs(evaluator, faults_of(evaluator.parameters, 20))
    assert runs.graph is None
    assert runs.reason in runs.way
    assert f"torch.fx cannot trace {kind.__name__}" in runs.way


def test_parameters_that_are_read_directly_are_followed():
    evaluator = evaluator_of(*NETWORKS["branches"][:3])
    parameters = evaluator.parameters
    scale = next(tensor for tensor in parameters.tensors if tensor.name == "scale")
    tied = next(tensor for tensor in parameters.tensors if tensor.name == "left.0.weight")
    assert "tied.weight" not in {tensor.name for tensor in parameter_tensors(parameters.model)}
    faults = [
        Flips.at(np.array([tensor.start + offset]), np.array([bit]), len(parameters.golden), np.uint32)
        for tensor in (scale, tied)
        for offset in (0, 9)
        for bit in (3, 20, 25, 30, 31)
    ]
    assert_as_whole_runs(evaluator, faults)


def test_faults_of_a_resnet20_on_photographs_are_those_of_plain_torch():
    """40 single bits of its convolutions, 200 images of CIFAR-10."""
    if "SPAREBITS_DATA" not in os.environ:
        pytest.skip("SPAREBITS_DATA names no folder of real networks and images")
    data = Path(os.environ["SPAREBITS_DATA"]) / "cifar10"
    files = sorted((data / "test").glob("*/*.png"))[::50]
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    images = PreparedImages(pixels, [file.name for file in files], np.zeros(len(files), int), [0.48] * 3, [0.22] * 3)
    network = {
        "architecture": "sparebits.architectures:CifarResNet",
        "arguments": {"depth": 20},
        "weights": str(data / "resnet20.safetensors"),
        "dtype": "float32",
    }
    model, state, _ = assemble(network, ".")
    evaluator = Evaluator(FlatParameters(model, state), images, Engine(200))
    random = np.random.default_rng(9)
    convolutions = [tensor for tensor in evaluator.parameters.tensors if len(tensor.shape) == 4]
    faults = []
    for _ in range(40):
        tensor = convolutions[random.integers(len(convolutions))]
        place = tensor.start + random.integers(tensor.values)
        bit = random.integers(32)
        faults.append(Flips.at(np.array([place]), np.array([bit]), len(evaluator.parameters.golden), np.uint32))
    assert assert_as_whole_runs(evaluator, faults).smallest_batch is not None
