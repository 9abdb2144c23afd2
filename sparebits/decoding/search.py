"""The nearest codeword of a long code, by trying all of them: sums of a row of each of two tables.

A word is compared with 2^k codewords without listing them. That is slow for one word, and right for the few that a
strong code cannot correct within t flips: of [128,29,44] at a bit error rate of 0.08 one in two thousand.
"""

from functools import cache

import numba
import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import as_limbs, pack
from sparebits.codes.weights import span
from sparebits.decoding.popcount import popcount

SEARCHED_BITS = 29
"""Data bits up to which codewords are searched: 2^29 of them take 0.1 s a word on one core with AVX-512."""
TABLE_BITS = 12
"""Data bits of the inner table: 2^12 rows of 128 bits are 64 KiB and stay in the cache."""


def search_nearest(code: LinearCode, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest codeword of each word.

    Args:
        code: 64 < n <= 128, k <= SEARCHED_BITS.
        words: packed (N, 2); bits n and above are zero.

    Returns:
        index of the codeword, which is its data word, uint64 (N,), and its distance, int64 (N,): -1 where several are
        nearest.
    """
    nearest, distances = np.empty(len(words), dtype=np.uint64), np.empty(len(words), dtype=np.int64)
    if len(words):
        _search(np.ascontiguousarray(words), *_tables(code), nearest, distances)
    return nearest, distances


@cache
def _tables(code: LinearCode) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and second limbs of the inner table's rows, uint64 (2^12,) each, and the outer table (rows, 2)."""
    rows = as_limbs(pack(code.generator), code.n)
    inner, outer = span(rows[:TABLE_BITS]), span(rows[TABLE_BITS:])
    return np.ascontiguousarray(inner[:, 0]), np.ascontiguousarray(inner[:, 1]), outer


@numba.njit(cache=True, nogil=True)
def _search(words, first_limbs, second_limbs, outer, nearest, distances):
    last = np.uint64((1 << 32) - 1)
    shift = np.uint64(32)
    size = first_limbs.size
    for row in range(len(words)):
        best = np.uint64(1 << 20)
        best_index = np.uint64(0)
        is_tie = False
        for high in range(len(outer)):
            first = words[row, 0] ^ outer[high, 0]
            second = words[row, 1] ^ outer[high, 1]
            # Distance above, index below in one number: minima need no branch, so the loop is vectorised. The first and
            # the last of the nearest codewords differ if there is more than one.
            first_of = np.uint64(0xFFFFFFFFFFFFFFFF)
            last_of = np.uint64(0xFFFFFFFFFFFFFFFF)
            for low in range(size):
                distance = popcount(first ^ first_limbs[low]) + popcount(second ^ second_limbs[low])
                first_of = min(first_of, distance << shift | np.uint64(low))
                last_of = min(last_of, distance << shift | (last - np.uint64(low)))
            distance = first_of >> shift
            if distance < best:
                best = distance
                best_index = np.uint64(high) * np.uint64(size) + (first_of & last)
                is_tie = (first_of & last) != last - (last_of & last)
            elif distance == best:
                is_tie = True
        nearest[row] = best_index
        distances[row] = -1 if is_tie else np.int64(best)
