"""Exact probabilities of nested storage from what becomes of its inner words, and the limit of the channel."""

from math import comb, log2

import numpy as np
from scipy.optimize import brentq

from sparebits.long_codes.inner import InnerRates


def nested_failure(units: int, bearable: int, rates: InnerRates) -> float:
    """P(erasures + 2 errors > bearable) in a block of independent inner words: that the outer code does not restore it.

    All terms are sums of products of probabilities, none a difference, so that small ones keep their digits.

    Args:
        units: inner words of a block.
        bearable: by the outer code, its check symbols but for those that only confirm.
        rates: of the inner words, measured or exact.
    """
    cost = np.array([rates.restored, rates.erased, rates.wrong])
    return _tail(_sum_of(cost, units), bearable)


def nested_word_failure(words: int, shares: int, bearable: int, rates: InnerRates) -> float:
    """An upper bound of the same for the variant that keeps one value a word.

    A word costs its own symbol, and the check symbol of the `shares` words of its group: 1 if one of them is erased and
    none wrong, 2 if one is wrong, which counts errors that leave the share right as errors, and errors beside erasures
    as dearer than they are.

    Args:
        words: of a block; those beyond the last whole group have no share.
        shares: words of a group, each with a share of one check symbol.
        bearable: as above; the check symbols are one a group.
    """
    p = (rates.restored, rates.erased, rates.wrong)
    group = np.zeros(2 * shares + 3)
    for erased in range(shares + 1):
        for wrong in range(shares + 1 - erased):
            fine = shares - erased - wrong
            ways = comb(shares, erased) * comb(shares - erased, wrong)
            cost = erased + 2 * wrong + (2 if wrong else 1 if erased else 0)
            group[cost] += ways * p[0] ** fine * p[1] ** erased * p[2] ** wrong
    grouped = _sum_of(group, words // shares)
    alone = _sum_of(np.array(p), words % shares)
    return _tail(np.convolve(grouped, alone), bearable)


def capacity_ber(rate: float) -> float:
    """The bit error rate up to which a code of this rate can exist that restores everything (Shannon 1948).

    Of the binary symmetric channel: 1 - H(p) = rate, with H the entropy in bits.
    """
    return float(brentq(lambda p: 1 + p * log2(p) + (1 - p) * log2(1 - p) - rate, 1e-12, 0.5 - 1e-12))


def _sum_of(distribution: np.ndarray, count: int) -> np.ndarray:
    """The distribution of the sum of `count` independent numbers of a distribution over 0, 1, ..., by squaring."""
    total, power = np.ones(1), distribution
    while count:
        if count & 1:
            total = np.convolve(total, power)
        count >>= 1
        power = np.convolve(power, power) if count else power
    return total


def _tail(distribution: np.ndarray, limit: int) -> float:
    """P(sum > limit), smallest terms first."""
    return min(float(np.sort(distribution[limit + 1 :]).sum()), 1.0)
