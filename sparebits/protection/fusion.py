"""Scale and shift of a BatchNorm, which are all that inference takes from its four tensors.

In evaluation mode a BatchNorm computes weight * (x - mean) / sqrt(var + eps) + bias = scale * x + shift.
"""

import numpy as np

from sparebits.formats import FloatFormat
from sparebits.parameters import doubles_of, nearest_words


def fused_words(
    weight: np.ndarray, bias: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float, fmt: FloatFormat
) -> tuple[np.ndarray, np.ndarray]:
    """Words of scale = weight / sqrt(var + eps) and shift = bias - mean * scale, computed in float64."""
    weight, bias, mean, var = (doubles_of(words, fmt) for words in (weight, bias, mean, var))
    scale = weight / np.sqrt(var + eps)
    return nearest_words(scale, fmt), nearest_words(bias - mean * scale, fmt)


def unfused_words(scale: np.ndarray, shift: np.ndarray, eps: float, fmt: FloatFormat) -> tuple[np.ndarray, ...]:
    """Words of weight, bias, mean and var whose scale and shift are these, to rounding: mean 0 and var 1 - eps."""
    zeros = np.zeros(len(scale))
    return scale, shift, nearest_words(zeros, fmt), nearest_words(zeros + (1 - eps), fmt)
