"""How long single-bit faults of convolution weights take: by PyTorchFI, by whole runs, and by the engine, part by part.

Run it as `python -m benchmarks.fault_campaign --pytorchfi FOLDER` from the folder of the project, with SPAREBITS_DATA
naming the folder that holds cifar10/. It prints the tables of docs/engine.md. PyTorchFI is no dependency:

    pip download --no-deps pytorchfi==0.6.0
    python -m zipfile -e pytorchfi-0.6.0-py3-none-any.whl FOLDER

Times are of the processor, on as many threads as asked for. PyTorchFI runs first, before the engine changes how memory
is allocated, in its best of some batch sizes; if it is given only some of the faults, its time is scaled up. Whatever
ran is compared, fault by fault and image by image, with the whole runs.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sparebits.commandline import run
from sparebits.config import load_config
from sparebits.engine.channels import ChannelRuns
from sparebits.engine.choice import Engine
from sparebits.engine.fused import FusedRuns
from sparebits.engine.golden import GoldenBatch
from sparebits.engine.runs import FaultRuns
from sparebits.engine.suffix import SuffixRuns
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, PreparedImages, batches
from sparebits.faults.flips import Flips
from sparebits.networks import assemble
from sparebits.parameters import FlatParameters

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
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


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    injector = pytorchfi(arguments.pytorchfi)
    evaluator = cifar10(arguments.images)
    print(f"ResNet-20, CIFAR-10: {arguments.faults:,} faults, {len(evaluator.images.labels):,} images\n")
    measure(evaluator, arguments.faults, injector, arguments.pytorchfi_faults)
    evaluator = digits(arguments.config, arguments.images)
    print(f"\nshufflenet_v2_x0_5, digits: {arguments.faults:,} faults, {len(evaluator.images.labels):,} images\n")
    measure(evaluator, arguments.faults)


def measure(evaluator: Evaluator, count: int, injector: type | None = None, injected: int | None = None) -> None:
    """Print the table of a network."""
    parameters = evaluator.parameters
    indices, bits = faults_of(parameters, count)
    faults = [
        Flips.at(indices[n : n + 1], bits[n : n + 1], len(parameters.golden), parameters.golden.dtype)
        for n in range(count)
    ]
    rows: list[tuple[str, float, np.ndarray, np.ndarray]] = []
    if injector is not None:
        chosen = np.random.default_rng(3).permutation(count)[: injected or count]
        seconds, found = timed(lambda: run_pytorchfi(injector, evaluator, indices[chosen], bits[chosen]))
        rows.append(("PyTorchFI 0.6.0", seconds * count / len(chosen), found, chosen))
    everything = np.arange(count)
    whole = best_batch(evaluator)
    seconds, expected = timed(lambda: run_whole(evaluator, faults, whole))
    rows.append((f"whole runs, batches of {whole}", seconds, expected, everything))
    for name, parts in PARTS.items():
        seconds, found = timed(lambda parts=parts: run_engine(evaluator, faults, parts))
        rows.append((name, seconds, found, everything))
    print("| | s | times as fast as the first row | identical predictions |")
    print("|---|--:|--:|---|")
    for name, seconds, found, chosen in rows:
        same = "yes" if np.array_equal(found, expected[chosen]) else "NO"
        of = "" if len(chosen) == count else f", {len(chosen):,} faults"
        print(f"| {name} | {seconds:,.1f} | {rows[0][1] / seconds:.2f} | {same}{of} |", flush=True)


def faults_of(parameters: FlatParameters, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Words and bits, all different, of random single-bit faults in convolution weights."""
    convolutions = [np.arange(t.start, t.start + t.values) for t in parameters.tensors if len(t.shape) == 4]
    words = np.concatenate(convolutions)
    chosen = np.random.default_rng(1).choice(len(words) * 32, size=count, replace=False)
    return words[chosen // 32], chosen % 32


def run_engine(evaluator: Evaluator, faults: list[Flips], parts: tuple[bool, ...]) -> np.ndarray:
    """Classes, (faults, images), by some parts of the engine; what it finds out about the network is in the time."""
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


def run_pytorchfi(injector: type, evaluator: Evaluator, indices: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Classes, (faults, images), by PyTorchFI, in torch's usual order of memory."""
    parameters, count = evaluator.parameters, len(evaluator.images.labels)
    convolutions = [tensor for tensor in parameters.tensors if len(tensor.shape) == 4]
    inputs = evaluator.inputs(np.arange(count)).contiguous()
    size = best_size(parameters.model, inputs)
    predicted = np.empty((len(indices), count), dtype=int)
    with torch.inference_mode():
        tool = injector(parameters.model, size, input_shape=list(inputs.shape[1:]))
        for number, (index, bit) in enumerate(zip(indices.tolist(), bits.tolist(), strict=True)):
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


def cifar10(count: int) -> Evaluator:
    """ResNet-20 over images of CIFAR-10's test set, as many of each class."""
    if "SPAREBITS_DATA" not in os.environ:
        raise InputError("SPAREBITS_DATA names no folder with cifar10/test and cifar10/resnet20.safetensors")
    folder = Path(os.environ["SPAREBITS_DATA"]) / "cifar10"
    files = sorted((folder / "test").glob("*/*.png"))
    files = [files[n] for n in np.linspace(0, len(files), count, endpoint=False).astype(int)]
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    network = {
        "architecture": "sparebits.architectures:CifarResNet",
        "arguments": {"depth": 20},
        "weights": str(folder / "resnet20.safetensors"),
        "dtype": "float32",
    }
    return evaluator_of(network, pixels, MEAN, STD)


def digits(config: str, count: int) -> Evaluator:
    """The ShuffleNet that ships with the project over the digits, enlarged as its config says."""
    from sklearn.datasets import load_digits

    resolved = load_config(config)
    network = resolved["networks"]["shufflenet_v2_x0_5"]
    transform = resolved["datasets"][network["dataset"]]["transform"]
    size = (transform["resize"], transform["resize"])
    grey = [Image.fromarray((image * 15).astype(np.uint8)) for image in load_digits().images[:count]]
    pixels = np.stack([np.asarray(image.resize(size, Image.Resampling.BILINEAR).convert("RGB")) for image in grey])
    return evaluator_of(network, pixels, transform["mean"], transform["std"])


def evaluator_of(network: dict, pixels: np.ndarray, mean: list[float], std: list[float]) -> Evaluator:
    model, state, _ = assemble(network, ".")
    names, labels = [str(number) for number in range(len(pixels))], np.zeros(len(pixels), dtype=int)
    return Evaluator(FlatParameters(model, state), PreparedImages(pixels, names, labels, mean, std), Engine(250))


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Seconds of the processor, and the result."""
    # Of the processor, as other processes may have a share of it.
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pytorchfi", required=True, metavar="FOLDER", help="that PyTorchFI was unpacked into")
    parser.add_argument("--faults", type=int, default=1000, help="of each network")
    parser.add_argument("--pytorchfi-faults", type=int, help="that PyTorchFI is given; all if left out")
    parser.add_argument("--images", type=int, default=1000, help="at most")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--config", default="config.yaml", help="whose ShuffleNet is measured")
    run(main, parser)
