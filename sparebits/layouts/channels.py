"""Windows per channel: powers of two moved from a convolution's output channels into the BatchNorm that follows.

BatchNorm computes weight (x - mean) / sqrt(variance + eps) + bias. If a channel x of the convolution grows by s = 2^j,
mean s and (variance + eps) s^2 - eps give the same result. So each channel can lie in the same exponent window, and the
scales need no place of their own.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import fx, nn

from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.data_words import require_finite
from sparebits.parameters import ParameterTensor, doubles_of, nearest_words

HEADROOM = 1
"""Powers of two by which means, variances and biases may outgrow their tensor's largest.

Measured on two networks: with 1, the rounding errors of a layout 1-2-4 of the weights fall by 14 and 33 %, with 2 by 15
and 35 %, with 0 by 7 and 15 %; and a window of four exponent bits loses only the lowest of its 15 exponents.
"""


@dataclass(frozen=True)
class Pair:
    """A convolution and the BatchNorm that alone uses its output.

    Attributes:
        convolution, batchnorm: names of the modules.
        eps: what the BatchNorm adds to its variances.
    """

    convolution: str
    batchnorm: str
    eps: float


@dataclass(frozen=True)
class FoundPairs:
    """The pairs of a model; `reason` says why there is none where the model cannot be traced, else it is None."""

    pairs: tuple[Pair, ...]
    reason: str | None = None


def find_pairs(model: nn.Module) -> FoundPairs:
    """The convolution-BatchNorm pairs of a model in eval mode, found in its graph by torch.fx.

    A Conv2d (grouped and depthwise ones too) pairs with a BatchNorm2d that keeps running statistics if nothing but the
    BatchNorm uses its output, both are called once, and no other module or operation uses their parameters.
    """
    try:
        graph = fx.Tracer().trace(model)
    except Exception as error:  # whatever the model's own code raises when it meets a symbol in place of a tensor
        return FoundPairs((), f"torch.fx cannot trace {type(model).__name__}: {error}")
    modules = dict(model.named_modules())
    state = model.state_dict(keep_vars=True)
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    shared = _owners_of_shared_tensors(state, graph)

    def pairs_up(node: fx.Node, kind: type, tensor: str) -> bool:
        return (
            node.op == "call_module"
            and isinstance(modules[node.target], kind)
            and calls[node.target] == 1
            and node.target not in shared
            and f"{node.target}.{tensor}" in state
        )

    pairs = []
    for node in graph.nodes:
        if pairs_up(node, nn.Conv2d, "weight") and len(node.users) == 1:
            user = next(iter(node.users))
            if pairs_up(user, nn.BatchNorm2d, "running_var"):
                pairs.append(Pair(node.target, user.target, modules[user.target].eps))
    return FoundPairs(tuple(pairs))


def _owners_of_shared_tensors(state: dict[str, torch.Tensor], graph: fx.Graph) -> set[str]:
    """Modules with a tensor that the state dict has under another name too, or that the graph reads directly."""
    counts = Counter(id(value) for value in state.values())
    names = [name for name, value in state.items() if counts[id(value)] > 1]
    names += [node.target for node in graph.nodes if node.op == "get_attr"]
    return {name.rpartition(".")[0] for name in names}


def absorb_scales(
    words: np.ndarray, tensors: list[ParameterTensor], pairs: Iterable[Pair], fmt: FloatFormat
) -> np.ndarray:
    """Words of the same network whose convolutions have all output channels in one exponent window.

    A channel is scaled up by the power of two that brings its largest weight to the exponent of the tensor's largest.
    Up and never down: so the weights' window stays, none is lost below the format's smallest value, and variances stay
    positive. It is scaled less, or not at all, where its mean, its variance or its bias would exceed the window of its
    own tensor by more than HEADROOM; this holds back channels with next to no weights, whose scaled eps would be larger
    than all variances. Weights, biases and means change exactly. Variances are computed in binary64 and rounded to the
    format, so that what BatchNorm divides by is off by half a unit in the last place of the format.

    Args:
        words: of the whole network, (values,); left as they are.
        tensors: what lies where in them.
        pairs: as `find_pairs` gives them.

    Raises:
        InputError: a tensor of a pair is missing, or a word of it is infinite or NaN.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    absorbed = words.copy()
    for pair in pairs:
        names = [f"{pair.convolution}.weight", f"{pair.batchnorm}.running_mean", f"{pair.batchnorm}.running_var"]
        missing = [name for name in names if name not in by_name]
        if missing:
            raise InputError(f"{missing[0]} is missing from the network; find the pairs in the model that is protected")
        if f"{pair.convolution}.bias" in by_name:
            names.append(f"{pair.convolution}.bias")
        spans = [by_name[name].span for name in names]
        for span in spans:
            require_finite(words[span], fmt)
        weights, means, variances, *biases = (doubles_of(words[span].copy(), fmt) for span in spans)
        weights = weights.reshape(len(means), -1)
        scales = _scales(weights, [means, *biases], variances, pair.eps, fmt)
        changed = scales > 1
        variances[changed] = _scaled_variances(variances, scales, pair.eps)[changed]
        scaled = [weights * scales[:, None], means * scales, variances, *(bias * scales for bias in biases)]
        for span, values in zip(spans, scaled, strict=True):
            absorbed[span] = nearest_words(values, fmt)
    return absorbed


def _scales(
    weights: np.ndarray, linear: list[np.ndarray], variances: np.ndarray, eps: float, fmt: FloatFormat
) -> np.ndarray:
    """Powers of two >= 1, float64 (channels,), by which channels are scaled; `linear` are scaled with their channel."""
    largest = np.abs(weights).max(axis=1, initial=0)
    tops = [_window_top(np.abs(values), HEADROOM, fmt) for values in linear]
    variance_top = _window_top(variances, HEADROOM, fmt)
    weight_top = _window_top(largest, 0, fmt)
    exponents = np.where(largest > 0, np.frexp(weight_top)[1] - np.frexp(largest)[1], 0)
    # Larger scales are far from any window, and their squares overflow.
    exponents = np.minimum(exponents, 500)
    while True:
        scales = np.ldexp(1.0, exponents)
        exceeds = (largest * scales > weight_top) | (_scaled_variances(variances, scales, eps) > variance_top)
        for values, top in zip(linear, tops, strict=True):
            exceeds |= np.abs(values) * scales > top
        exceeds &= exponents > 0
        if not exceeds.any():
            return scales
        exponents -= exceeds


def _window_top(magnitudes: np.ndarray, headroom: int, fmt: FloatFormat) -> float:
    """What a tensor's values may grow to: `headroom` powers of two above its largest, whatever its mantissa.

    Mantissas of 1.75 and more may carry into the next power of two when a layout rounds them (to one mantissa bit
    1.75 does, to more bits only larger ones), which would move the window: only the largest value itself may have one.
    """
    largest = float(magnitudes.max(initial=0))
    exponent = np.frexp(largest)[1] - 1 + headroom
    highest = (1 << fmt.exponent_bits - 1) - 1
    return max(largest, float(np.ldexp(np.nextafter(1.75, 0), min(exponent, highest))))


def _scaled_variances(variances: np.ndarray, scales: np.ndarray, eps: float) -> np.ndarray:
    return (variances + eps) * scales**2 - eps
