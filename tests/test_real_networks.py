"""Published networks on real images; the folder is named by SPAREBITS_DATA. Without it these tests are skipped."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from sparebits.cli import main
from sparebits.datasets import open_dataset
from sparebits.engine.choice import Engine
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.faults.ber import PARAMETERS, ber_mask, count_flips
from sparebits.images import prepare_images, write_labels
from sparebits.networks import assemble, load_network, save_network
from sparebits.protection.checkpoint import read_protected
from sparebits.protection.encoding import recover_words
from sparebits.protection.plan import Plan, RolePlan
from sparebits.transforms import Geometry

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PARTS = ["cifar10/test", "cifar10/resnet20.safetensors", "cifar10/resnet32.safetensors", "imagenet-sample/labels.csv"]


@pytest.fixture(scope="module")
def data() -> Path:
    if "SPAREBITS_DATA" not in os.environ:
        pytest.skip("SPAREBITS_DATA names no folder of real networks and images")
    folder = Path(os.environ["SPAREBITS_DATA"])
    missing = [part for part in PARTS if not (folder / part).exists()]
    assert not missing, f"SPAREBITS_DATA is {folder}, which lacks {', '.join(missing)}"
    return folder


@pytest.fixture(scope="module")
def cifar10(data, tmp_path_factory) -> PreparedImages:
    folder = tmp_path_factory.mktemp("cifar10")
    images = open_dataset("cifar10", {"kind": "image_folder", "path": str(data / "cifar10/test")}, seed=1)
    prepare_images(images, Geometry(None, None, "bilinear", 3), folder / "images.npy", threads=2)
    write_labels(images, folder / "labels.csv")
    return PreparedImages.open(folder / "images.npy", folder / "labels.csv", MEAN, STD)


def prepared(data: Path, depth: int, folder: Path) -> Path:
    """A CIFAR-10 ResNet as the workflow prepares it."""
    network = {
        "architecture": "sparebits.architectures:CifarResNet",
        "arguments": {"depth": depth},
        "weights": str(data / f"cifar10/resnet{depth}.safetensors"),
        "dtype": "float32",
    }
    _, stored, header = assemble(network, ".")
    save_network(stored, header, folder / "network.safetensors")
    return folder / "network.safetensors"


@pytest.mark.parametrize(("depth", "hits"), [(20, 9173), (32, 9263)])
def test_golden_hits_of_cifar10_resnets_are_the_published_ones(data, cifar10, tmp_path, depth, hits):
    """Y. Idelbayev's weights: published test errors of 8.27 % and 7.37 %."""
    parameters = load_network(prepared(data, depth, tmp_path))
    evaluator = Evaluator(parameters, cifar10, Engine(250))
    predicted = evaluator.predict(parameters.golden, np.arange(10_000))
    assert int((predicted == cifar10.labels).sum()) == hits


def test_a_protected_resnet20_loses_little_and_restores_every_word(data, cifar10, tmp_path):
    """The scheme that selection chose for a bit error rate of 5e-2, on all images, and files hit at 5e-3."""
    plan = Plan(
        {
            "weights": RolePlan(2, "tabulated(32,8)", "posterior mean"),
            "batchnorm": RolePlan(2, "extended-bch(128,29)", "median", "fused"),
            "other": RolePlan(2, "reed-muller(32,6)", "posterior mean"),
        },
        window="channel",
    )
    network, protected = prepared(data, 20, tmp_path), tmp_path / "protected.safetensors"
    selection = tmp_path / "selection.json"
    selection.write_text(json.dumps({"plan": plan.as_dict()}))
    assert main(["protect", str(network), "--selection", str(selection), "--output", str(protected)]) == 0
    checkpoint = read_protected(protected)
    clean = recover_words(checkpoint.scheme, checkpoint.words, checkpoint.tensors).words

    parameters = load_network(network)
    restored = np.empty_like(clean)
    by_name = {tensor.name: tensor for tensor in checkpoint.tensors}
    for tensor in parameters.tensors:
        restored[tensor.span] = clean[by_name[tensor.name].span]
    predicted = Evaluator(parameters, cifar10, Engine(250)).predict(restored, np.arange(10_000))
    assert (9173 - int((predicted == cifar10.labels).sum())) / 100 <= 0.2

    for seed in range(1, 4):
        mask = ber_mask(seed, PARAMETERS, len(checkpoint.words), 32, 5e-3)
        recovered = recover_words(checkpoint.scheme, checkpoint.words ^ mask, checkpoint.tensors)
        assert np.array_equal(recovered.words, clean)
        assert recovered.corrected_bits == count_flips(mask) > 40_000


def test_photographs_become_what_the_thesis_transform_makes_of_them(data, tmp_path):
    """JPEGs of many sizes, resized to 256 and cropped to 224 as in the thesis' Code Fragment 5, to the byte."""
    folder = data / "imagenet-sample"
    config = {"kind": "image_folder", "path": str(folder), "labels": str(folder / "labels.csv")}
    images = open_dataset("photographs", config, seed=1)
    prepare_images(images, Geometry(256, 224, "bilinear", 3), tmp_path / "images.npy", threads=2)
    prepared = np.load(tmp_path / "images.npy")
    transform = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
    with open(folder / "labels.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert prepared.shape == (len(rows), 224, 224, 3)
    assert images.labels == [int(row["label"]) for row in rows]
    for row, pixels in zip(rows, prepared, strict=True):
        expected = transform(Image.open(folder / row["file"]).convert("RGB"))
        assert torch.equal(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, expected), row["file"]
