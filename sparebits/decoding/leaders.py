"""Decoding by coset leaders: the syndrome looks up the error.

Errors of weight up to t have different syndromes; all others are marked as beyond the code.
"""

from dataclasses import dataclass

import numba
import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import as_limbs, limbs_of, pack, packed_dtype
from sparebits.decoding.byte_tables import byte_tables, image, images
from sparebits.decoding.popcount import popcount

LARGEST_SYNDROME = 22
"""Check bits up to which a table is kept: 16 MiB of 32-bit leaders."""


@dataclass(frozen=True, eq=False)
class LeaderTable:
    """The error of least weight for each syndrome, where that weight is at most t.

    Attributes:
        syndrome_tables: `byte_tables` of a word's syndrome.
        leaders: packed (2^(n - k), limbs); all ones where no error of weight <= t has the syndrome.
    """

    syndrome_tables: np.ndarray
    leaders: np.ndarray

    def find_errors(self, words: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> None:
        """The error in each word and its weight.

        Args:
            words: packed (M, limbs); bits n and above are ignored.
            errors: packed (M, limbs), receives the errors.
            weights: int16 (M,), receives their weights, -1 where the word is beyond the code.
        """
        if words.shape[1] == 1:
            _look_up(words, self.syndrome_tables, self.leaders[:, 0], errors, weights)
            return
        # Two limbs only in codes of few words in practice, so NumPy will do.
        syndromes = np.empty((len(words), 1), dtype=np.uint64)
        images(self.syndrome_tables, words, syndromes)
        errors[:] = self.leaders[syndromes[:, 0]]
        is_beyond = (errors == np.iinfo(errors.dtype).max).all(axis=1)
        weights[:] = np.where(is_beyond, -1, np.bitwise_count(errors).sum(axis=1, dtype=np.int16))


def leader_table(code: LinearCode) -> LeaderTable:
    """The table of a code of at most 22 check bits.

    A code that corrects neighbouring double errors beyond its t has these in the table as well.
    """
    patterns, syndromes = correctable_errors(code)
    dtype = packed_dtype(code.n)
    leaders = np.full((1 << code.check_bits, limbs_of(code.n)), np.iinfo(dtype).max, dtype=dtype)
    leaders[syndromes] = patterns
    size = limbs_of(code.n) * dtype.itemsize
    return LeaderTable(byte_tables(code.parity_check.T, size), leaders)


def correctable_errors(code: LinearCode) -> tuple[np.ndarray, np.ndarray]:
    """All error patterns that the code corrects, by weight, and their syndromes.

    Returns:
        patterns uint64 (E, limbs) and syndromes uint64 (E,).
    """
    positions = as_limbs(pack(np.eye(code.n, dtype=np.uint8)), code.n)
    columns = as_limbs(pack(code.parity_check.T), code.check_bits)[:, 0]
    patterns, syndromes = np.zeros_like(positions[:1]), np.zeros_like(columns[:1])
    highest = np.array([-1])
    found = [(patterns, syndromes)]
    for _ in range(code.t):
        # Every pattern of one flip less, with a flip above its highest.
        grown = [(np.flatnonzero(highest < position), position) for position in range(code.n)]
        patterns = np.concatenate([patterns[below] ^ positions[position] for below, position in grown])
        syndromes = np.concatenate([syndromes[below] ^ columns[position] for below, position in grown])
        highest = np.concatenate([np.full(len(below), position) for below, position in grown])
        found.append((patterns, syndromes))
    if code.adjacent_doubles == "corrected" and code.t == 1:
        found.append((positions[:-1] ^ positions[1:], columns[:-1] ^ columns[1:]))
    return np.concatenate([part for part, _ in found]), np.concatenate([part for _, part in found])


@numba.njit(cache=True, nogil=True)
def _look_up(words, syndrome_tables, leaders, errors, weights):
    beyond = leaders.dtype.type(-1)
    for row in range(words.shape[0]):
        leader = leaders[image(syndrome_tables, words, row, 0)]
        errors[row, 0] = leader
        weights[row] = -1 if leader == beyond else np.int16(popcount(leader))
