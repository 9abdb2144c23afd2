"""How long reading all words of a network takes under each scheme, as a multiple of one inference.

    python -m benchmarks.decode_schemes results/resnet8

Needs the results of a network. Every scheme reads its memory without faults and at two bit error rates; the unit is the
inference of one image and of a batch of 64 by the same network on the same single thread, measured in the same run. A
network that decodes at every inference pays once a batch.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import torch

from sparebits.campaign.options import read_plan
from sparebits.choices import thesis_choice
from sparebits.faults.ber import ber_mask
from sparebits.networks import load_network
from sparebits.schemes.clipping import clippable_modules
from sparebits.schemes.registry import Settings, build_schemes
from sparebits.schemes.stored import Memory, StoredNetwork

BERS = (0.0, 1e-4, 1e-2)
BATCH = 64
REPETITIONS = 7


def main(results: Path, side: int) -> None:
    torch.set_num_threads(1)
    numba.config.NUMBA_NUM_THREADS = 1
    parameters = load_network(results / "network.safetensors", "cpu")
    settings = Settings(
        plan=read_plan(results / "selection.json"),
        choice=thesis_choice(pd.read_csv(results / "combined.csv")),
        gentle=read_plan(results / "selection_gentle.json"),
        bounds=np.zeros((len(clippable_modules(parameters.model)), 2)),
    )
    one, batch = (inference(parameters.model, size, side) for size in (1, BATCH))
    rows = []
    for scheme in build_schemes(parameters, settings):
        row = {"scheme": scheme.name}
        for ber in BERS:
            memory = hit(scheme, ber)
            seconds = best_of(lambda scheme=scheme, memory=memory: scheme.read(memory))
            row |= {f"{ber:g}: ms": 1e3 * seconds, "x 1 image": seconds / one, "x 64 images": seconds / batch}
            if ber != BERS[-1]:
                row.pop("x 1 image"), row.pop("x 64 images")
        rows.append(row)
    print(
        f"{results.name}: {len(parameters.golden):,} values; 1 image {1e3 * one:.1f} ms, {BATCH} {1e3 * batch:.1f} ms"
    )
    print(pd.DataFrame(rows).round(3).to_string(index=False))


def inference(model: torch.nn.Module, size: int, side: int) -> float:
    """Seconds of a batch."""
    images = torch.randn(size, 3, side, side)
    with torch.inference_mode():
        return best_of(lambda: model(images))


def hit(scheme: StoredNetwork, ber: float) -> Memory:
    """The scheme's memory after independent flips."""
    return {
        plane: words ^ ber_mask(1, plane, len(words), 8 * words.itemsize, ber) for plane, words in scheme.memory.items()
    }


def best_of(work: Callable[[], object]) -> float:
    """Seconds of the quickest of REPETITIONS, after one that is not counted."""
    work()
    seconds = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a network's results")
    parser.add_argument("--side", type=int, default=32, help="pixels of an image's side")
    arguments = parser.parse_args()
    main(arguments.results, arguments.side)
