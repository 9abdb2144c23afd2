"""The words of a network as it is, and with powers of two taken out of channels that a BatchNorm follows."""

import numpy as np
from torch import nn

from sparebits.layouts.channels import absorb_scales, find_pairs
from sparebits.parameters import FlatParameters


def words_of_window(window: str, parameters: FlatParameters) -> np.ndarray:
    """The words that layouts of a window start from, (values,): the network's own for "tensor".

    For "channel" those of a network that computes the same with its channels scaled alike (layouts/channels.py); the
    network's own where no convolution is followed by a BatchNorm alone.
    """
    if window == "tensor":
        return parameters.golden
    pairs = find_pairs(parameters.model).pairs
    return absorb_scales(parameters.golden, parameters.tensors, pairs, parameters.fmt)


def windows_of(parameters: FlatParameters) -> tuple[str, ...]:
    """The windows that make a difference for the network."""
    return ("tensor", "channel") if find_pairs(parameters.model).pairs else ("tensor",)


def batchnorm_eps(model: nn.Module) -> dict[str, float]:
    """The eps of each module that has running statistics, by its name."""
    return {
        name: module.eps
        for name, module in model.named_modules()
        if getattr(module, "running_var", None) is not None and hasattr(module, "eps")
    }
