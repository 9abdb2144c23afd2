"""BatchNorm, the addition of a shortcut and ReLU in one pass over memory, with the bits that torch gives.

One after the other, these operations read and write as many results as convolutions, in memory that the system has to
supply anew each time; for few channels that takes as long as the convolutions. Torch multiplies by a scale and adds a
shift, fused into one rounding where the machine can. Whether that is so here is tried, for each place in a network, on
golden results and on special values.
"""

from dataclasses import dataclass

import numba
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sparebits.engine.differences import as_blocks, differ
from sparebits.engine.golden import GoldenBatch
from sparebits.engine.graph import Graph, Step

_SPECIAL = (float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 3e38, -3e38, 1e-45, -1e-45, 1e-38)
_TRIED = 8
"""Images of a batch."""


@dataclass(frozen=True)
class Group:
    """Steps that can be run at once.

    Attributes:
        source: place of the convolution whose result is overwritten.
        batchnorm, addition, activation: places of the steps, None if there is none.
        other: place of what is added.
        upper: what the activation cuts off at.
    """

    source: int
    batchnorm: int
    addition: int | None = None
    other: int | None = None
    activation: int | None = None
    upper: float = float("inf")

    @property
    def places(self) -> tuple[int, ...]:
        """Of its steps, in the order of execution."""
        return tuple(place for place in (self.batchnorm, self.addition, self.activation) if place is not None)

    @property
    def last(self) -> int:
        """Place of the step whose result it gives."""
        return self.places[-1]


def find_groups(graph: Graph) -> list[Group]:
    """The BatchNorms that alone take the result of a convolution, with what alone follows them; no step is in two."""
    groups, taken = [], set()
    # Where the results of two BatchNorms are added, the later one takes the addition.
    for step in reversed(graph.steps):
        if _takes_a_convolution_alone(graph, step):
            groups.append(_group_at(graph, step, taken))
            taken.update(groups[-1].places)
    return groups


class FusedRuns:
    """Runs groups in one pass, where that gives torch's bits."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._agrees: dict[Group, bool] = {}

    def agrees(self, group: Group, golden: GoldenBatch) -> bool:
        """Whether a group run at once gives torch's bits; to be asked while parameters are untouched."""
        if group not in self._agrees:
            self._agrees[group] = self._try(group, golden)
        return self._agrees[group]

    def run(
        self, group: Group, values: torch.Tensor, other: torch.Tensor | None, rows: np.ndarray | None
    ) -> torch.Tensor | None:
        """The result of a group, written over `values`; None if memory is not laid out for it, and nothing is done.

        Args:
            values: what the convolution gave.
            other: what is added.
            rows: which images of `other` are meant, int64 (images,), or None for all.
        """
        into, source = as_blocks(values), None if other is None else as_blocks(other)
        if into is None or (other is not None and (source is None or source[1] != into[1])):
            return None
        (array, is_last), added = into, None if source is None else source[0]
        module = self._graph.steps[group.batchnorm].module
        scale, shift = _scale_and_shift(
            module.running_mean.numpy(),
            module.running_var.numpy(),
            np.ones(1, np.float32) if module.weight is None else module.weight.detach().numpy(),
            np.zeros(1, np.float32) if module.bias is None else module.bias.detach().numpy(),
            np.float32(module.eps),
        )
        if rows is None:
            rows = np.arange(len(array))
        has_lower, upper = group.activation is not None, np.float32(group.upper)
        if added is None:
            (_scale_last if is_last else _scale_first)(array, scale, shift, has_lower, upper)
        else:
            (_add_last if is_last else _add_first)(array, scale, shift, added, rows, has_lower, upper)
        return values

    def _try(self, group: Group, golden: GoldenBatch) -> bool:
        taken, given = golden.results[group.source], golden.results[group.last]
        if taken.dtype != torch.float32 or taken.device.type != "cpu" or as_blocks(taken) is None:
            return False
        taken = taken[:_TRIED]
        other = None if group.other is None else golden.results[group.other]
        if other is not None and (
            not isinstance(other, torch.Tensor) or other.shape != golden.results[group.source].shape
        ):
            return False
        found = self.run(group, taken.clone(), other, np.arange(len(taken)))
        if found is None or differ(found, given[:_TRIED]).any():
            return False
        random = np.random.default_rng(len(taken))
        special = taken.clone()
        chosen = torch.from_numpy(random.random(special.shape) < 0.3)
        special[chosen] = torch.from_numpy(random.choice(np.float32(_SPECIAL), int(chosen.sum())))
        expected = self._one_by_one(group, special, None if other is None else other[:_TRIED])
        found = self.run(group, special.clone(), other, np.arange(len(taken)))
        both_nan = found.isnan() & expected.isnan()
        return not differ(found.masked_fill(both_nan, 0), expected.masked_fill(both_nan, 0)).any()

    def _one_by_one(self, group: Group, taken: torch.Tensor, other: torch.Tensor | None) -> torch.Tensor:
        results = {group.source: taken, group.other: other}
        for place in group.places:
            results[place] = self._graph.run(place, results.__getitem__)
        return results[group.last]


def _takes_a_convolution_alone(graph: Graph, step: Step) -> bool:
    if not isinstance(step.module, nn.BatchNorm2d) or step.module.running_var is None or step.place == graph.last:
        return False
    (source,) = step.inputs
    return isinstance(graph.steps[source].module, nn.Conv2d) and graph.users[source] == (step.place,)


def _group_at(graph: Graph, step: Step, taken: set[int]) -> Group:
    addition, other, last = None, None, step.place
    follower = _only_user(graph, last)
    if follower is not None and follower.is_addition and len(follower.inputs) == 2 and follower.place not in taken:
        addition = last = follower.place
        (other,) = (place for place in follower.inputs if place != step.place)
        follower = _only_user(graph, last)
    upper = None if follower is None else _upper_of(follower)
    if upper is None:
        return Group(step.inputs[0], step.place, addition, other)
    return Group(step.inputs[0], step.place, addition, other, follower.place, upper)


def _only_user(graph: Graph, place: int) -> Step | None:
    users = graph.users[place]
    return graph.steps[users[0]] if len(users) == 1 and place != graph.last else None


def _upper_of(step: Step) -> float | None:
    """Where an activation that cuts off at zero cuts off above; None if it is none."""
    if step.is_relu:
        return float("inf")
    if isinstance(step.module, nn.ReLU6) or step.node.target is functional.relu6:
        return 6.0
    return None


def _kernel(function):
    # The product and the sum become one operation; nothing else is reordered.
    return numba.njit(cache=True, nogil=True, fastmath={"contract"})(function)


@_kernel
def _scale_and_shift(mean, var, weight, bias, eps):
    scale, shift = np.empty_like(mean), np.empty_like(mean)
    for channel in range(len(mean)):
        inverse = np.float32(1) / np.sqrt(var[channel] + eps)
        scale[channel] = inverse * weight[channel % len(weight)]
        shift[channel] = bias[channel % len(bias)] - mean[channel] * scale[channel]
    return scale, shift


@_kernel
def _cut(value, has_lower, upper):
    # Written so that NaN and -0.0 stay.
    if has_lower:
        value = np.float32(0) if value < 0 else value
        value = upper if value > upper else value
    return value


@_kernel
def _scale_last(values, scale, shift, has_lower, upper):
    """Of (images, pixels, channels)."""
    for row in range(values.shape[0]):
        for pixel in range(values.shape[1]):
            for channel in range(values.shape[2]):
                value = values[row, pixel, channel] * scale[channel] + shift[channel]
                values[row, pixel, channel] = _cut(value, has_lower, upper)


@_kernel
def _scale_first(values, scale, shift, has_lower, upper):
    """Of (images, channels, pixels)."""
    for row in range(values.shape[0]):
        for channel in range(values.shape[1]):
            for pixel in range(values.shape[2]):
                value = values[row, channel, pixel] * scale[channel] + shift[channel]
                values[row, channel, pixel] = _cut(value, has_lower, upper)


@_kernel
def _add_last(values, scale, shift, added, rows, has_lower, upper):
    for row in range(values.shape[0]):
        other = rows[row]
        for pixel in range(values.shape[1]):
            for channel in range(values.shape[2]):
                value = values[row, pixel, channel] * scale[channel] + shift[channel] + added[other, pixel, channel]
                values[row, pixel, channel] = _cut(value, has_lower, upper)


@_kernel
def _add_first(values, scale, shift, added, rows, has_lower, upper):
    for row in range(values.shape[0]):
        other = rows[row]
        for channel in range(values.shape[1]):
            for pixel in range(values.shape[2]):
                value = values[row, channel, pixel] * scale[channel] + shift[channel] + added[other, channel, pixel]
                values[row, channel, pixel] = _cut(value, has_lower, upper)
