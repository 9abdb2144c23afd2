"""What a decoder does to a word with which probability, so that counts can be held to it."""

from math import comb
from typing import NamedTuple

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import LIMB_BITS
from sparebits.codes.probabilities import nearest_error_bound, patterns_by_weight

MOST_UNKNOWN = 1e-4
"""Bound of the probability that nearest-codeword decoding fails, up to which it counts as never."""


class ExpectedOutcome(NamedTuple):
    """Probabilities of a code word: some flips undone (rightly or wrongly), detected, wrong and not detected."""

    corrected: float
    detected: float
    miscorrected: float


def expected_outcome(code: LinearCode, decoder: str, p: float) -> ExpectedOutcome | None:
    """What becomes of a code word whose bits flip independently.

    Bounded distance: a word is corrected if it lies within t of a codeword without being one, rightly or wrongly.
    Majority: a bit is wrong if most of its copies are, and corrected if its copies differ. Maximum likelihood: words
    with any flips are corrected; that they are then wrong, or tie, counts as never as long as its bound
    (codes.probabilities.nearest_error_bound) is small; beyond, and for short codes, it is not known.

    Args:
        code: of the word.
        decoder: one of protection.scheme.DECODERS.
        p: probability that a bit is flipped.

    Returns:
        None where the probabilities are not known.
    """
    if decoder == "majority":
        copies = code.n // code.k
        wrong_bit = _binomial(copies, range(copies // 2 + 1, copies + 1), p)
        unanimous = (1 - p) ** copies + p**copies
        return ExpectedOutcome(1 - unanimous**code.k, 0.0, 1 - (1 - wrong_bit) ** code.k)
    if decoder == "maximum likelihood":
        if code.n <= LIMB_BITS or nearest_error_bound(code, p) > MOST_UNKNOWN:
            return None
        return ExpectedOutcome(1 - (1 - p) ** code.n, 0.0, 0.0)
    if code.weight_distribution is None or code.adjacent_doubles == "corrected":
        return None
    corrected, detected, miscorrected = (
        [count / comb(code.n, e) for e, count in enumerate(patterns)] for patterns in patterns_by_weight(code)
    )
    weights = [_binomial(code.n, [e], p) for e in range(code.n + 1)]
    total = [sum(w * share for w, share in zip(weights, shares, strict=True)) for shares in (detected, miscorrected)]
    undone = sum(w * share for w, share in zip(weights[1:], corrected[1:], strict=True))
    # Another codeword exactly: wrong, and nothing was undone.
    silent = sum(
        count * p**w * (1 - p) ** (code.n - w) for w, count in enumerate(code.weight_distribution) if w and count
    )
    return ExpectedOutcome(undone + total[1] - silent, *total)


def _binomial(n: int, counts, p: float) -> float:
    return sum(comb(n, e) * p**e * (1 - p) ** (n - e) for e in counts)
