"""Outputs of modules observed and clipped, by hooks that are gone afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn


def clippable_modules(model: nn.Module) -> list[str]:
    """Names of the modules that contain no others, in the order of the model."""
    return [name for name, module in model.named_modules() if name and not any(module.children())]


@contextmanager
def observed(model: nn.Module, names: Sequence[str]) -> Iterator[np.ndarray]:
    """The smallest and the largest output of modules while the model runs: float64 (modules, 2), filled in place.

    A module that does not run, or returns no floating-point tensor, keeps (inf, -inf).
    """
    bounds = np.tile([np.inf, -np.inf], (len(names), 1))

    def watch(number: int):
        def hook(_module, _inputs, output) -> None:
            if isinstance(output, torch.Tensor) and output.is_floating_point() and output.numel():
                low, high = torch.aminmax(output)
                bounds[number] = min(bounds[number, 0], float(low)), max(bounds[number, 1], float(high))

        return hook

    with _hooks(model, names, watch):
        yield bounds


@contextmanager
def clipped(model: nn.Module, names: Sequence[str], bounds: np.ndarray) -> Iterator[None]:
    """Run a model with the outputs of modules clipped to bounds, float (modules, 2); NaN becomes 0 where there are any.

    Modules whose lower bound is above the upper one are left alone.
    """

    def clip(number: int):
        low, high = map(float, bounds[number])

        def hook(_module, _inputs, output):
            if low <= high and isinstance(output, torch.Tensor) and output.is_floating_point():
                return torch.nan_to_num(output.clamp(low, high), nan=0.0, posinf=torch.inf, neginf=-torch.inf)
            return None

        return hook

    with _hooks(model, names, clip):
        yield


@contextmanager
def _hooks(model: nn.Module, names: Sequence[str], hook_of) -> Iterator[None]:
    modules = dict(model.named_modules())
    with ExitStack() as stack:
        for number, name in enumerate(names):
            stack.callback(modules[name].register_forward_hook(hook_of(number)).remove)
        yield
