"""A quick trial of everything a network needs, before any long work."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from sparebits.campaign.injections import injection_from_dict
from sparebits.campaign.schemes import fault_from_dict
from sparebits.datasets import LabelledImages
from sparebits.engine.activations import ActivationRuns
from sparebits.engine.choice import Engine
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, PreparedImages
from sparebits.images import apply_geometry
from sparebits.networks import assemble
from sparebits.parameters import FlatParameters
from sparebits.transforms import geometry_of, transform_of


def check_images(images: LabelledImages) -> None:
    """Find out whether every image of a data set can be decoded.

    Raises:
        InputError: names those that cannot, all of them up to 20.
    """
    if images.verify is None:
        return

    def problem(i: int) -> str | None:
        try:
            images.verify(i)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = list(filter(None, pool.map(problem, range(len(images)))))
    if problems:
        more = f"\n... and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise InputError("\n".join(problems[:20]) + more)


def check_device(device: str) -> None:
    """Find out whether torch can compute on a device.

    Raises:
        InputError: it cannot.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"evaluation.device is {device}, but torch finds no CUDA device; use cpu")


def check_network(config: dict, network: str, folder: str, images: LabelledImages | PreparedImages | None) -> None:
    """Build a network with its weights and run its first and last image.

    Every weight is read and every label checked; of images that are not prepared only two are decoded, all by
    `check_images`.

    Args:
        config: resolved.
        network: name of the entry.
        folder: that of the config file.
        images: of its data set, prepared or not; None if only weights matter.

    Raises:
        InputError: if weights, architecture, images and labels do not go together.
    """
    model, stored, _ = assemble(config["networks"][network], folder)
    if images is None:
        return
    if isinstance(images, LabelledImages):
        images = _first_and_last(config, network, images)
    evaluator = Evaluator(FlatParameters(model, stored), images, Engine(2))
    evaluator.check()
    check_faults(config, evaluator)


def _first_and_last(config: dict, network: str, images: LabelledImages) -> PreparedImages:
    geometry, transform = geometry_of(config, network), transform_of(config, network)
    ends = [apply_geometry(images.load(i), geometry) for i in (0, len(images) - 1)]
    if ends[0].shape != ends[1].shape:
        dataset = config["networks"][network]["dataset"]
        raise InputError(
            f"datasets.{dataset}: images have different sizes after the transform, {ends[0].shape[:2]} and "
            f"{ends[1].shape[:2]}; set transform.resize and transform.crop"
        )
    return PreparedImages(
        _EndsOnly(np.stack(ends)), list(images.ids), np.array(images.labels), transform["mean"], transform["std"]
    )


def check_faults(config: dict, evaluator: Evaluator) -> None:
    """Find out whether all faults that the config asks for fit a network.

    Raises:
        InputError: names the entry, and what it asks for that is not there.
    """
    parameters = evaluator.parameters
    injections = [injection_from_dict(name, entry) for name, entry in config["faults"]["injections"].items()]
    activations = None
    for injection in injections:
        if injection.where == "parameters":
            injection.sites(parameters.tensors, parameters.fmt)
        else:
            activations = activations or ActivationRuns(evaluator)
            injection.sites(activations.regions, activations.fmt)
    for section in ("campaign", "campaign_full"):
        for place, entry in enumerate(config[section]["faults"]):
            try:
                fault = fault_from_dict(entry)
                fault.model.check(fault.target.resolve(parameters.tensors, parameters.fmt))
            except InputError as error:
                raise InputError(f"{section}.faults.{place}: {error}") from None


class _EndsOnly:
    """Stands for an array of all images of which only the first and the last were decoded."""

    def __init__(self, ends: np.ndarray):
        self._ends = ends
        self.shape = ends.shape

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return self._ends[np.sign(indices)]
