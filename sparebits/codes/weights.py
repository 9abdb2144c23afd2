"""Weight distributions: how many codewords of each weight a linear code has."""

from math import comb

import numba
import numpy as np

from sparebits.codes.gf2 import null_space
from sparebits.codes.packing import as_limbs, pack

ENUMERABLE_BITS = 30
"""Codes of up to 2^30 words are enumerated; that takes a few seconds."""
TABLE_BITS = 12


def weight_distribution(generator: np.ndarray) -> tuple[tuple[int, ...], str] | None:
    """Codewords by weight, A_0..A_n, and how they were counted; None where neither code nor dual can be enumerated.

    Args:
        generator: uint8 (k, n) of full rank.

    Returns:
        n + 1 exact integers, and "enumerated" or "dual (MacWilliams)".
    """
    k, n = generator.shape
    if k <= min(n - k, ENUMERABLE_BITS):
        return enumerate_weights(generator), "enumerated"
    if n - k <= ENUMERABLE_BITS:
        return macwilliams(enumerate_weights(null_space(generator))), "dual (MacWilliams)"
    return (enumerate_weights(generator), "enumerated") if k <= ENUMERABLE_BITS else None


def enumerate_weights(generator: np.ndarray) -> tuple[int, ...]:
    """Weights of all 2^k words of the row space, counted one by one: n + 1 integers."""
    n = generator.shape[1]
    rows = as_limbs(pack(generator), n)
    table = span(rows[:TABLE_BITS])
    counts = np.zeros(n + 1, dtype=np.int64)
    _count(rows[TABLE_BITS:], table, counts)
    return tuple(counts.tolist())


def span(rows: np.ndarray) -> np.ndarray:
    """All sums of the rows, uint64 (rows, limbs) -> (2^rows, limbs); bit i of the index says whether row i is in."""
    words = np.zeros((1, rows.shape[1]), dtype=np.uint64)
    for row in rows:
        words = np.concatenate([words, words ^ row])
    return words


def macwilliams(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Weight distribution of the dual code (MacWilliams 1963; MacWilliams & Sloane 1977, ch. 5).

    B_j = 1/|C| sum_i A_i K_j(i), with the Krawtchouk polynomials K_j(i) = sum_s (-1)^s C(i, s) C(n - i, j - s).
    """
    n = len(weights) - 1
    size = sum(weights)
    present = [(i, count) for i, count in enumerate(weights) if count]
    dual = []
    for j in range(n + 1):
        total = sum(count * _krawtchouk(n, j, i) for i, count in present)
        dual.append(total // size)
    return tuple(dual)


def is_doubly_even(generator: np.ndarray) -> bool:
    """Is every weight a multiple of 4?

    It is if every row's is and any two rows are orthogonal: |a + b| = |a| + |b| - 2 |a & b|, and the last term is then
    a multiple of 4 (MacWilliams & Sloane 1977, ch. 1).
    """
    gram = generator.astype(np.int64) @ generator.T.astype(np.int64)
    return bool(np.all(gram % 2 == 0) and np.all(np.diag(gram) % 4 == 0))


def _krawtchouk(n: int, j: int, i: int) -> int:
    return sum((-1) ** s * comb(i, s) * comb(n - i, j - s) for s in range(max(0, j - n + i), min(i, j) + 1))


@numba.njit(cache=True)
def _count(rows, table, counts):
    """Adds the weights of all sums of the rows, in Gray order, with each word of the table."""
    size, limbs = table.shape
    word = np.zeros(limbs, dtype=np.uint64)
    for step in range(1 << rows.shape[0]):
        if step:
            changed = 0
            while not (step >> changed) & 1:
                changed += 1
            for limb in range(limbs):
                word[limb] ^= rows[changed, limb]
        for entry in range(size):
            weight = 0
            for limb in range(limbs):
                weight += _ones(table[entry, limb] ^ word[limb])
            counts[weight] += 1


@numba.njit(cache=True, inline="always")
def _ones(x):
    """Set bits of a uint64, added in ever wider fields."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
