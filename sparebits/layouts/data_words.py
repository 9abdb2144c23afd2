"""What layouts share: words are finite, converted in chunks, and data words have an order by value."""

from collections.abc import Callable

import numpy as np

from sparebits.errors import InputError
from sparebits.formats import FloatFormat

CHUNK = 1 << 15
"""Words converted at once: few enough that the temporaries of a conversion stay in the processor's cache."""


def in_chunks(convert: Callable[[np.ndarray], np.ndarray], source: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`convert` applied to `source`, any shape, chunk by chunk; the results as a new array of the same shape."""
    source = np.asarray(source)
    flat = source.reshape(-1)
    result = np.empty(flat.shape, dtype=dtype)
    for start in range(0, len(flat), CHUNK):
        chunk = slice(start, start + CHUNK)
        result[chunk] = convert(flat[chunk])
    return result.reshape(source.shape)


def require_finite(words: np.ndarray, fmt: FloatFormat) -> None:
    """Raise InputError if a word, with or without its sign, is infinite or NaN."""
    infinity = fmt.word_dtype.type(fmt.exponent_mask)
    if ((words & infinity) == infinity).any():
        raise InputError(
            f"a word of {fmt.name} is infinite or NaN; layouts hold finite values, export the network anew"
        )


def ascending(magnitude_bits: int, signed: bool) -> np.ndarray:
    """Data words [sign][magnitude] by ascending value, int64 (2^bits,): negative ones first, -0 before +0.

    The magnitudes' values grow with the magnitudes as integers.
    """
    magnitudes = np.arange(1 << magnitude_bits, dtype=np.int64)
    return np.concatenate([magnitudes[::-1] | 1 << magnitude_bits, magnitudes]) if signed else magnitudes
