"""What decoding on access costs: processor time of plain models and of protected ones, as a Markdown table.

Run it as `python -m benchmarks.wrapper_overhead` from the folder of the project.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Iterator

import torch
import torchvision
from torch import nn

from sparebits.commandline import run
from sparebits.config import load_config
from sparebits.faults.ber import ber_mask
from sparebits.formats import FORMATS
from sparebits.networks import assemble
from sparebits.parameters import FlatParameters, parameter_tensors
from sparebits.protection.default_plan import default_plan
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.wrapper import protect_module

DECODE_EVERY = 10
BERS = (1e-3, 5e-2)
VARIANTS = ("every pass", f"every {DECODE_EVERY}th pass", *(f"every pass, BER {ber:g}" for ber in BERS))


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    print(f"| network | parameters | batch | plain, ms a batch | {' | '.join(VARIANTS)} |")
    print("|---|" + "---:|" * (3 + len(VARIANTS)))
    for name, model, size in networks(arguments.config):
        models = [model, *protected_models(model)]
        parameters = sum(tensor.values for tensor in parameter_tensors(model))
        for batch in (1, 256):
            images = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))
            plain, *others = times(models, images, arguments.seconds)
            ratios = " | ".join(f"{other / plain:.2f}" for other in others)
            print(f"| {name} | {parameters:,} | {batch} | {1e3 * plain:,.1f} | {ratios} |", flush=True)


def networks(config: str) -> Iterator[tuple[str, nn.Module, int]]:
    """Name, model and edge of its images, of the networks of a config and of an untrained MobileNetV2."""
    resolved = load_config(config)
    for name, network in resolved["networks"].items():
        transform = resolved["datasets"][network["dataset"]]["transform"]
        yield name, assemble(network, ".")[0].requires_grad_(False), transform["crop"]
    torch.manual_seed(1)
    yield "mobilenet_v2, untrained", torchvision.models.mobilenet_v2().eval().requires_grad_(False), 224


def protected_models(model: nn.Module) -> list[nn.Module]:
    """The model protected in each of the ways of VARIANTS."""
    words = FlatParameters(copy.deepcopy(model), model.state_dict())
    fmt = FORMATS[words.fmt.dtype]
    scheme = fit_scheme(default_plan(fmt), words.tensors, words.golden, fmt)
    models = [protect_module(copy.deepcopy(model), scheme, every) for every in (1, DECODE_EVERY, *(1 for _ in BERS))]
    for flipped, ber in zip(models[2:], BERS, strict=True):
        flipped.protection.flip(ber_mask(1, 0, len(words.golden), fmt.width, ber))
    return models


def times(models: list[nn.Module], images: torch.Tensor, seconds: float) -> list[float]:
    """Seconds of a forward pass of each model: the median of rounds in which all take their turn."""
    rounds: list[list[float]] = []
    with torch.inference_mode():
        # Tables are built, and kernels compiled, by the first pass.
        for model in models:
            model(images)
        started = time.perf_counter()
        while not rounds or time.perf_counter() - started < seconds:
            rounds.append([time_of(model, images) for model in models])
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def time_of(model: nn.Module, images: torch.Tensor) -> float:
    """Seconds of the processor for a forward pass, over as many as one decoding serves."""
    passes = model.protection.decode_every if hasattr(model, "protection") else 1
    # Of the processor, as other processes may have a share of it.
    started = time.process_time()
    for _ in range(passes):
        model(images)
    return (time.process_time() - started) / passes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="config.yaml", help="whose networks are measured")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--seconds", type=float, default=10.0, help="least time for each row")
    run(main, parser)
