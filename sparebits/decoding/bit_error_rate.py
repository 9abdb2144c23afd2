"""The bit error rate that stored words have met, estimated from what their decoders corrected."""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

LARGEST = 0.5
"""Bits that flip with probability 1/2 hold nothing; no estimate is above it."""


class CorrectionCount(NamedTuple):
    """What bounded-distance decoding of words of one code counted.

    Attributes:
        n: bits of a word.
        t: flips that are corrected.
        words: those within t flips of a codeword, clean ones among them; detected ones are not counted.
        corrected_bits: bits that were corrected in these words.
    """

    n: int
    t: int
    words: int
    corrected_bits: int


def estimate_ber(counts: Sequence[CorrectionCount]) -> float:
    """The probability p that a bit flipped, the same for all codes, by maximum likelihood.

    A word is counted only if it has at most t flips, so bits corrected per bit read are fewer than p (at p = 0.1 and
    n = 32, t = 5 they are 0.089). Given that, its flips follow a truncated binomial distribution, whose likelihood is
    largest where expectation and count agree:

        sum over codes of words x E[flips | flips <= t; p] = sum of corrected bits.

    The left side increases with p. Miscorrected words had more flips than were corrected, but are taken for corrected
    ones. Under codes of large distance they hardly matter: at p = 0.1 the estimate is 0.1005 for [32,11,12]. Codes of
    distance 3 and 4 miscorrect so many that it is too high: 0.071 for (15,11) at p = 0.05, 0.056 for (22,16).

    Args:
        counts: one or more codes.

    Returns:
        p in 0..0.5; 0 where nothing was corrected, 0.5 where more was than that can explain.

    Raises:
        ValueError: a count says that more than t bits a word were corrected.
    """
    for n, t, words, corrected_bits in counts:
        if not 0 <= corrected_bits <= t * words:
            raise ValueError(f"{corrected_bits} bits corrected in {words} words of {n} bits with t = {t} each")
    corrected_bits = sum(count.corrected_bits for count in map(CorrectionCount._make, counts))
    if not corrected_bits:
        return 0.0

    def surplus(p: float) -> float:
        return sum(words * truncated_mean(n, t, p) for n, t, words, _ in counts) - corrected_bits

    if surplus(LARGEST) <= 0:
        return LARGEST
    # Truncation only takes flips away, so p is no less than the plain ratio, but for rounding.
    at_least = (1 - 1e-9) * corrected_bits / sum(n * words for n, _, words, _ in counts)
    return float(brentq(surplus, at_least, LARGEST, xtol=1e-12 * at_least, rtol=1e-12))


def truncated_mean(n: int, t: int, p: float) -> float:
    """E[flips | flips <= t] of n bits, each flipped with probability p < 1."""
    flips = np.arange(t + 1)
    weights = np.array([comb(n, e) for e in flips], dtype=float) * (p / (1 - p)) ** flips
    return float(flips @ weights / weights.sum())
