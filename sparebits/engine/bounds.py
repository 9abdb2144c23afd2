"""Which images cannot change their class any more, proven from how far a result is from golden.

From a step on, the rest of the network enlarges a change at most by the product of its operations' growths, summed over
all paths, and adds their rounding errors (see `operations`). If what then reaches the last layer is smaller than the
distance from the golden features to the nearest decision boundary, the class is golden (Lipschitz margin: Tsuzuku, Sato
& Sugiyama 2018). The class is the one that the computation in floating point gives, not only exact arithmetic.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from sparebits.engine.golden import GoldenBatch, StepKinds
from sparebits.engine.graph import Graph
from sparebits.engine.operations import (
    UNBOUNDED,
    batchnorm_terms,
    convolution_norm,
    gamma,
    growth_of,
    pair_of,
    rounding_of,
    unit_roundoff,
)


class Bounds:
    """For every step of a network by how much the class of an image can resist changes there."""

    def __init__(self, graph: Graph, kinds: StepKinds, golden: GoldenBatch):
        """Find the growth of all steps.

        Args:
            golden: of any batch; only shapes are used.
        """
        self._graph, self._kinds = graph, kinds
        self._dtype = golden.results[graph.last].dtype
        # Where rounding alone is enlarged as much as this, nothing can be proven.
        self._most = 1 / (16 * unit_roundoff(self._dtype))
        last = graph.steps[graph.last]
        self._has_linear_head = isinstance(last.module, nn.Linear) and len(last.inputs) == 1
        self._base = last.inputs[0] if self._has_linear_head else graph.last
        self._growth: dict[int, float] = {}
        self._pairs: dict[tuple[int, int], float] = {}
        self._through: dict[tuple[int, int], float] = {}
        self._amplification = self._amplifications(golden)
        self._rounding: dict[int, np.ndarray | float] = {}
        self._radius: np.ndarray | None = None

    def start(self, golden: GoldenBatch) -> None:
        """Take up a batch of golden results; the parameters are untouched.

        Rounding is found from the last step backwards, until it exceeds the radius of every image.
        """
        self._radius = self._radii(golden)
        self._rounding = {}
        left = self._radius
        for step in reversed(self._graph.steps):
            amplification = self._amplification[step.place]
            if amplification == 0 or (self._has_linear_head and step.place == self._graph.last):
                # Nothing of it reaches the features, or the radius has its rounding already.
                self._rounding[step.place] = 0.0
            elif amplification < self._most and (left > 0).any():
                rounding = rounding_of(step, self._taken(golden, step.place), golden.results[step.place])
                if isinstance(rounding, torch.Tensor):
                    rounding = rounding.double().cpu().numpy()
                self._rounding[step.place] = amplification * rounding
                left = left - self._rounding[step.place]

    def slack(self, following: Sequence[int]) -> np.ndarray:
        """How far the last layer's features may still move without another class, float64 (images,); < 0 is not at all.

        Args:
            following: the steps that are still to be run, whose rounding errors come first.
        """
        slack = self._radius
        for place in following:
            if place not in self._rounding:
                return np.full(len(self._radius), -1.0)
            slack = slack - self._rounding[place]
        return slack

    def amplification(self, place: int, after: int) -> float:
        """How much a change of a step's result can grow until the last layer, through its users after a place."""
        found = 1.0 if place == self._base else 0.0
        return found + sum(
            growth for (source, user), growth in self._through.items() if source == place and user > after
        )

    def _amplifications(self, golden: GoldenBatch) -> list[float]:
        """By place how much a change of its result can grow until the last layer; 0 where nothing of it gets there."""
        graph = self._graph
        found = [0.0] * len(graph.steps)
        found[self._base] = 1.0
        for step in reversed(graph.steps):
            users = [user for user in graph.users[step.place] if user not in self._kinds.numbers]
            if self._has_linear_head:
                users = [user for user in users if user != graph.last]
            total = found[step.place]
            for user in users:
                if found[user] > 0:
                    self._through[step.place, user] = self._growth_through(step.place, user, found, golden)
                    total += self._through[step.place, user]
            found[step.place] = total if total < self._most else UNBOUNDED
        return found

    def _growth_through(self, place: int, user: int, found: list[float], golden: GoldenBatch) -> float:
        """How much a change at `place` grows on its ways through one of its users."""
        if found[user] == UNBOUNDED:
            return UNBOUNDED
        single = found[user] * self.growth_of(user, golden)
        batchnorm = self.batchnorm_after(user)
        if batchnorm is None or single == UNBOUNDED:
            return single
        return min(single, found[batchnorm] * self.growth_of_pair(user, batchnorm, golden))

    def growth_of_pair(self, place: int, batchnorm: int, golden: GoldenBatch) -> float:
        """The growth of a convolution and the BatchNorm that alone takes its result."""
        if (place, batchnorm) not in self._pairs:
            module = self._graph.steps[place].module
            scale, _ = batchnorm_terms(self._graph.steps[batchnorm].module)
            weight = module.weight * scale.view(-1, 1, 1, 1)
            size = tuple(golden.results[self._graph.steps[place].inputs[0]].shape[2:])
            norm = convolution_norm(weight, module.groups, pair_of(module.dilation), size)
            # Rounding of the pair, generously: both operations' own.
            extra = self.growth_of(place, golden) * float(scale.abs().max())
            extra *= 8 * gamma(math.prod(module.weight.shape[1:]) + 4, self._dtype)
            self._pairs[place, batchnorm] = norm + extra
        return self._pairs[place, batchnorm]

    def batchnorm_after(self, place: int) -> int | None:
        """The BatchNorm that alone takes the result of a convolution."""
        step, users = self._graph.steps[place], self._graph.users[place]
        if not isinstance(step.module, nn.Conv2d) or len(users) != 1 or step.module.padding_mode != "zeros":
            return None
        module = self._graph.steps[users[0]].module
        return users[0] if isinstance(module, nn.BatchNorm2d) and module.running_var is not None else None

    def growth_of(self, place: int, golden: GoldenBatch) -> float:
        """The growth of a step for each of its inputs, see `operations.growth_of`."""
        if place not in self._growth:
            taken = self._taken(golden, place)
            self._growth[place] = growth_of(self._graph.steps[place], taken, golden.results[place])
        return self._growth[place]

    def _taken(self, golden: GoldenBatch, place: int) -> tuple[Any, ...]:
        return tuple(golden.results[other] for other in self._graph.steps[place].inputs)

    def _radii(self, golden: GoldenBatch) -> np.ndarray:
        """How far the features of the last layer may move without another class, float64 (images,)."""
        logits = golden.results[self._graph.last]
        rows = torch.arange(len(logits), device=logits.device)
        classes = torch.from_numpy(golden.predicted).to(logits.device)
        margins = (logits[rows, classes].unsqueeze(1) - logits).double()
        if not self._has_linear_head:
            margins[rows, classes] = math.inf
            return (margins.min(dim=1).values / 2**0.5 * (1 - 1e-6)).cpu().numpy()
        head = self._graph.steps[self._graph.last].module
        features = golden.results[self._graph.steps[self._graph.last].inputs[0]]
        bias = 0 if head.bias is None else head.bias.abs()
        error = gamma(head.in_features + 1, logits.dtype) * (features.abs() @ head.weight.abs().T + bias).double()
        error = error * (1 + 1e-3)
        weight = head.weight.double()
        # Of every pair of classes; and what rounding adds for features that moved.
        lengths = torch.cdist(weight, weight) * (1 + 1e-9) + 1e-30
        lengths = lengths + 2 * gamma(head.in_features + 1, logits.dtype) * (
            weight.norm(dim=1).unsqueeze(0) + weight.norm(dim=1).unsqueeze(1)
        )
        radii = (margins - 2 * (error + error[rows, classes].unsqueeze(1))) / lengths[classes]
        radii[rows, classes] = math.inf
        return (radii.min(dim=1).values * (1 - 1e-6)).cpu().numpy()
