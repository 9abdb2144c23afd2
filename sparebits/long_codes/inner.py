"""The inner code of nested storage: maximum likelihood in a single look-up, ties told, and its exact probabilities.

Every coset of the code [32,13,10] is listed with its leader: 2^19 syndromes. Where several errors of least weight have
the same syndrome none of them is believed: the word is erased. Bounded distance erases more and, near the limit of the
outer code, one error that is believed in vain costs as much as two erasures.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numba
import numpy as np

from sparebits.codes.catalogue import best_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import pack
from sparebits.decoding.byte_tables import byte_tables, part_image

UNIT_BITS = 32
DATA_BITS = 13
TIE = np.uint32(0xFFFFFFFF)
"""In the place of a leader: there are several. No leader is as heavy."""


@dataclass(frozen=True)
class InnerRates:
    """Probabilities that add up to 1: the word is restored, erased, or taken for another."""

    restored: float
    erased: float
    wrong: float


@dataclass(frozen=True, eq=False)
class InnerCode:
    """A code of 32 bits with all its coset leaders; get it from `inner_code`.

    Attributes:
        weights: uint8 (2^19,), of the leaders.
        leaders: uint32 (2^19,), TIE where there are several.
    """

    code: LinearCode
    weights: np.ndarray
    leaders: np.ndarray

    @cached_property
    def codewords(self) -> np.ndarray:
        """uint32 (2^13,), by data word."""
        return self.code.codewords()

    @cached_property
    def tables(self) -> np.ndarray:
        """`byte_tables` of a word's syndrome, with its data bits above: uint64 (1, 1024)."""
        data = np.zeros((self.code.n, self.code.k), dtype=np.uint8)
        data[list(self.code.data_positions), range(self.code.k)] = 1
        return byte_tables(np.concatenate([self.code.parity_check.T, data], axis=1), UNIT_BITS // 8)

    def rates(self, ber: float) -> InnerRates:
        """What becomes of a word whose bits flip independently of each other, exactly.

        The probability of each syndrome is built up bit by bit; that of an erasure is the sum over all syndromes with a
        tie, that of a restored word the sum of the other leaders' own.
        """
        probability = np.zeros(len(self.leaders))
        probability[0] = 1.0
        syndromes = np.arange(len(probability))
        for column in _columns(self.code):
            probability = (1 - ber) * probability + ber * probability[syndromes ^ column]
        is_tie = self.leaders == TIE
        weights = self.weights[~is_tie].astype(np.float64)
        restored = float((ber**weights * (1 - ber) ** (self.code.n - weights)).sum())
        erased = float(probability[is_tie].sum())
        wrong = float((probability[~is_tie] - ber**weights * (1 - ber) ** (self.code.n - weights)).sum())
        return InnerRates(restored, erased, max(wrong, 0.0))


@cache
def inner_code() -> InnerCode:
    """[32,13,10] of the catalogue. Building its table takes about a second, once a process."""
    code = best_code(UNIT_BITS, DATA_BITS)
    weights, leaders = _coset_leaders(_columns(code), code.check_bits)
    return InnerCode(code, weights, leaders)


def _columns(code: LinearCode) -> np.ndarray:
    """The syndrome of each position, int64 (n,)."""
    return pack(code.parity_check.T).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _coset_leaders(columns, check_bits):
    """Weights and leaders of all cosets, weight by weight: each grows from those with one flip less."""
    count = 1 << check_bits
    unknown = np.uint8(255)
    weights = np.full(count, unknown)
    leaders = np.full(count, TIE)
    ways = np.zeros(count, dtype=np.int64)
    weights[0], leaders[0], ways[0] = 0, 0, 1
    found, weight = 1, 0
    while found < count:
        weight += 1
        for syndrome in range(count):
            if weights[syndrome] != unknown:
                continue
            # A leader of this weight arises once for each of its flips, whichever was the last.
            arisen, leader = 0, TIE
            for position in range(columns.size):
                before = syndrome ^ columns[position]
                if weights[before] == weight - 1 and ways[before]:
                    arisen += ways[before]
                    leader = leaders[before] ^ np.uint32(1 << position)
            if arisen:
                ways[syndrome] = -(arisen // weight)  # not to be grown from before the next weight
                leaders[syndrome] = leader
        for syndrome in range(count):
            if ways[syndrome] < 0:
                ways[syndrome] = -ways[syndrome]
                weights[syndrome] = weight
                found += 1
    for syndrome in range(count):
        if ways[syndrome] > 1:
            leaders[syndrome] = TIE
    return weights, leaders


@numba.njit(cache=True, nogil=True)
def decode_units(units, pattern, tables, leaders, symbols, erased):
    """Decode stored units by maximum likelihood.

    Args:
        units: uint32 (N,), with the pattern added.
        tables: InnerCode.tables.
        symbols: uint16 (N,), receives data words; of erased units the data bits as they are.
        erased: bool (N,), receives whether a unit tells nothing: a tie, or wiped memory.

    Returns:
        units that are not code words.
    """
    ones = np.uint32(0xFFFFFFFF)
    check_bits = np.uint64(19)
    below = np.uint64((1 << 19) - 1)
    dirty = 0
    for i in range(units.size):
        image = part_image(tables, 0, 0, np.uint32(units[i] ^ pattern))
        syndrome = image & below
        erased[i] = units[i] == 0 or units[i] == ones
        if syndrome:
            dirty += 1
            leader = leaders[syndrome]
            if leader == TIE:
                erased[i] = True
            else:
                image ^= part_image(tables, 0, 0, leader)
        symbols[i] = image >> check_bits
    return dirty
