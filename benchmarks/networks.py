"""Networks and images that benchmarks run: the default config's, and published ones where their data is at hand."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image

from sparebits.config import load_config
from sparebits.datasets import open_dataset
from sparebits.engine.choice import Engine
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.images import apply_geometry
from sparebits.networks import assemble
from sparebits.parameters import FlatParameters
from sparebits.transforms import geometry_of

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def default_evaluator(name: str) -> Evaluator:
    """A network of config.yaml over the digits, all of them."""
    config = load_config("config.yaml")
    entry = config["networks"][name]
    model, stored, _ = assemble(entry, ".")
    digits = open_dataset("digits", config["datasets"]["digits"], config["seed"])
    geometry, transform = geometry_of(config, name), config["datasets"]["digits"]["transform"]
    pixels = np.stack([apply_geometry(digits.load(i), geometry) for i in range(len(digits))])
    images = PreparedImages(pixels, list(digits.ids), np.array(digits.labels), transform["mean"], transform["std"])
    return Evaluator(FlatParameters(model, stored), images, Engine(64))


def resnet20_evaluator(count: int) -> Evaluator:
    """Y. Idelbayev's ResNet-20 over CIFAR-10 test images, evenly taken from the classes.

    Raises:
        SystemExit: SPAREBITS_DATA names no folder with cifar10/resnet20.safetensors and cifar10/test.
    """
    folder = Path(os.environ.get("SPAREBITS_DATA", "")) / "cifar10"
    files = sorted((folder / "test").glob("*/*.png"))
    if not files:
        raise SystemExit("error: set SPAREBITS_DATA to a folder with cifar10/test and cifar10/resnet20.safetensors")
    files = files[:: len(files) // count][:count]
    network = {
        "architecture": "sparebits.architectures:CifarResNet",
        "arguments": {"depth": 20},
        "weights": str(folder / "resnet20.safetensors"),
        "dtype": "float32",
    }
    model, stored, _ = assemble(network, ".")
    classes = sorted({file.parent.name for file in files})
    labels = np.array([classes.index(file.parent.name) for file in files])
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    images = PreparedImages(pixels, [file.stem for file in files], labels, MEAN, STD)
    return Evaluator(FlatParameters(model, stored), images, Engine(64))


def random_evaluator(name: str, count: int, size: int = 224) -> Evaluator:
    """A torchvision architecture with random weights over random images."""
    torch.manual_seed(1)
    model = torchvision.models.get_model(name, weights=None).eval()
    pixels = np.random.default_rng(1).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    images = PreparedImages(pixels, [str(i) for i in range(count)], np.zeros(count, dtype=int), MEAN, STD)
    return Evaluator(FlatParameters(model, model.state_dict()), images, Engine(8))


def evaluators() -> Iterator[tuple[str, Evaluator]]:
    """The networks of the default config, ResNet-20 if its data is there, and a MobileNetV2 at ImageNet's size."""
    for name in load_config("config.yaml")["networks"]:
        yield name, default_evaluator(name)
    if os.environ.get("SPAREBITS_DATA"):
        yield "resnet20", resnet20_evaluator(1000)
    yield "mobilenet_v2, random weights", random_evaluator("mobilenet_v2", 64)
