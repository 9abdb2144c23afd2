"""Error patterns of a given weight."""

import numpy as np

CHUNK = 1 << 16
"""Code words whose bits are drawn at a time, so that memory stays flat."""


def exact_flips(random: np.random.Generator, words: int, flips: int, n: int, width: int) -> np.ndarray:
    """XOR masks that flip exactly `flips` of the first n bits of each code word, every set of bits equally likely.

    Args:
        random: where randomness comes from.
        words: code words.
        flips: of each.
        n: bits of a code word.
        width: bits of a stored word; a code word takes n / width of them.

    Returns:
        masks, unsigned integers of that width, (words, ceil(n / width)).
    """
    masks = np.zeros((words, -(-n // width)), dtype=f"uint{width}")
    for start in range(0, words, CHUNK):
        chunk = masks[start : start + CHUNK]
        positions = np.argsort(random.random((len(chunk), n)), axis=1, kind="stable")[:, :flips]
        bits = masks.dtype.type(1) << (positions % width).astype(masks.dtype)
        np.bitwise_or.at(chunk, (np.arange(len(chunk))[:, None], positions // width), bits)
    return masks
