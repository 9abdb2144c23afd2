"""How much a first-order loss grows with a change of a word, and which flip of a word makes it grow most."""

import numpy as np

from sparebits.formats import FloatFormat
from sparebits.parameters import doubles_of


def first_order_gains(gradient: np.ndarray, before: np.ndarray, after: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """Gradient times change of value, float64, of the arguments' shape.

    An infinity counts as the format's largest finite value of its sign, NaN as that of the sign that does harm, as it
    spreads wherever the value goes. Words that are no finite values any more gain nothing.

    Args:
        gradient: of the loss with respect to each value, float64.
        before, after: words, of the format's unsigned integer type.
    """
    largest = largest_value(fmt)
    old, new = doubles_of(before, fmt), doubles_of(after, fmt)
    new = np.where(np.isnan(new), np.copysign(largest, gradient), np.clip(new, -largest, largest))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isfinite(old) & (gradient != 0), gradient * (new - old), 0.0)


def largest_value(fmt: FloatFormat) -> float:
    """The largest finite value of a format."""
    return float(doubles_of(np.array([fmt.exponent_mask - 1], dtype=fmt.word_dtype), fmt)[0])


def strongest_bits(words: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """The highest exponent bit that is 0 of each word, int64; -1 where none is.

    Setting it multiplies a value by 2^(2^k), with k its place in the exponent field.
    """
    zeros = ~fmt.exponents(words) & words.dtype.type((1 << fmt.exponent_bits) - 1)
    _, length = np.frexp(zeros.astype(np.float64))
    return np.where(zeros > 0, fmt.mantissa_bits + length - 1, -1).astype(np.int64)


def best_flips(words: np.ndarray, gradient: np.ndarray, fmt: FloatFormat) -> tuple[np.ndarray, np.ndarray]:
    """Of each word the flip of greatest `first_order_gains`.

    If the loss grows with the value's magnitude that is its strongest bit, otherwise the sign: clearing bits takes no
    more than the value itself, the sign takes twice as much. A strongest bit that makes a NaN is the best either way.

    Returns:
        bits, int64, and their gains, float64, both (values,); a gain is 0 where no flip raises the loss.
    """
    one = words.dtype.type(1)
    strongest = strongest_bits(words, fmt)
    set_words = words | (one << np.maximum(strongest, 0).astype(words.dtype))
    old, new = doubles_of(words, fmt), doubles_of(set_words, fmt)
    grows = (strongest >= 0) & (((gradient > 0) != np.signbit(old)) | np.isnan(new))
    after = np.where(grows, set_words, words ^ (one << words.dtype.type(fmt.sign_bit)))
    gains = first_order_gains(gradient, words, after, fmt)
    return np.where(grows, strongest, fmt.sign_bit), np.maximum(gains, 0.0)
