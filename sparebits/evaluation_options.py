"""The options of every script that evaluates a network."""

import argparse
import os

import numba
import numpy as np
import torch

from sparebits.engine.choice import Engine, read_engine
from sparebits.engine.memory import keep_freed_memory
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.networks import load_network
from sparebits.sampling import calibration_split


def image_parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options of every script that runs a network over images."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--images", required=True, help="prepared images (.npy)")
    parser.add_argument("--labels", required=True, help="labels.csv beside the images")
    parser.add_argument("--mean", type=float, nargs="+", required=True, help="one value a channel")
    parser.add_argument("--std", type=float, nargs="+", required=True, help="one value a channel")
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser


def evaluation_parser(description: str) -> argparse.ArgumentParser:
    """An image parser for the stages that come after the choice of an engine."""
    parser = image_parser(description)
    parser.add_argument("--engine", required=True, help="engine.json")
    return parser


def stage_parser(description: str) -> argparse.ArgumentParser:
    """An evaluation parser for stages that are compared with the golden run and may use a sample of the images."""
    parser = evaluation_parser(description)
    parser.add_argument("--golden", required=True, help="golden.csv")
    parser.add_argument("--limit", type=int, help="number of images, a seeded sample; all by default")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--predictions", required=True, help="predicted classes of every variant (.npz)")
    parser.add_argument("--output", required=True, help="the stage's table (.csv)")
    return parser


def protection_parser(description: str) -> argparse.ArgumentParser:
    """An evaluation parser for stages that choose on the calibration images or report on the others."""
    parser = evaluation_parser(description)
    parser.add_argument("--golden", required=True, help="golden.csv")
    parser.add_argument("--calibration", type=float, required=True, help="share of the images that choices are made on")
    parser.add_argument("--limit", type=int, help="number of images to use of the share; all by default")
    parser.add_argument("--seed", type=int, required=True, help="of the calibration share, of samples and fault maps")
    return parser


def calibration_images(arguments: argparse.Namespace, evaluator: Evaluator, limit: int | None = None) -> np.ndarray:
    """Ascending indices of the images that choices are made on; of a limited number the first of the split's order."""
    calibration, _ = calibration_split(len(evaluator.images.labels), arguments.calibration, arguments.seed)
    return np.sort(calibration[:limit])


def other_images(arguments: argparse.Namespace, evaluator: Evaluator, limit: int | None = None) -> np.ndarray:
    """Ascending indices of the images that results are reported on; as `calibration_images`."""
    _, others = calibration_split(len(evaluator.images.labels), arguments.calibration, arguments.seed)
    return np.sort(others[:limit])


def open_evaluator(arguments: argparse.Namespace, engine: Engine | None = None) -> Evaluator:
    """The evaluator that a parser's options describe, checked on two images; its engine is read unless given.

    Raises:
        InputError: if there is no such device, or network, images and labels do not go together.
    """
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    numba.config.NUMBA_NUM_THREADS = arguments.threads
    if arguments.device.startswith("cuda"):
        # The operators of inference on the CPU are deterministic as they are, and this call takes seconds.
        torch.use_deterministic_algorithms(True)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # TF32, which torch uses for convolutions unless told otherwise, rounds words to 10 bits of mantissa: altering
        # the 13 bits below them would seem to change nothing.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        if not torch.cuda.is_available():
            raise InputError(f"evaluation.device is {arguments.device}, but torch finds no CUDA device; use cpu")
    images = PreparedImages.open(arguments.images, arguments.labels, arguments.mean, arguments.std)
    parameters = load_network(arguments.network, arguments.device)
    evaluator = Evaluator(parameters, images, engine or read_engine(arguments.engine), arguments.device)
    evaluator.check()
    return evaluator
