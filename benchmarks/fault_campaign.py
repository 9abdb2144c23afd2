"""How long single-bit faults of convolution weights take: by PyTorchFI, by whole runs, and by the engine, part by part.

Run it as `python -m benchmarks.fault_campaign --pytorchfi FOLDER` from the folder of the project, with SPAREBITS_DATA
naming the folder that holds cifar10/. It prints the tables of docs/engine.md. PyTorchFI is no dependency:

    pip download --no-deps pytorchfi==0.6.0
    python -m zipfile -e pytorchfi-0.6.0-py3-none-any.whl FOLDER

Times are of the processor, on as many threads as asked for. PyTorchFI runs first, before the engine changes how memory
is allocated, in its best of some batch sizes. Predictions are compared fault by fault and image by image.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.networks import default_evaluator, resnet20_evaluator
from sparebits.commandline import run
from sparebits.engine.channels import ChannelRuns
from sparebits.engine.fused import FusedRuns
from sparebits.engine.golden import GoldenBatch
from sparebits.engine.memory import keep_freed_memory
from sparebits.engine.runs import FaultRuns
from sparebits.engine.suffix import SuffixRuns
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, batches
from sparebits.faults.flips import Flips
from sparebits.parameters import FlatParameters

MEMORY_MB = 1024
BATCHES_TRIED = (32, 64, 128, 250)
PARTS = {
    # What the engine does in each row: channels, leaving, bounds, steps run at once.
    "from the fault on": (False, False, False, False),
    "+ a fault's channels only": (True, False, False, False),
    "+ images leave when golden again": (True, True, False, False),
    "+ images leave by the bound": (True, True, True, False),
    "+ BatchNorm, addition, ReLU at once": (True, True, True, True),
}
ENGINE = list(PARTS)[-1]


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    injector = pytorchfi(arguments.pytorchfi)
    count = arguments.faults
    evaluator = resnet20_evaluator(arguments.images)
    faults = faults_of(evaluator.parameters, count)
    chosen = np.sort(np.random.default_rng(3).permutation(count)[: arguments.pytorchfi_faults or count])
    print(f"ResNet-20, CIFAR-10: {count:,} faults, {len(evaluator.images.labels):,} images\n")
    print("| | faults | s | s a fault | times PyTorchFI | identical predictions |")
    print("|---|--:|--:|--:|--:|---|")
    seconds, theirs = timed(lambda: run_pytorchfi(injector, evaluator, [faults[place] for place in chosen]))
    first = seconds / len(chosen)
    print(f"| PyTorchFI 0.6.0 | {len(chosen):,} | {seconds:,.1f} | {first:.3f} | 1.00 | |", flush=True)
    seconds, ours = timed(lambda: run_engine(evaluator, faults, PARTS[ENGINE]))
    same = "yes" if np.array_equal(ours[chosen], theirs) else "NO"
    each = seconds / count
    print(f"| the engine | {count:,} | {seconds:,.1f} | {each:.3f} | {first / each:.2f} | {same} |", flush=True)
    part_by_part(evaluator, faults[: arguments.part_faults], first)
    evaluator = default_evaluator("shufflenet_v2_x0_5")
    print(f"\nshufflenet_v2_x0_5, digits: {len(evaluator.images.labels):,} images\n")
    part_by_part(evaluator, faults_of(evaluator.parameters, arguments.part_faults))


def part_by_part(evaluator: Evaluator, faults: list[Flips], first: float | None = None) -> None:
    """Print what each part of the engine brings, beside whole runs, and beside PyTorchFI's seconds a fault."""
    print(f"\n| {len(faults):,} faults | s | times whole runs | times PyTorchFI | identical predictions |")
    print("|---|--:|--:|--:|---|")
    size = best_batch(evaluator)
    whole, expected = timed(lambda: run_whole(evaluator, faults, size))
    rows = [(f"whole runs, batches of {size}", whole, expected)]
    for name, parts in PARTS.items():
        rows.append((name, *timed(lambda parts=parts: run_engine(evaluator, faults, parts))))
    for name, seconds, found in rows:
        same = "yes" if np.array_equal(found, expected) else "NO"
        beside = f"{first * len(faults) / seconds:.2f}" if first else "–"
        print(f"| {name} | {seconds:,.1f} | {whole / seconds:.2f} | {beside} | {same} |", flush=True)


def faults_of(parameters: FlatParameters, count: int) -> list[Flips]:
    """Random single-bit faults in convolution weights, all different."""
    convolutions = [np.arange(t.start, t.start + t.values) for t in parameters.tensors if len(t.shape) == 4]
    words = np.concatenate(convolutions)
    chosen = np.random.default_rng(1).choice(len(words) * 32, size=count, replace=False)
    golden = parameters.golden
    return [Flips.at([words[bit // 32]], [bit % 32], len(golden), golden.dtype) for bit in chosen]


def run_engine(evaluator: Evaluator, faults: list[Flips], parts: tuple[bool, ...]) -> np.ndarray:
    """Classes, (faults, images), by some parts of the engine; what it finds out about the network is in the time."""
    keep_freed_memory()
    has_channels, leaves, has_bounds, fuses = parts
    images = np.arange(len(evaluator.images.labels))
    runs = FaultRuns(evaluator, images, MEMORY_MB, uses_bounds=has_bounds)
    if runs.graph is None or runs.smallest_batch is None:
        raise InputError(f"the engine runs {runs.way}; there is nothing to compare")
    if all(parts):
        return runs.predict(faults).predicted
    graph, kinds, leaving = runs.graph, runs._kinds, runs._leaving
    predicted = np.empty((len(faults), len(images)), dtype=int)
    with torch.inference_mode():
        suffix = SuffixRuns(
            graph,
            evaluator.parameters,
            ChannelRuns(graph) if has_channels else None,
            runs._bounds,
            leaving.smallest if leaves else None,
            leaving.whole,
            FusedRuns(graph) if fuses else None,
        )
        for batch in batches(len(images), runs.images_a_batch):
            suffix.start(GoldenBatch(graph, kinds, evaluator.inputs(images[batch])))
            for number, flips in enumerate(faults):
                predicted[number, batch], _ = suffix.predict(flips.indices, flips.masks)
    return predicted


def run_whole(evaluator: Evaluator, faults: list[Flips], size: int) -> np.ndarray:
    """Classes, (faults, images), by whole runs, with the faults flipped in place."""
    parameters, images = evaluator.parameters, np.arange(len(evaluator.images.labels))
    predicted = np.empty((len(faults), len(images)), dtype=int)
    inputs = [(batch, evaluator.inputs(images[batch])) for batch in batches(len(images), size)]
    with torch.inference_mode():
        for number, flips in enumerate(faults):
            parameters.flip(flips.indices, flips.masks)
            for batch, pixels in inputs:
                predicted[number, batch] = parameters.model(pixels).argmax(1).numpy()
            parameters.flip(flips.indices, flips.masks)
    return predicted


def best_batch(evaluator: Evaluator) -> int:
    """Of the batch sizes tried, the fastest for whole runs."""
    nothing = [Flips.at(np.array([], int), np.array([], int), 1, evaluator.parameters.golden.dtype)]
    return min(BATCHES_TRIED, key=lambda size: min(timed(lambda: run_whole(evaluator, nothing, size))[0] for _ in "12"))


def run_pytorchfi(injector: type, evaluator: Evaluator, faults: list[Flips]) -> np.ndarray:
    """Classes, (faults, images), by PyTorchFI, in torch's usual order of memory."""
    parameters, count = evaluator.parameters, len(evaluator.images.labels)
    convolutions = [tensor for tensor in parameters.tensors if len(tensor.shape) == 4]
    inputs = evaluator.inputs(np.arange(count)).contiguous()
    size = best_size(parameters.model, inputs)
    predicted = np.empty((len(faults), count), dtype=int)
    with torch.inference_mode():
        tool = injector(parameters.model, size, input_shape=list(inputs.shape[1:]))
        for number, flips in enumerate(faults):
            (index,), (bit,) = (places.tolist() for places in flips.bits())
            layer = next(n for n, tensor in enumerate(convolutions) if tensor.start <= index < tensor.span.stop)
            tensor = convolutions[layer]
            place = [[int(at)] for at in np.unravel_index(index - tensor.start, tensor.shape)]

            def flipped(weight, at, bit=bit):
                word = weight[at].detach().reshape(1).view(torch.int32) ^ (1 << bit if bit < 31 else -(1 << 31))
                return word.view(torch.float32)[0]

            k, dim1, dim2, dim3 = place
            faulty = tool.declare_weight_fi(function=flipped, layer_num=[layer], k=k, dim1=dim1, dim2=dim2, dim3=dim3)
            for start in range(0, count, size):
                chosen = slice(start, start + size)
                predicted[number, chosen] = faulty(inputs[chosen]).argmax(1).numpy()
    return predicted


def best_size(model: torch.nn.Module, inputs: torch.Tensor) -> int:
    """Of the batch sizes tried, the fastest for a model as it is."""

    def run_all(size: int) -> None:
        with torch.inference_mode():
            for start in range(0, len(inputs), size):
                model(inputs[start : start + size])

    return min(BATCHES_TRIED, key=lambda size: min(timed(lambda: run_all(size))[0] for _ in "12"))


def pytorchfi(folder: str) -> type:
    """PyTorchFI's injector, from the folder that its wheel was unpacked into."""
    if not (Path(folder) / "pytorchfi" / "core.py").exists():
        raise InputError(
            f"{folder} holds no PyTorchFI; `pip download --no-deps pytorchfi==0.6.0` and unpack the wheel there"
        )
    sys.path.insert(0, folder)
    from pytorchfi.core import fault_injection

    return fault_injection


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Seconds of the processor, and the result."""
    # Of the processor, as other processes may have a share of it.
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pytorchfi", required=True, metavar="FOLDER", help="that PyTorchFI was unpacked into")
    parser.add_argument("--faults", type=int, default=1000, help="that the engine is given")
    parser.add_argument("--pytorchfi-faults", type=int, help="of them that PyTorchFI is given; all if left out")
    parser.add_argument("--part-faults", type=int, default=200, help="for the tables part by part")
    parser.add_argument("--images", type=int, default=1000, help="at most")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    run(main, parser)
