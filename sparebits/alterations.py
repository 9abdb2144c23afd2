"""Deliberate changes of words: altered low bits (thesis 3.4.1) and exponents rounded up to a floor (thesis 3.7)."""

import numpy as np

from sparebits.formats import FloatFormat

MODES = ("alteration", "truncation", "all_ones", "random")
"""Ways to fill bits b..0: with the complement of bit b (the thesis'), zeros, ones, or random bits."""


def alter_low_bits(
    words: np.ndarray, bit: int, fmt: FloatFormat, mode: str = "alteration", seed: int = 0
) -> np.ndarray:
    """Words whose bits `bit`..0 are filled by `mode`.

    With "alteration" they all become the complement of the word's own bit `bit`, so that each value moves by at least
    2^bit and less than 2^(bit + 1) units in the last place (thesis 3.4.1).

    Args:
        words: unsigned integers of the format's width, any shape; left as they are.
        bit: highest altered bit, 0 to fmt.width - 1.
        mode: one of MODES.
        seed: of the random fill.

    Returns:
        new words of the same shape and dtype.

    Raises:
        ValueError: if the bit lies outside the word or the mode is unknown.
    """
    if not 0 <= bit < fmt.width:
        raise ValueError(f"bit {bit} lies outside a {fmt.width}-bit word")
    word = fmt.word_dtype.type
    low = word((1 << (bit + 1)) - 1)
    if mode == "alteration":
        # All ones where the bit is 0, all zeros where it is 1.
        fill = ((words >> word(bit)) & word(1)) - word(1)
    elif mode == "truncation":
        fill = word(0)
    elif mode == "all_ones":
        fill = low
    elif mode == "random":
        generator = np.random.default_rng([seed, bit])
        fill = generator.integers(0, 1 << fmt.width, size=words.shape, dtype=fmt.word_dtype)
    else:
        raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
    return (words & ~low) | (fill & low)


def is_below(words: np.ndarray, floor: int, fmt: FloatFormat) -> np.ndarray:
    """Whether each word's exponent field lies below `floor`: the words that `round_exponents` modifies."""
    return fmt.exponents(words) < fmt.word_dtype.type(floor)


def round_exponents(words: np.ndarray, floor: int, fmt: FloatFormat) -> np.ndarray:
    """Words whose exponent field below `floor` became `floor` and whose mantissa then became 0; the sign stays.

    Source: thesis 3.7, Code Fragment 8. Floor 0 changes nothing.

    Args:
        words: unsigned integers of the format's width, any shape; left as they are.
        floor: exponent field, 0 to 2^exponent_bits - 1.
    """
    word = fmt.word_dtype.type
    rounded = (words & word(1 << fmt.sign_bit)) | word(floor << fmt.mantissa_bits)
    return np.where(is_below(words, floor, fmt), rounded, words)
