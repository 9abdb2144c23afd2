"""Decoding by correlation: the word is compared with every codeword, and the nearest counts if it is within t.

For codes with few codewords and many check bits, whose leader table would be too large.
"""

from dataclasses import dataclass

import numba
import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import limbs_of
from sparebits.decoding.popcount import popcount


@dataclass(frozen=True, eq=False)
class Correlation:
    """All codewords, packed (2^k, limbs), and the radius t within which one of them is taken."""

    codewords: np.ndarray
    n: int
    t: int

    def find_errors(self, words: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> None:
        """The difference of each word from the codeword within t, and its weight; see `LeaderTable.find_errors`."""
        if words.shape[1] == 1:
            mask = words.dtype.type((1 << self.n) - 1)
            _compare(words[:, 0], self.codewords[:, 0], mask, self.t, errors[:, 0], weights)
        else:
            high_mask = np.uint64((1 << (self.n - 64)) - 1)
            _compare_pairs(words, self.codewords, high_mask, self.t, errors, weights)


def correlation(code: LinearCode) -> Correlation:
    """The comparison with the codewords of a code of at most 22 data bits."""
    return Correlation(code.codewords().reshape(-1, limbs_of(code.n)), code.n, code.t)


@numba.njit(cache=True, nogil=True)
def _compare(words, codewords, mask, t, errors, weights):
    kind = codewords.dtype.type
    for row in range(words.size):
        word = kind(words[row] & mask)
        # Distance above, index below in one number: its minimum is found without a branch, so the loop is vectorised.
        # At most one codeword is within t, so ties do not matter.
        best = np.uint32(0xFFFFFFFF)
        for index in range(codewords.size):
            distance = np.uint32(popcount(kind(word ^ codewords[index])))
            best = min(best, np.uint32((distance << np.uint32(24)) | np.uint32(index)))
        weight = np.int64(best >> np.uint32(24))
        errors[row] = word ^ codewords[best & np.uint32(0xFFFFFF)]
        weights[row] = weight if weight <= t else -1


@numba.njit(cache=True, nogil=True)
def _compare_pairs(words, codewords, high_mask, t, errors, weights):
    for row in range(words.shape[0]):
        low, high = words[row, 0], words[row, 1] & high_mask
        weights[row] = -1
        for index in range(codewords.shape[0]):
            weight = np.int64(popcount(low ^ codewords[index, 0]) + popcount(high ^ codewords[index, 1]))
            if weight <= t:
                errors[row, 0] = low ^ codewords[index, 0]
                errors[row, 1] = high ^ codewords[index, 1]
                weights[row] = weight
                break
