"""A constant added to stored words, so that wiped memory, all zeros or all ones, is no code word and is seen."""

import numpy as np

_PATTERN = 0x9E3779B97F4A7C15
"""Bits of the golden ratio; nothing depends on them but that they are neither all zeros nor all ones."""


def pattern(dtype: np.dtype) -> np.unsignedinteger:
    """The constant of words of this type."""
    return dtype.type(_PATTERN >> 64 - 8 * dtype.itemsize)


def is_wiped(stored: np.ndarray) -> np.ndarray:
    """Which stored words are all zeros or all ones, bool (N,): what of 2^32 hit words of 32 bits one or two are."""
    return (stored == 0) | (stored == np.iinfo(stored.dtype).max)
