"""The loss that an attacker raises, and its gradient with respect to every word of a network."""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sparebits.evaluation import Evaluator
from sparebits.parameters import values_of
from sparebits.schemes.clipping import clippable_modules, clipped

CAP = 20.0
"""Largest loss of an image, in nats: at e^-20 its label is as good as impossible, and an attacker wants no more."""


class Damage(NamedTuple):
    """Mean loss of the attacked images, 0..CAP, and how many of them are still hits."""

    loss: float
    hits: int


class AttackLoss:
    """Capped cross entropy on labelled images.

    A flipped exponent bit makes single logits astronomical. Uncapped, the greatest mean loss would be that of the
    largest logit and not that of the most images lost. Where a cross entropy is NaN or infinite, what counts is what
    inference would predict (torch.argmax, for which NaN is the largest): CAP for a miss, 0 for a hit.
    """

    def __init__(self, evaluator: Evaluator, indices: np.ndarray):
        """Prepare.

        Args:
            evaluator: of the network.
            indices: of the images that the attacker has.
        """
        self._parameters = evaluator.parameters
        self._modules = clippable_modules(evaluator.parameters.model)
        self._inputs = evaluator.inputs(indices)
        self._labels = torch.from_numpy(evaluator.images.labels[indices].astype(np.int64)).to(evaluator.device)

    @property
    def constant_hits(self) -> int:
        """Hits on these images of a network that always predicts their most frequent class."""
        return int(torch.bincount(self._labels).max())

    def measure(self, words: np.ndarray, bounds: np.ndarray | None = None) -> Damage:
        """What words do, (values,), with the outputs of modules clipped to bounds if given (Reading.bounds)."""
        self._parameters.load(words)
        with self._clipped(bounds), torch.inference_mode():
            logits = self._parameters.model(self._inputs)
        hit = logits.argmax(dim=1) == self._labels
        return Damage(float(_losses(logits, self._labels).double().mean()), int(hit.sum()))

    def gradient(self, words: np.ndarray, bounds: np.ndarray | None = None) -> np.ndarray:
        """Of the summed loss with respect to the value of each word, as `measure` sees it.

        Images at the cap have none, and are left out, as their infinities would become NaN in those of the others.
        The statistics of batch normalisation, which torch does not differentiate, are values like all others.

        Returns:
            float64 (values,), finite; 0 where it is not a number.
        """
        values = values_of(words.copy(), self._parameters.fmt).to(self._inputs.device, self._parameters.compute_dtype)
        leaves = {
            tensor.name: values[tensor.span].view(tensor.shape).requires_grad_() for tensor in self._parameters.tensors
        }
        images = torch.ones(len(self._labels), dtype=torch.bool, device=self._labels.device)
        while images.any():
            with self._clipped(bounds), _DifferentiableStatistics():
                logits = functional_call(self._parameters.model, leaves, (self._inputs[images],))
            losses = _losses(logits, self._labels[images])
            below = losses.detach() < CAP
            if below.all():
                found = torch.autograd.grad(losses.sum(), list(leaves.values()), materialize_grads=True)
                flat = torch.cat([gradient.reshape(-1) for gradient in found])
                return torch.nan_to_num(flat).double().cpu().numpy()
            images[images.clone()] = below
        return np.zeros(len(words))

    def _clipped(self, bounds: np.ndarray | None) -> AbstractContextManager:
        return nullcontext() if bounds is None else clipped(self._parameters.model, self._modules, bounds)


def _losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Loss of each image, (images,)."""
    losses = functional.cross_entropy(logits, labels, reduction="none")
    by_prediction = torch.where(logits.argmax(dim=1) == labels, 0.0, CAP).to(losses.dtype)
    return torch.where(losses.isfinite(), losses.clamp(max=CAP), by_prediction)


class _DifferentiableStatistics(TorchFunctionMode):
    """Batch normalisation of inference spelt out, while it lasts."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is functional.batch_norm:
            return _batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if training:
        return functional.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    scale = torch.rsqrt(running_var + eps)
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale if bias is None else bias - running_mean * scale
    shape = (1, -1) + (1,) * (x.dim() - 2)
    return x * scale.view(shape) + shift.view(shape)
