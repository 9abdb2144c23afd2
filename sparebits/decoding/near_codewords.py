"""Codewords a little beyond t flips of a word: bounded-distance decoding of the word with one or two bits flipped.

A codeword at distance t + 1 or t + 2 of a word lies within t of it once two of the bits are flipped in which they
differ. So trying all pairs of bits finds every codeword within t + 2 (Chase 1972, where the bits that are tried are the
least reliable ones; bits of a memory are all alike). That is n (n - 1) / 2 decodings, 2,016 of a word of 64 bits.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import LIMB_BITS, limbs_of, packed_dtype
from sparebits.decoding.bounded_distance import decoder_for

ROWS = 1 << 20
"""Words that are decoded at once."""


@dataclass(frozen=True)
class NearCodewords:
    """Codewords near each of several words, by word.

    Attributes:
        rows: number of the word, int64 (found,), ascending.
        data: data words of the codewords, packed (found,).
        distances: from the word, int64 (found,).
    """

    rows: np.ndarray
    data: np.ndarray
    distances: np.ndarray


def codewords_near(code: LinearCode, words: np.ndarray, beyond: int) -> NearCodewords:
    """All codewords within t + `beyond` flips of words that are farther than t from every codeword.

    Args:
        code: one that `bounded_distance.decoder_for` decodes.
        words: packed (N,), or (N, 2) where n > 64; bits n and above are zero.
        beyond: 1 or 2.
    """
    masks = _masks(code.n, beyond)
    chunk = max(1, ROWS // len(masks))
    parts = [_near(code, words[start : start + chunk], masks, start) for start in range(0, len(words), chunk)]
    if not parts:
        return NearCodewords(np.empty(0, np.int64), np.empty(0, packed_dtype(code.k)), np.empty(0, np.int64))
    return NearCodewords(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _near(code: LinearCode, words: np.ndarray, masks: np.ndarray, first: int) -> tuple[np.ndarray, ...]:
    """Rows, data and distances of the codewords near a chunk of words, the first of which has number `first`."""
    rows = words.reshape(len(words), limbs_of(code.n))
    tried = (rows[:, None] ^ masks).reshape(-1, rows.shape[1])
    decoder = decoder_for(code)
    decoded = decoder.decode(tried if code.n > LIMB_BITS else tried[:, 0])
    is_found = np.ones(len(tried), dtype=bool)
    is_found[decoded.detected] = False
    numbers, data = np.flatnonzero(is_found) // len(masks), decoded.data[is_found]
    # Every codeword is found by several flips.
    order = np.lexsort((data, numbers))
    numbers, data = numbers[order], data[order]
    is_first = np.ones(len(numbers), dtype=bool)
    is_first[1:] = (numbers[1:] != numbers[:-1]) | (data[1:] != data[:-1])
    numbers, data = numbers[is_first], data[is_first]
    codewords = decoder.encode(data).reshape(len(data), limbs_of(code.n))
    distances = np.bitwise_count(codewords ^ rows[numbers]).sum(axis=1, dtype=np.int64)
    return numbers.astype(np.int64) + first, data, distances


def _masks(n: int, beyond: int) -> np.ndarray:
    """All choices of `beyond` bits of n: packed rows (choices, limbs)."""
    chosen = np.array(list(combinations(range(n), beyond)), dtype=np.int64)
    masks = np.zeros((len(chosen), limbs_of(n)), dtype=packed_dtype(n))
    one = masks.dtype.type(1)
    for positions in chosen.T:
        masks[np.arange(len(chosen)), positions // LIMB_BITS] ^= one << (positions % LIMB_BITS).astype(masks.dtype)
    return masks
