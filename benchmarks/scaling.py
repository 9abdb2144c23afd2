"""Time and peak memory of a campaign of single faults against images, faults and parameters, as a Markdown table.

    python -m benchmarks.scaling

Each row is a process of its own, which runs persistent single-bit faults on a CIFAR ResNet-8 over random images of
32 x 32: once about as many as in the default experiment, and up to ten times more images, faults or parameters. Seconds
are those of the campaign alone, without building the network; memory is the process' peak.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import torch

from sparebits.architectures import CifarResNet
from sparebits.campaign.injections import injection_from_dict
from sparebits.campaign.single_faults import run_single_faults
from sparebits.commandline import run
from sparebits.engine.choice import Engine
from sparebits.engine.memory import keep_freed_memory
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.parameters import FlatParameters

IMAGES, FAULTS, WIDTH = 300, 250, 12
ROWS = [
    ("default size", IMAGES, FAULTS, WIDTH),
    *((f"images x {factor}", factor * IMAGES, FAULTS, WIDTH) for factor in (3, 10)),
    *((f"faults x {factor}", IMAGES, factor * FAULTS, WIDTH) for factor in (3, 10)),
    *((f"parameters x {factor}", IMAGES, FAULTS, width) for factor, width in ((3, 21), (10, 38))),
]


def main(arguments: argparse.Namespace) -> None:
    if arguments.row is not None:
        measure(*ROWS[arguments.row][1:])
        return
    print("| | images | faults | parameters | seconds | times the first | MiB at peak |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    first = None
    for row, (what, images, faults, _) in enumerate(ROWS):
        command = [sys.executable, "-m", "benchmarks.scaling", "--row", str(row)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-3:]
        parameters, seconds, memory = int(printed[0]), float(printed[1]), float(printed[2])
        first = first or seconds
        print(
            f"| {what} | {images:,} | {faults:,} | {parameters:,} | {seconds:.1f} | {seconds / first:.1f} "
            f"| {memory:,.0f} |",
            flush=True,
        )


def measure(count: int, faults: int, width: int) -> None:
    """Run one campaign and print parameters, seconds and MiB at peak."""
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(1)
    model = CifarResNet(8, width).eval()
    pixels = np.random.default_rng(1).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    images = PreparedImages(pixels, [str(i) for i in range(count)], np.zeros(count, dtype=int), [0.5] * 3, [0.25] * 3)
    evaluator = Evaluator(FlatParameters(model, model.state_dict()), images, Engine(128))
    golden = evaluator.predict(evaluator.parameters.golden, np.arange(count))
    images.labels[:] = golden
    injection = injection_from_dict("faults", {"trials": faults})
    started = time.perf_counter()
    run_single_faults(evaluator, [injection], golden, np.arange(count), 1.2, 256, 1)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(len(evaluator.parameters.golden), seconds, peak)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    run(main, parser)
