"""What several test files share: every format, its adversarial words, and a small network of random words."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from workflow import finished_project

from sparebits.engine.choice import Engine
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.formats import FORMATS
from sparebits.parameters import FlatParameters, parameter_tensors, values_of


@pytest.fixture(autouse=True)
def one_thread():
    """Whatever a test before set: two test processes share two cores, and results are those of one thread."""
    torch.set_num_threads(1)


@pytest.fixture(params=FORMATS.values(), ids=lambda fmt: fmt.name)
def fmt(request):
    """Each of the formats."""
    return request.param


def _adversarial(fmt) -> list[int]:
    """Zeros, subnormals, the neighbours of every power of two of interest, infinities and NaN, in both signs."""
    top = (1 << fmt.exponent_bits) - 1
    bias = top >> 1
    ones = (1 << fmt.mantissa_bits) - 1
    exponents = {0, 1, bias - 1, bias, bias + 1, bias + 2, top - 1, top}
    exponents |= {bias + 1 - ((bias + 1) >> j) + step for j in (1, 2, 3, 4) for step in (-1, 0, 1)}
    mantissas = {0, 1, ones >> 1, (ones >> 1) + 1, ones - 1, ones, 0b0101010101 & ones}
    magnitudes = sorted(exponent << fmt.mantissa_bits | mantissa for exponent in exponents for mantissa in mantissas)
    return [sign << (fmt.width - 1) | magnitude for sign in (0, 1) for magnitude in magnitudes]


@pytest.fixture
def adversarial(fmt):
    """Words on which shortcuts fail, up to all ones."""
    return np.array(_adversarial(fmt), dtype=f"uint{fmt.width}")


@pytest.fixture
def words(fmt, adversarial):
    """The adversarial words and 200 random ones."""
    random = np.random.default_rng(7).integers(0, 1 << fmt.width, size=200, dtype=f"uint{fmt.width}")
    return np.concatenate([adversarial, random])


class SmallNetwork(nn.Module):
    """Two convolutions, one of them depthwise, a BatchNorm, a linear layer and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.linear = nn.Linear(4, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.conv(images)))
        return self.linear(self.depthwise(x).mean(dim=(2, 3))) * self.scale


@pytest.fixture
def small_network():
    """The class of a network with every kind, role and layer type."""
    return SmallNetwork


@pytest.fixture
def random_network(fmt, words):
    """A SmallNetwork whose words are the adversarial and random ones, in a format."""
    model = SmallNetwork()
    if fmt.dtype == "float64":
        model = model.double()
    state = {}
    for tensor in parameter_tensors(model):
        chosen = np.resize(np.roll(words, tensor.start), tensor.values)
        state[tensor.name] = values_of(chosen, fmt).view(tensor.shape)
    return FlatParameters(model, state)


@pytest.fixture
def network(small_network):
    """A SmallNetwork whose BatchNorm has statistics of its own."""
    torch.manual_seed(11)
    model = small_network()
    model.norm.running_mean.normal_()
    model.norm.running_var.uniform_(0.5, 2)
    with torch.no_grad():
        model.linear.weight.mul_(20)
    return model


@pytest.fixture
def evaluator(network):
    """A small network over 80 random images, whose labels are its own predictions but for every fifth."""
    random = np.random.default_rng(3)
    pixels = (random.integers(0, 200, (80, 1, 1, 3)) + random.integers(0, 56, (80, 12, 10, 3))).astype(np.uint8)
    images = PreparedImages(pixels, [str(n) for n in range(80)], np.zeros(80, dtype=int), [0.5] * 3, [0.2] * 3)
    evaluator = Evaluator(FlatParameters(network, network.state_dict()), images, Engine(32))
    labels = evaluator.predict(evaluator.parameters.golden, np.arange(80)).astype(int)
    labels[::5] = (labels[::5] + 1) % 5
    images.labels[:] = labels
    return evaluator


@pytest.fixture
def golden(evaluator):
    """Classes that the evaluator's network predicts with untouched parameters."""
    return evaluator.predict(evaluator.parameters.golden, np.arange(len(evaluator.images.labels)))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A copy of the project in which the test config has run; other tests copy it and leave it as it is."""
    own = tmp_path_factory.getbasetemp()
    return finished_project(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """A copy of the finished project, with Snakemake's memory of it."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))
