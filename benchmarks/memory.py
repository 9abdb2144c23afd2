"""Peak memory of preparing and of evaluating many images, as a Markdown table.

    python -m benchmarks.memory

Each row is a process of its own. Images have 224 x 224 pixels, so that 50,000 of them take 7.5 GB. For evaluation they
lie in a sparse file, and a network of one coarse convolution runs over all of them; preparation writes them to the
temporary folder, or to another one that `--folder` names.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from sparebits.commandline import run
from sparebits.datasets import LabelledImages
from sparebits.engine.choice import Engine
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.images import prepare_images
from sparebits.parameters import FlatParameters
from sparebits.transforms import Geometry

SIDE = 224


def main(arguments: argparse.Namespace) -> None:
    if arguments.row is not None:
        what, count = arguments.row
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            print(*MEASURED[what](int(count), Path(folder)))
        return
    print("| | images | MiB of pixels | MiB at peak | s |")
    print("|---|--:|--:|--:|--:|")
    for what in MEASURED:
        for count in arguments.images:
            peak, seconds = in_a_process(what, count, arguments.folder)
            pixels = count * SIDE * SIDE * 3 / 2**20
            print(f"| {what} | {count:,} | {pixels:,.0f} | {peak:,.0f} | {seconds:.0f} |", flush=True)


def in_a_process(what: str, count: int, folder: str | None = None) -> tuple[float, float]:
    """MiB at peak and seconds of one row."""
    command = [sys.executable, "-m", "benchmarks.memory", "--row", what, str(count)]
    command += ["--folder", folder] if folder else []
    printed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    peak, seconds = map(float, printed.split()[-2:])
    return peak, seconds


def evaluate(count: int, folder: Path) -> tuple[float, float]:
    """Run a coarse network over images of a sparse file."""
    torch.set_num_threads(1)
    file, labels = folder / "images.npy", folder / "labels.csv"
    np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, SIDE, SIDE, 3))
    labels.write_text("image_id,label\n" + "".join(f"{i},0\n" for i in range(count)))
    model = nn.Sequential(nn.Conv2d(3, 4, 32, stride=32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    images = PreparedImages.open(file, labels, [0.5] * 3, [0.25] * 3)
    evaluator = Evaluator(FlatParameters(model, model.state_dict()), images, Engine(64))
    started = time.perf_counter()
    evaluator.predict(evaluator.parameters.golden, np.arange(count))
    return _peak(), time.perf_counter() - started


def prepare(count: int, folder: Path) -> tuple[float, float]:
    """Decode one image again and again."""
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (SIDE + 32, SIDE + 32, 3), dtype=np.uint8))
    images = LabelledImages([str(i) for i in range(count)], [0] * count, lambda i: image)
    started = time.perf_counter()
    prepare_images(images, Geometry(None, SIDE, "bilinear", 3), folder / "images.npy", threads=2)
    return _peak(), time.perf_counter() - started


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


MEASURED = {"evaluate": evaluate, "prepare": prepare}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[500, 5_000, 50_000])
    parser.add_argument("--folder", help="for temporary files; 7.5 GB for 50,000 images")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    run(main, parser)
