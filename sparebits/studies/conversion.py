"""A network with its parameters in another format."""

from copy import deepcopy

import torch
from safetensors.torch import load_file

from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.parameters import FlatParameters, values_of

DOUBLE = "float64"


def converted(parameters: FlatParameters, dtype: str) -> FlatParameters:
    """The network in a format: every value rounded to the nearest of the format's.

    Networks in binary64 compute in binary64; all shorter formats are stored in their own words and computed in
    binary32.

    Args:
        parameters: of the network, which are left as they are.
        dtype: torch's name of the format's type, a key of formats.FORMATS.

    Raises:
        InputError: a value is too large for the format.
    """
    golden = values_of(parameters.golden.copy(), parameters.fmt)
    rounded = golden.to(getattr(torch, dtype))
    overflows = int((golden.isfinite() & ~rounded.isfinite()).sum())
    if overflows:
        raise InputError(f"{overflows} values of the network are too large for {dtype}")
    model = deepcopy(parameters.model)
    model = model.double() if dtype == DOUBLE else model.float()
    state = {tensor.name: rounded[tensor.span].view(tensor.shape) for tensor in parameters.tensors}
    return FlatParameters(model, state)


def in_format(evaluator: Evaluator, dtype: str) -> Evaluator:
    """The evaluator of the same network in another format, over the same images and by the same engine, on the CPU."""
    return Evaluator(converted(evaluator.parameters, dtype), evaluator.images, evaluator.engine)


def trained_in(evaluator: Evaluator, weights: str) -> Evaluator:
    """The evaluator of the same architecture with weights that were trained in a format of their own, on the CPU.

    Args:
        evaluator: of the network whose architecture, images and engine are taken.
        weights: safetensors file of a state dict of the same names and shapes.

    Raises:
        InputError: the file has other tensors.
    """
    state = load_file(weights)
    tensors = evaluator.parameters.tensors
    unfit = [t.name for t in tensors if t.name not in state or tuple(state[t.name].shape) != t.shape]
    if unfit:
        raise InputError(f"{weights} has no {unfit[0]} of the network's shape; train it by the network's own recipe")
    dtype = str(state[tensors[0].name].dtype).removeprefix("torch.")
    model = deepcopy(evaluator.parameters.model)
    model = model.double() if dtype == DOUBLE else model.float()
    return Evaluator(FlatParameters(model, state), evaluator.images, evaluator.engine)
