"""What the thesis costs at full scale: measured small, predicted and checked ten times larger, and computed for GPUs.

    python -m benchmarks.scale measure            # seconds of the processor an image, predicted and measured
    python -m benchmarks.scale paper              # the whole of config/thesis.yaml on 1, 8 and 64 GPUs

`measure` runs a sweep over the thesis' architectures with random weights, on random images of 224 x 224: 2 variants on
8 images, from which the time of 4 variants on 40 images follows. Seconds are those of the processor, one thread, so
that work beside it matters little. `paper` counts variants as the workflow does; docs/scale.md says how.
"""

import argparse
import time
from functools import cache

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.networks import random_evaluator
from sparebits.choices import pairs_by_spare_bits
from sparebits.commandline import run
from sparebits.config import bits_to_sweep, load_config
from sparebits.construction import build_architecture, resolve_arguments
from sparebits.evaluation import Evaluator, Variant, predict_variants
from sparebits.parameters import FlatParameters
from sparebits.selection.layout_stage import roles_of
from sparebits.selection.options import layout_options
from sparebits.stages import lsb_variants, rounding_variants

ARCHITECTURES = (
    *("googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small"),
    *("mobilenet_v3_large", "resnet50", "shufflenet_v2_x2_0"),
)
SMALL, LARGE = (2, 8), (4, 40)
"""Variants and images."""
ROUNDS = 3
EFFICIENT, DEPTHWISE = 5e12, 1e12
"""Floating-point operations a second, float32 without TF32, that a GPU is assumed to sustain: a quarter and a twentieth
of an A100's peak of 19.5e12. Depthwise convolutions wait for memory."""
FREE_AND_SPARE_BITS = {
    "googlenet": (6, 22),
    "inception_v3": (6, 21),
    "mobilenet_v2": (5, 20),
    "mobilenet_v3_small": (5, 19),
    "mobilenet_v3_large": (4, 21),
    "resnet50_v1": (6, 22),
    "resnet50_v2": (5, 22),
    "shufflenet_v2_x2_0": (5, 22),
}
"""Thesis, Tables 18 and 21, as its choices give them."""
FAILED_WORD_VARIANTS, CAMPAIGN_SCHEMES, ABLATION_PARTS, RESTORATION_SCHEMES = 135, 21, 20, 6
"""As many as on the default experiment's networks with BatchNorm."""


def main(arguments: argparse.Namespace) -> None:
    {"measure": measure, "paper": paper}[arguments.what]()


# --- measured ---------------------------------------------------------------------------------------------------------


def measure() -> None:
    """Print a row a network and one for all of them together."""
    torch.set_num_threads(1)
    print("| network | ms a variant | ms an image and variant | predicted, s | measured, s | measured / predicted |")
    print("|---|--:|--:|--:|--:|--:|")
    predicted, measured = 0.0, 0.0
    for name in ARCHITECTURES:
        altering, each, expected, found = _network(name)
        predicted, measured = predicted + expected, measured + found
        print(
            f"| {name} | {1e3 * altering:.0f} | {1e3 * each:.1f} | {expected:.1f} | {found:.1f} "
            f"| {found / expected:.2f} |",
            flush=True,
        )
    print(f"| all | | | {predicted:.1f} | {measured:.1f} | {measured / predicted:.2f} |")


def _network(name: str) -> tuple[float, float, float, float]:
    """Seconds a variant, for its words, and an image and variant; of the large run those predicted and measured."""
    evaluator = random_evaluator(name, LARGE[1])
    variants = lsb_variants(evaluator.parameters, [4, 12], 1)
    _seconds(evaluator, variants, *SMALL)
    (few, some), (many, more) = SMALL, LARGE
    small = np.median([_seconds(evaluator, variants, few, some) for _ in range(ROUNDS)])
    altering = np.median([_altering(evaluator, variant) for variant in variants])
    each = (small / few - altering) / some
    return altering, each, many * (altering + more * each), _seconds(evaluator, variants, many, more)


def _seconds(evaluator: Evaluator, variants: list, count: int, images: int) -> float:
    started = time.process_time()
    predict_variants(evaluator, variants[:count], np.arange(images))
    return time.process_time() - started


def _altering(evaluator: Evaluator, variant: Variant) -> float:
    started = time.process_time()
    evaluator.parameters.load(variant.words())
    return time.process_time() - started


# --- on paper ---------------------------------------------------------------------------------------------------------


def paper() -> None:
    """Print inferences and hours of each stage, and hours on several GPUs."""
    config = load_config("config/thesis.yaml")
    images = 50_000
    stages = {name: inferences(config, name, images) for name in config["networks"]}
    print("| stage | inferences, all networks | GPU hours |\n|---|--:|--:|")
    for stage in stages["resnet50_v1"]:
        total = sum(counts[stage] for counts in stages.values())
        hours = sum(counts[stage] * seconds_an_image(config, name) for name, counts in stages.items()) / 3600
        print(f"| {stage} | {total:,.0f} | {hours:.1f} |")
    print("\n| network | GFLOP an image | images a second | GPU hours |\n|---|--:|--:|--:|")
    hours = {name: sum(counts.values()) * seconds_an_image(config, name) / 3600 for name, counts in stages.items()}
    for name, each in hours.items():
        rate = 1 / seconds_an_image(config, name)
        print(f"| {name} | {gflop(config, name):.2f} | {rate:,.0f} | {each:.1f} |")
    longest = max(chain(config, counts) * seconds_an_image(config, name) / 3600 for name, counts in stages.items())
    work = sum(hours.values())
    print("\n| GPUs | at least, h | at most, h |\n|--:|--:|--:|")
    for gpus in (1, 8, 64):
        print(f"| {gpus} | {max(work / gpus, longest):.1f} | {work / gpus + longest * (1 - 1 / gpus):.1f} |")


def inferences(config: dict, name: str, images: int) -> dict[str, float]:
    """Inferences of an image that each stage of a network takes, by stage; upper bounds where results decide."""
    parameters = parameters_of(config, name)
    fmt = parameters.fmt
    free, spare = FREE_AND_SPARE_BITS[name]
    # The search ends at the latest with the thesis' spare bits or, where its pair loses too much, two fewer.
    tried = sum(len(pairs) for freed, pairs in pairs_by_spare_bits(fmt, free) if freed >= spare - 2) + 1
    calibration, others = 0.2 * images, 0.8 * images
    chosen_on = min(config["selection"]["limit"] or calibration, calibration)
    campaign = config["campaign"]
    reported_on = min(campaign["limit"] or others, others)
    windows = {"weights": ("tensor", "channel")}
    layouts = sum(
        len(list(layout_options(role, fmt, windows.get(role, ("tensor",))))) for role in roles_of(parameters.tensors)
    )
    maps = len(campaign["bers"]) * campaign["trials"]
    claims = 3 * len(campaign["bers"]) * (campaign["claim_trials"] - campaign["trials"])
    ablation, restoration = campaign["ablation"], campaign["restoration"]
    ablated = ABLATION_PARTS * (1 + len(ablation["bers"]) * ablation["trials"])
    restored = RESTORATION_SCHEMES * len(restoration["bers"]) * restoration["claim_trials"]

    def swept(stage: str) -> int:
        return min(config[stage]["limit"] or images, images)

    lsb = len(lsb_variants(parameters, bits_to_sweep(config, name), 1))
    return {
        # Plain and chosen, golden and three altered networks each.
        "decide_engine": 8 * images,
        "run_golden": images,
        "sweep_lsb": lsb * swept("lsb"),
        "round_exponents": len(rounding_variants(parameters)) * swept("rounding"),
        "combine": tried * swept("combined"),
        "sweep_layouts": layouts * chosen_on,
        "sweep_failed_words": FAILED_WORD_VARIANTS * chosen_on,
        # Five finalists and the thesis' scheme, twice; what was chosen, once on all other images.
        "select_code": 2 * (6 * (1 + config["selection"]["trials"]) * chosen_on + 2 * others),
        "inject_faults": (CAMPAIGN_SCHEMES * (1 + maps) + claims) * reported_on,
        "ablate_protection, restore_words": (ablated + restored) * reported_on,
    }


def chain(config: dict, counts: dict[str, float]) -> float:
    """Inferences that follow each other however many GPUs there are."""
    sweeps = max(counts["sweep_lsb"] / config["lsb"]["jobs"], counts["round_exponents"])
    one_by_one = ("decide_engine", "run_golden", "combine", "select_code", "inject_faults")
    return sweeps + sum(counts[stage] for stage in one_by_one)


def seconds_an_image(config: dict, name: str) -> float:
    """Of a GPU, by what it sustains."""
    depthwise = name.startswith(("mobilenet", "shufflenet"))
    return gflop(config, name) * 1e9 / (DEPTHWISE if depthwise else EFFICIENT)


@cache
def _model(architecture: str, weights: str):
    arguments = resolve_arguments({"architecture": architecture, "weights": weights, "arguments": {}})
    return build_architecture(architecture, arguments, ".")


def parameters_of(config: dict, name: str) -> FlatParameters:
    model = model_of(config, name)
    return FlatParameters(model, model.state_dict())


def model_of(config: dict, name: str):
    """A network's architecture, untrained."""
    return _model(config["networks"][name]["architecture"], config["networks"][name]["weights"])


def gflop(config: dict, name: str) -> float:
    """Floating-point operations of one image of 224 x 224, in billions; a multiplication and an addition are two."""
    return _gflop(config["networks"][name]["architecture"], config["networks"][name]["weights"])


@cache
def _gflop(architecture: str, weights: str) -> float:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        _model(architecture, weights)(torch.zeros(1, 3, 224, 224))
    return counter.get_total_flops() / 1e9


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["measure", "paper"])
    run(main, parser)
