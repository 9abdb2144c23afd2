"""Architectures: published sizes of torchvision's, and what becomes of names that cannot be built."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from sparebits.construction import build_architecture
from sparebits.errors import InputError
from sparebits.parameters import parameter_tensors
from sparebits.published.architectures import published_tensors
from sparebits.published.tables import read_published

PUBLISHED = read_published(Path(__file__).parents[1] / "reference" / "silin2024")

# Totals of the columns of Tables 23 and 25 to 30: weight, bias, running mean, running variance.
VALUES_BY_KIND = {
    "googlenet": (6_616_624, 8_280, 7_280, 7_280),
    "mobilenet_v2": (3_486_816, 18_056, 17_056, 17_056),
    "mobilenet_v3_small": (2_531_888, 10_968, 6_056, 6_056),
    "mobilenet_v3_large": (5_463_472, 19_560, 12_200, 12_200),
    "resnet50": (25_529_472, 27_560, 26_560, 26_560),
    "shufflenet_v2_x2_0": (7_376_138, 17_858, 16_858, 16_858),
}

# Table 14, where parameters are weights and biases only.
WEIGHTS_AND_BIASES = {
    "googlenet": 6_624_904,
    "inception_v3": 27_161_264,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_small": 2_542_856,
    "mobilenet_v3_large": 5_483_032,
    "resnet50": 25_557_032,
    "shufflenet_v2_x2_0": 7_393_996,
}

KINDS = ("weight", "bias", "running_mean", "running_var")


def values_by_kind(name: str) -> Counter:
    values = Counter()
    for tensor in published_tensors(name):
        values[tensor.kind] += tensor.values
    return values


def test_all_seven_architectures_of_the_thesis_are_listed():
    assert sorted({row["architecture"] for row in PUBLISHED.networks}) == sorted(WEIGHTS_AND_BIASES)


@pytest.mark.parametrize("network", PUBLISHED.networks, ids=lambda network: network["printed"])
def test_tensors_and_values_are_the_published_ones(network):
    tensors = published_tensors(network["architecture"])
    totals = PUBLISHED.rows(int(network["rounding_table"]), floor=0x60)[0]
    assert len(tensors) == totals["total_tensors"]
    assert sum(tensor.values for tensor in tensors) == totals["total_values"]


@pytest.mark.parametrize("name", VALUES_BY_KIND)
def test_values_of_each_kind_are_the_published_ones(name):
    assert tuple(values_by_kind(name)[kind] for kind in KINDS) == VALUES_BY_KIND[name]


@pytest.mark.parametrize("name", WEIGHTS_AND_BIASES)
def test_weights_and_biases_are_the_published_ones(name):
    values = values_by_kind(name)
    assert values["weight"] + values["bias"] == WEIGHTS_AND_BIASES[name]


def test_inception_by_the_tables_that_can_be_right():
    # Table 24 gives 6,018,304 running means but 18,952 variances, though every BatchNorm has as many of the one as of
    # the other; only its total agrees. Table 17 counts weights and variances, Table 14 weights and biases.
    values = values_by_kind("inception_v3")
    assert values["running_mean"] == values["running_var"]
    assert values["weight"] + values["running_var"] == 27_159_264
    assert values["weight"] + values["bias"] == 27_161_264
    assert values.total() == 27_197_488


def test_shufflenet_has_the_published_tensors_of_each_kind():
    kinds = Counter(tensor.kind for tensor in published_tensors("shufflenet_v2_x2_0"))
    assert tuple(kinds[kind] for kind in KINDS) == (113, 57, 56, 56)  # Table 10


@pytest.mark.parametrize("depth", [8, 14, 20, 32, 44, 56])
def test_cifar_resnet_has_as_many_weighted_layers_as_its_depth(depth):
    model = build_architecture("sparebits.architectures:CifarResNet", {"depth": depth, "width": 4}, ".")
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth


def test_cifar_resnet_20_has_the_published_size():
    # He et al. 2015, Table 6: 0.27 million parameters.
    model = build_architecture("sparebits.architectures:CifarResNet", {"depth": 20}, ".")
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 2) == 0.27


@pytest.mark.parametrize("depth", [2, 7, 9, 18, 0, -4])
def test_other_depths_of_a_cifar_resnet_are_refused(depth):
    with pytest.raises(InputError, match=rf"6n \+ 2 layers.*8, 14, 20.*got {depth}"):
        build_architecture("sparebits.architectures:CifarResNet", {"depth": depth}, ".")


@pytest.mark.parametrize(
    ("architecture", "arguments", "images", "classes"),
    [
        ("sparebits.architectures:LeNet5", {"channels": 1, "classes": 7}, (2, 1, 32, 32), 7),
        ("sparebits.architectures:CifarResNet", {"depth": 8, "width": 5, "classes": 3}, (2, 3, 32, 32), 3),
        ("sparebits.architectures:CifarResNet", {"depth": 8}, (2, 3, 33, 33), 10),
        ("torchvision:shufflenet_v2_x0_5", {"num_classes": 4}, (2, 3, 32, 32), 4),
        ("timm:mobilenetv3_small_050", {"num_classes": 6}, (2, 3, 32, 32), 6),
    ],
)
def test_architectures_give_logits_in_evaluation_mode(architecture, arguments, images, classes):
    model = build_architecture(architecture, arguments, ".")
    assert not model.training
    with torch.inference_mode():
        assert model(torch.zeros(images)).shape == (images[0], classes)


def test_a_callable_of_a_python_file_beside_the_config(tmp_path):
    (tmp_path / "beside_the_config.py").write_text(
        "from torch import nn\ndef pair(inner):\n    return nn.Sequential(nn.Linear(2, inner), nn.Linear(inner, 2))\n"
    )
    model = build_architecture("beside_the_config:pair", {"inner": 3}, str(tmp_path))
    assert [tensor.shape for tensor in parameter_tensors(model)] == [(3, 2), (3,), (2, 3), (2,)]


def test_a_file_beside_the_config_comes_before_an_installed_module(tmp_path):
    (tmp_path / "this.py").write_text("from torch import nn\ndef own():\n    return nn.Linear(1, 1)\n")
    assert isinstance(build_architecture("this:own", {}, str(tmp_path)), nn.Linear)


@pytest.mark.parametrize(
    ("architecture", "near"),
    [("torchvision:resnet5O", "resnet50"), ("torchvision:mobilenetv2", "mobilenet_v2"), ("timm:resnet500", "resnet50")],
)
def test_an_unknown_architecture_suggests_a_near_name(architecture, near):
    with pytest.raises(InputError, match=rf"architecture {architecture} is unknown; did you mean .*{near}"):
        build_architecture(architecture, {}, ".")


def test_a_name_that_is_near_to_nothing_is_refused_without_a_guess():
    with pytest.raises(InputError, match=r"architecture torchvision:qqqqqqqq is unknown$"):
        build_architecture("torchvision:qqqqqqqq", {}, ".")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no_such_module cannot be imported, also not from {folder}"),
        ("def other():\n    pass\n", "has no callable build"),
        ("build = 3\n", "has no callable build"),
        ("import nonexistent_dependency\n", "cannot be imported.*nonexistent_dependency"),
        ("def build(:\n", "cannot be imported"),
        ("def build():\n    return 3\n", "gives a int, not a torch.nn.Module"),
        ("def build(width):\n    pass\n", "cannot be built with arguments.*width"),
    ],
)
def test_a_module_that_gives_no_network_says_why(tmp_path, text, message, request):
    name = "no_such_module" if text is None else f"module_{abs(hash(request.node.name))}"
    if text is not None:
        (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(InputError, match=message.format(folder=tmp_path)):
        build_architecture(f"{name}:build", {}, str(tmp_path))


def test_unknown_arguments_are_named():
    with pytest.raises(InputError, match=r"torchvision:resnet18 cannot be built.*widht"):
        build_architecture("torchvision:resnet18", {"widht": 3}, ".")
