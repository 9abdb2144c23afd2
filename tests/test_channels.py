"""Scales that move from convolutions into BatchNorms: the network computes the same, its weights fit small windows."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sparebits.config import load_config
from sparebits.datasets import open_dataset
from sparebits.engine.choice import Engine
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.images import prepare_images, write_labels
from sparebits.layouts.channels import absorb_scales, find_pairs
from sparebits.layouts.minifloat import Minifloat
from sparebits.networks import assemble
from sparebits.parameters import FlatParameters, parameter_tensors, values_of
from sparebits.transforms import Geometry

ROOT = Path(__file__).parent.parent


class Branching(nn.Module):
    """Convolutions with bias and depthwise before BatchNorms, and every situation in which they may not be paired."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=True)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(8, eps=1e-3, affine=False)
        self.used_twice = nn.Conv2d(8, 8, 1)
        self.used_twice_norm = nn.BatchNorm2d(8)
        self.called_twice = nn.Conv2d(8, 8, 1)
        self.called_twice_norm = nn.BatchNorm2d(8)
        self.other_norm = nn.BatchNorm2d(8)
        self.regularised = nn.Conv2d(8, 8, 1)
        self.regularised_norm = nn.BatchNorm2d(8)
        self.tied = nn.Conv2d(8, 8, 1, bias=False)
        self.tied_norm = nn.BatchNorm2d(8)
        self.tied_too = nn.Conv2d(8, 8, 1, bias=False)
        self.tied_too.weight = self.tied.weight
        self.batch_statistics = nn.Conv2d(8, 8, 1)
        self.batch_statistics_norm = nn.BatchNorm2d(8, track_running_stats=False)
        self.head = nn.Linear(8, 5)

    def forward(self, images):
        x = torch.relu(self.norm(self.conv(images)))
        x = torch.relu(self.depthwise_norm(self.depthwise(x)))
        wide = self.used_twice(x)
        x = x + self.used_twice_norm(wide) + 0.1 * wide
        x = self.called_twice_norm(self.called_twice(x))
        x = self.other_norm(self.called_twice(x))
        x = self.regularised_norm(self.regularised(x)) * self.regularised.weight.norm()
        x = self.tied_norm(self.tied(x)) + self.tied_too(x)
        x = self.batch_statistics_norm(self.batch_statistics(x))
        return self.head(x.mean(dim=(2, 3)))


class Untraceable(nn.Module):
    def forward(self, images):
        return images * 2 if images.sum() > 0 else images


def test_pairs_are_convolutions_whose_output_only_a_batchnorm_uses():
    found = find_pairs(Branching().eval())
    assert found.reason is None
    assert [(pair.convolution, pair.batchnorm, pair.eps) for pair in found.pairs] == [
        ("conv", "norm", 1e-5),
        ("depthwise", "depthwise_norm", 1e-3),
    ]


def test_a_model_that_cannot_be_traced_has_no_pairs_and_a_reason():
    found = find_pairs(Untraceable())
    assert found.pairs == ()
    assert "Untraceable" in found.reason
    assert "control flow" in found.reason


def branching_network(fmt, dead: float = 0.0) -> FlatParameters:
    """A Branching network whose channels differ by powers of two of all sizes, and one of which is dead."""
    torch.manual_seed(8)
    model = Branching().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.02, 0.4)
    with torch.no_grad():
        for conv, norm in ((model.conv, model.norm), (model.depthwise, model.depthwise_norm)):
            factors = torch.tensor([1, 0.5, 0.2, 0.11, 0.07, 0.03, 0.02, dead])
            conv.weight *= factors.view(-1, 1, 1, 1)
            norm.running_var *= factors**2
            norm.running_mean *= factors
        model.conv.bias *= factors
    if fmt.dtype == "float64":
        model = model.double()
    state = {name: value.clone() for name, value in model.state_dict(keep_vars=False).items()}
    stored = {t.name: state[t.name].to(getattr(torch, fmt.dtype)) for t in parameter_tensors(model)}
    return FlatParameters(model, stored)


@pytest.mark.parametrize("dead", [0.0, 1e-30])
def test_the_network_computes_the_same_with_absorbed_scales(fmt, dead):
    network = branching_network(fmt, dead)
    pairs = find_pairs(network.model).pairs
    absorbed = absorb_scales(network.golden, network.tensors, pairs, fmt)
    images = torch.randn(16, 3, 12, 12, dtype=network.compute_dtype, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        network.load(network.golden)
        golden = network.model(images)
        network.load(absorbed)
        logits = network.model(images)
    # Rounded variances are off by a half unit in the last place; 16-bit formats compute in binary32.
    tolerance = 2.0 ** -min(fmt.mantissa_bits - 2, 48 if fmt.width == 64 else 17)
    assert (logits - golden).abs().max() <= tolerance * golden.abs().max()
    changed = {t.name for t in network.tensors if not np.array_equal(absorbed[t.span], network.golden[t.span])}
    assert changed == {"conv.weight", "conv.bias", "depthwise.weight"} | {
        f"{norm}.{kind}" for norm in ("norm", "depthwise_norm") for kind in ("running_mean", "running_var")
    }


def test_weights_biases_and_means_change_by_the_same_powers_of_two(fmt):
    network = branching_network(fmt)
    absorbed = absorb_scales(network.golden, network.tensors, find_pairs(network.model).pairs, fmt)
    before = {t.name: values_of(network.golden[t.span].copy(), fmt).double() for t in network.tensors}
    after = {t.name: values_of(absorbed[t.span], fmt).double() for t in network.tensors}
    for conv, norm in (("conv", "norm"), ("depthwise", "depthwise_norm")):
        ratios = (after[f"{conv}.weight"] / before[f"{conv}.weight"]).view(8, -1)
        scales = ratios[:, 0]
        mantissas, _ = torch.frexp(scales[:7])
        assert (mantissas == 0.5).all()
        assert scales[6] > scales[0] == 1
        assert (ratios[:7] == scales[:7, None]).all()
        assert torch.equal(after[f"{norm}.running_mean"][:7], before[f"{norm}.running_mean"][:7] * scales[:7])
        assert (after[f"{norm}.running_var"] >= before[f"{norm}.running_var"]).all()
        # No window moves: the largest weight is as it was, the statistics' at most one power of two larger.
        assert after[f"{conv}.weight"].abs().max() < 2 * before[f"{conv}.weight"].abs().max()
        for kind in ("running_mean", "running_var"):
            assert after[f"{norm}.{kind}"].abs().max() < 4 * before[f"{norm}.{kind}"].abs().max()
        if conv == "conv":
            assert torch.equal(after["conv.bias"][:7], before["conv.bias"][:7] * scales[:7])


def test_a_pair_of_another_network_is_refused(fmt, random_network):
    pairs = find_pairs(Branching().eval()).pairs
    with pytest.raises(InputError, match=r"depthwise_norm\.running_mean is missing"):
        absorb_scales(random_network.golden, random_network.tensors, pairs[1:], fmt)


def test_words_without_a_finite_value_are_refused_where_they_are_paired(fmt):
    network = branching_network(fmt)
    pairs = find_pairs(network.model).pairs
    starts = {tensor.name: tensor.start for tensor in network.tensors}
    for name in ("conv.weight", "depthwise_norm.running_var"):
        words = network.golden.copy()
        words[starts[name]] = fmt.exponent_mask
        with pytest.raises(InputError, match="infinite or NaN"):
            absorb_scales(words, network.tensors, pairs, fmt)
    elsewhere = network.golden.copy()
    elsewhere[starts["head.weight"]] = fmt.exponent_mask
    absorbed = absorb_scales(elsewhere, network.tensors, pairs, fmt)
    assert absorbed[starts["head.weight"]] == fmt.exponent_mask


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The 898 digits of the default experiment."""
    config = load_config(ROOT / "config.yaml")["datasets"]["digits"]
    folder = tmp_path_factory.mktemp("digits")
    images = open_dataset("digits", config, seed=1)
    transform = config["transform"]
    geometry = Geometry(transform["resize"], transform["crop"], transform["interpolation"], channels=3)
    prepare_images(images, geometry, folder / "images.npy", threads=1)
    write_labels(images, folder / "labels.csv")
    return PreparedImages.open(folder / "images.npy", folder / "labels.csv", transform["mean"], transform["std"])


@pytest.mark.parametrize(("name", "count"), [("resnet8", 7), ("shufflenet_v2_x0_5", 56)])
def test_trained_networks_predict_the_same_and_round_better(name, count, digits, monkeypatch):
    monkeypatch.chdir(ROOT)
    model, state, _ = assemble(load_config("config.yaml")["networks"][name], ".")
    network = FlatParameters(model, state)
    pairs = find_pairs(model).pairs
    assert len(pairs) == count
    absorbed = absorb_scales(network.golden, network.tensors, pairs, network.fmt)
    evaluator = Evaluator(network, digits, Engine(256))
    everything = np.arange(len(digits.labels))
    assert len(everything) == 898
    network.load(network.golden)
    golden = evaluator.logits(everything)
    network.load(absorbed)
    logits = evaluator.logits(everything)
    assert torch.equal(logits.argmax(1), golden.argmax(1))
    assert (logits - golden).abs().max() < 1e-5 * golden.abs().max()

    def mean_error(words: np.ndarray) -> float:
        """Relative rounding error of the paired convolutions' weights in the layout 1-2-4."""
        errors = []
        for tensor in network.tensors:
            if tensor.name in {f"{pair.convolution}.weight" for pair in pairs}:
                own = words[tensor.span]
                layout = Minifloat.fitting(own, network.fmt, 2, 4)
                values = own.view(np.float32).astype(np.float64)
                errors.append(np.abs(layout.restore(layout.quantise(own)).view(np.float32) / values - 1)[values != 0])
        return float(np.concatenate(errors).mean())

    assert mean_error(absorbed) < 0.9 * mean_error(network.golden)
