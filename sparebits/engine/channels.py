"""A step re-run for a few of its channels only, and which channels of it a change of parameters reaches."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sparebits.engine.differences import differ
from sparebits.engine.golden import GoldenBatch
from sparebits.engine.graph import Graph, Step

_CHANNEL_BY_CHANNEL = (nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.Identity, nn.Dropout, nn.MaxPool2d)
_FUNCTIONS = (functional.relu, functional.relu6, functional.max_pool2d, torch.relu)
MOST_CHANNELS = 4
"""Beyond, and beyond a quarter of them, a step is run whole."""


class ChannelRuns:
    """Re-runs steps for some of their channels, where that gives the same bits as running them whole.

    Whether it does is tried, once a step, on golden results: kernels may add up in another order if there are fewer
    channels.
    """

    def __init__(self, graph: Graph):
        self._graph = graph
        self._agrees: dict[int, bool] = {}

    def channels_hit(self, step: Step, hit: dict[str, np.ndarray]) -> np.ndarray | None:
        """The output channels that parameters reach, ascending, or None if they are many or not known.

        Args:
            step: which reads the parameters.
            hit: by the last component of each tensor's name, places in the flattened tensor.
        """
        module = step.module
        if not isinstance(module, nn.Conv2d | nn.BatchNorm2d) or step.place == self._graph.last:
            return None
        found = []
        for name, places in hit.items():
            if name not in ("weight", "bias", "running_mean", "running_var"):
                return None
            values = math.prod(module.weight.shape[1:]) if name == "weight" and module.weight is not None else 1
            found.append(places // values)
        channels = np.unique(np.concatenate(found))
        total = module.out_channels if isinstance(module, nn.Conv2d) else module.num_features
        return channels if len(channels) <= min(MOST_CHANNELS, max(1, total // 4)) else None

    def passes_channels(self, step: Step) -> bool:
        """Whether each output channel of a step comes from the input channel of the same number alone."""
        if len(step.inputs) != 1:
            return False
        if step.module is not None:
            return isinstance(step.module, (*_CHANNEL_BY_CHANNEL, nn.BatchNorm2d))
        return step.node.target in _FUNCTIONS

    def agrees(self, step: Step, golden: GoldenBatch) -> bool:
        """Whether re-running channels of a step gives the golden bits; to be asked while parameters are untouched."""
        if step.place not in self._agrees:
            self._agrees[step.place] = self._try(step, golden)
        return self._agrees[step.place]

    def run(self, step: Step, channels: np.ndarray, taken: torch.Tensor) -> torch.Tensor:
        """Output channels of a step, (images, len(channels), height, width).

        Args:
            taken: what the step takes: all channels for a convolution, these channels for others.
        """
        module = step.module
        if isinstance(module, nn.Conv2d):
            return self._convolve(module, channels, taken)
        if isinstance(module, nn.BatchNorm2d):
            chosen = torch.from_numpy(channels).to(taken.device)
            parts = [
                None if tensor is None else tensor.index_select(0, chosen)
                for tensor in (module.running_mean, module.running_var, module.weight, module.bias)
            ]
            return functional.batch_norm(taken, *parts, training=False, momentum=0.0, eps=module.eps)
        return self._graph.run(step.place, lambda _: taken)

    def takes(self, step: Step, channels: np.ndarray, whole: torch.Tensor) -> torch.Tensor:
        """What `run` takes, from all channels of the input."""
        if isinstance(step.module, nn.Conv2d):
            return whole
        return whole.index_select(1, torch.from_numpy(channels).to(whole.device))

    def _convolve(self, module: nn.Conv2d, channels: np.ndarray, taken: torch.Tensor) -> torch.Tensor:
        group_outputs, group_inputs = module.out_channels // module.groups, module.in_channels // module.groups
        results = []
        for channel in channels.tolist():
            if module.groups > 1:
                group = channel // group_outputs
                part = taken[:, group * group_inputs : (group + 1) * group_inputs]
            else:
                part = taken
            weight = module.weight[channel : channel + 1]
            bias = None if module.bias is None else module.bias[channel : channel + 1]
            results.append(functional.conv2d(part, weight, bias, module.stride, module.padding, module.dilation))
        return results[0] if len(results) == 1 else torch.cat(results, dim=1)

    def _try(self, step: Step, golden: GoldenBatch) -> bool:
        whole: Any = golden.results[step.place]
        if not isinstance(whole, torch.Tensor) or whole.dim() != 4:
            return False
        if isinstance(step.module, nn.Conv2d) and step.module.padding_mode != "zeros":
            return False
        if isinstance(step.module, nn.BatchNorm2d) and step.module.running_mean is None:
            return False
        taken = golden.results[step.inputs[0]]
        if not isinstance(taken, torch.Tensor) or taken.dim() != 4:
            return False
        for channel in sorted({0, whole.shape[1] // 2, whole.shape[1] - 1}):
            channels = np.array([channel])
            part = self.run(step, channels, self.takes(step, channels, taken))
            if differ(part, whole[:, channel : channel + 1]).any():
                return False
        return True
