"""How much single operations can enlarge a change of what they take, in the Euclidean norm, and how they round.

For an operation f, computed in floating point as F, and two inputs x and y of an image:

    |F(y) - F(x)| <= growth * |y - x| + rounding(x)

Growth is an upper bound of f's Lipschitz constant, enlarged by what rounding adds for y. Rounding bounds the errors of
both F(x) and F(y); as x is golden, that of a convolution's F(x) is measured, in binary64, where that is finer. The
norm of a convolution with zero padding is at most that of the circular one on a larger torus, which a Fourier transform
splits into a matrix for each frequency (Sedghi, Gupta & Long 2019). The rounding error of a sum of n products in any
order, fused or not, is at most gamma_n = n u / (1 - n u) times the sum of their magnitudes (Higham 2002, section 3.1);
algorithms that transform their input first, such as Winograd's, are not covered.
"""

import math
import operator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sparebits.engine.differences import norms
from sparebits.engine.graph import Step

UNBOUNDED = math.inf
_MOST_WORK = 3e10
"""Multiplications that an exact norm of a convolution may cost; beyond, a looser bound is used."""
_SLACK = 1 + 1e-5
"""On norms that were computed in floating point themselves."""

_NON_EXPANDING = (nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Dropout, nn.Identity, nn.Flatten)
_NON_EXPANDING_CALLS = {
    *(functional.relu, functional.relu6, functional.dropout, torch.relu, torch.flatten, torch.cat, torch.concat),
    *(torch.transpose, torch.permute, torch.chunk, torch.split, torch.reshape, torch.squeeze, torch.unsqueeze),
    *(operator.getitem, functional.pad),
    *("view", "reshape", "flatten", "permute", "transpose", "contiguous", "chunk", "split", "squeeze", "unsqueeze"),
    *("relu", "relu_"),
}


def unit_roundoff(dtype: torch.dtype) -> float:
    """Half the distance from 1 to the next number."""
    return torch.finfo(dtype).eps / 2


def gamma(count: int, dtype: torch.dtype) -> float:
    """Relative error bound of a sum of so many products."""
    error = count * unit_roundoff(dtype)
    return error / (1 - error) if error < 0.5 else UNBOUNDED


def growth_of(step: Step, taken: tuple[Any, ...], given: Any) -> float:
    """The growth of an operation for each of its inputs.

    Args:
        taken: its golden inputs, as far as they are tensors of images, only for their shapes.
        given: its golden result, only for its shape.
    """
    if not isinstance(given, torch.Tensor | tuple | list) or not taken:
        return UNBOUNDED
    module, node = step.module, step.node
    if isinstance(module, nn.Conv2d):
        return _convolution_growth(module, taken[0])
    if isinstance(module, nn.Linear):
        norm = float(torch.linalg.matrix_norm(module.weight.double(), 2)) * _SLACK
        return norm + _rounded_growth(module.weight.flatten(1), module.in_features + 1)
    if isinstance(module, nn.BatchNorm2d):
        scale = batchnorm_terms(module)[0]
        return UNBOUNDED if scale is None else float(scale.abs().max()) * (1 + gamma(8, scale.dtype))
    if isinstance(module, nn.MaxPool2d) and module.dilation in (1, (1, 1)):
        return float(_windows_of_a_pixel(module.kernel_size, module.stride)) ** 0.5
    if isinstance(module, nn.AvgPool2d) and _divides_by_its_size(module):
        size = math.prod(pair_of(module.kernel_size))
        windows = _windows_of_a_pixel(module.kernel_size, module.stride)
        return (windows / size) ** 0.5 * (1 + gamma(size, taken[0].dtype))
    if is_global_mean(step, taken[0], given):
        pixels = taken[0].shape[2] * taken[0].shape[3]
        return pixels**-0.5 * (1 + gamma(pixels, taken[0].dtype))
    if isinstance(module, _NON_EXPANDING):
        return 1.0
    if isinstance(module, nn.LeakyReLU) and abs(module.negative_slope) <= 1:
        return 1 + unit_roundoff(taken[0].dtype)
    if module is None and node.target in _NON_EXPANDING_CALLS and not _pads_by_copies(node):
        return 1.0
    if step.is_addition:
        uses = 2 if node.args[0] is node.args[1] else 1
        return uses * (1 + unit_roundoff(given.dtype))
    return UNBOUNDED


def rounding_of(step: Step, taken: tuple[Any, ...], given: Any) -> torch.Tensor | float:
    """Bound of the norm of an operation's rounding errors for golden inputs and others, see above; image by image."""
    if not taken:
        return 0.0
    module = step.module
    if isinstance(module, nn.Conv2d):
        return _convolution_rounding(module, taken[0], given)
    if isinstance(module, nn.Linear):
        bias = None if module.bias is None else module.bias.abs()
        magnitudes = functional.linear(taken[0].abs(), module.weight.abs(), bias)
        return 2 * gamma(module.in_features + 1, magnitudes.dtype) * norms(magnitudes)
    if isinstance(module, nn.BatchNorm2d):
        scale, shift = batchnorm_terms(module)
        shape = (1, -1, 1, 1)
        magnitudes = taken[0].abs() * scale.abs().view(shape) + shift.abs().view(shape)
        return 2 * gamma(3, magnitudes.dtype) * norms(magnitudes)
    if isinstance(module, nn.AvgPool2d):
        return 2 * gamma(math.prod(pair_of(module.kernel_size)), given.dtype) * norms(module(taken[0].abs()))
    if is_global_mean(step, taken[0], given):
        pixels = taken[0].shape[2] * taken[0].shape[3]
        return 2 * gamma(pixels, given.dtype) * norms(taken[0].abs().mean(dim=(2, 3)))
    if isinstance(module, nn.LeakyReLU) or step.is_addition:
        return 2 * unit_roundoff(given.dtype) * norms(given)
    return 0.0


def _convolution_rounding(module: nn.Conv2d, taken: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    options = (module.stride, module.padding, module.dilation, module.groups)
    bias = None if module.bias is None else module.bias.abs()
    products = math.prod(module.weight.shape[1:]) + 1
    magnitudes = norms(functional.conv2d(taken.abs(), module.weight.abs(), bias, *options))
    bound = gamma(products, given.dtype) * magnitudes
    if given.dtype == torch.float64:
        return 2 * bound
    bias = None if module.bias is None else module.bias.double()
    exact = functional.conv2d(taken.double(), module.weight.double(), bias, *options)
    error = norms(given - exact) + gamma(products, torch.float64) * magnitudes
    return bound + error.to(bound.dtype) * (1 + 1e-3)


def batchnorm_terms(module: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor] | tuple[None, None]:
    """Scale and shift, (channels,), of a BatchNorm with running statistics."""
    if module.running_var is None:
        return None, None
    scale = (module.running_var + module.eps).rsqrt()
    if module.weight is not None:
        scale = scale * module.weight
    shift = -module.running_mean * scale
    return scale, shift if module.bias is None else shift + module.bias


def is_global_mean(step: Step, taken: Any, given: Any) -> bool:
    """Whether an operation averages each channel over all pixels."""
    if not isinstance(taken, torch.Tensor) or taken.dim() != 4:
        return False
    if isinstance(step.module, nn.AdaptiveAvgPool2d) or step.node.target is functional.adaptive_avg_pool2d:
        return math.prod(given.shape[2:]) == 1
    if step.node.target not in ("mean", torch.mean):
        return False
    dims = step.node.kwargs.get("dim", step.node.args[1] if len(step.node.args) > 1 else None)
    return isinstance(dims, list | tuple) and sorted(dim % 4 for dim in dims) == [2, 3]


def convolution_norm(weight: torch.Tensor, groups: int, dilation: tuple[int, int], size: tuple[int, int]) -> float:
    """Upper bound of the norm of a convolution with zero padding, of any stride.

    Args:
        weight: (outputs, inputs / groups, height, width).
        size: height and width of what it takes.
    """
    outputs, inputs, *kernel = weight.shape
    parts = weight.double().reshape(groups, outputs // groups, inputs, *kernel)
    torus = [length + (taps - 1) * step for length, taps, step in zip(size, kernel, dilation, strict=True)]
    rows, columns = sorted((outputs // groups, inputs))
    if kernel == [1, 1]:
        return float(torch.linalg.matrix_norm(parts[..., 0, 0], 2).max()) * _SLACK
    if math.prod(torus) * groups * rows * rows * columns > _MOST_WORK:
        # The norm of a sum is at most the sum of norms.
        return float(torch.linalg.matrix_norm(parts, 2, dim=(1, 2)).sum(dim=(1, 2)).max()) * _SLACK
    spread = parts.new_zeros(*parts.shape[:3], *torus)
    spread[..., : kernel[0] * dilation[0] : dilation[0], : kernel[1] * dilation[1] : dilation[1]] = parts
    frequencies = torch.fft.rfft2(spread).permute(0, 3, 4, 1, 2)
    return float(torch.linalg.matrix_norm(frequencies, 2).max()) * _SLACK


def _convolution_growth(module: nn.Conv2d, taken: torch.Tensor) -> float:
    if module.padding_mode != "zeros":
        return UNBOUNDED
    norm = convolution_norm(module.weight, module.groups, pair_of(module.dilation), tuple(taken.shape[2:]))
    return norm + _rounded_growth(module.weight.flatten(1), math.prod(module.weight.shape[1:]) + 1, module.groups)


def _rounded_growth(weight: torch.Tensor, count: int, groups: int = 1) -> float:
    """What rounding adds to the growth: gamma times the norm of the weights' magnitudes, by its row and column sums."""
    magnitudes = weight.double().abs().reshape(groups, weight.shape[0] // groups, -1)
    # A pixel meets each tap of an input channel at most once.
    most = float(magnitudes.sum(2).max()) * float(magnitudes.sum(1).sum(1).max())
    return gamma(count, weight.dtype) * most**0.5


def _divides_by_its_size(module: nn.AvgPool2d) -> bool:
    return module.divisor_override is None and (module.padding in (0, (0, 0)) or module.count_include_pad)


def _windows_of_a_pixel(kernel: int | tuple[int, int], stride: int | tuple[int, int] | None) -> int:
    kernel, stride = pair_of(kernel), pair_of(kernel if stride is None else stride)
    return math.prod(-(-length // step) for length, step in zip(kernel, stride, strict=True))


def pair_of(value: int | tuple[int, ...]) -> tuple[int, ...]:
    """Height and width, where one number stands for both."""
    return (value, value) if isinstance(value, int) else tuple(value)


def _pads_by_copies(node) -> bool:
    if node.target is not functional.pad:
        return False
    mode = node.kwargs.get("mode", node.args[2] if len(node.args) > 2 else "constant")
    sides = node.kwargs.get("pad", node.args[1] if len(node.args) > 1 else ())
    return mode != "constant" or any(not isinstance(side, int) for side in sides)
