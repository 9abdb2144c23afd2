"""Exact probabilities of what a bounded-distance decoder does to a word, every bit flipped independently.

A decoder of radius r corrects a word to the codeword within distance r of it, of which there is at most one if 2r < d,
and reports the word as detected if there is none.
"""

from dataclasses import dataclass
from math import comb, fsum

from sparebits.codes.linear import LinearCode
from sparebits.errors import InputError


@dataclass(frozen=True)
class WordProbabilities:
    """Probabilities that add up to 1: restored, reported as beyond repair, and changed into another codeword."""

    corrected: float
    detected: float
    miscorrected: float


def word_probabilities(code: LinearCode, p: float, radius: int | None = None) -> WordProbabilities:
    """What becomes of a word at bit error rate p.

    Each is sum_e N_e p^e (1 - p)^(n - e), with N_e the error patterns of weight e that are corrected, detected or
    miscorrected, from `patterns_by_weight`. No term is a difference, so small probabilities keep their digits.

    Args:
        code: any with a known weight distribution.
        p: probability that a bit is flipped, in 0..1.
        radius: flips that are corrected, at most t, which is the default; 0 detects only.

    Raises:
        InputError: p or the radius is out of range, or the weight distribution is not known.
    """
    corrected, detected, miscorrected = patterns_by_weight(code, radius)
    return WordProbabilities(_probability(corrected, p), _probability(detected, p), _probability(miscorrected, p))


def probability_corrected(code: LinearCode, p: float, radius: int | None = None) -> float:
    """sum_{e <= radius} C(n, e) p^e (1 - p)^(n - e): at most `radius` flips. Needs no weight distribution."""
    radius = _radius_of(code, radius)
    return _probability([comb(code.n, e) for e in range(radius + 1)] + [0] * (code.n - radius), p)


def probability_not_corrected(code: LinearCode, p: float, radius: int | None = None) -> float:
    """sum_{e > radius} C(n, e) p^e (1 - p)^(n - e): detected or miscorrected. Needs no weight distribution."""
    radius = _radius_of(code, radius)
    return _probability([0] * (radius + 1) + [comb(code.n, e) for e in range(radius + 1, code.n + 1)], p)


def nearest_error_bound(code: LinearCode, p: float) -> float:
    """Upper bound of the probability that the nearest codeword is not the one that was stored, or that several are.

    The smaller of two: more than t flips, and the union over all codewords of weight w of their being at least as near,
    sum_w A_w P(at least w / 2 of w bits flip) (MacWilliams & Sloane 1977, ch. 1; Proakis 2001, 8.1).

    Args:
        code: any; without a known weight distribution the first bound counts alone.
        p: probability that a bit is flipped, in 0..0.5.
    """
    beyond = probability_not_corrected(code, p)
    if code.weight_distribution is None:
        return beyond
    union = fsum(
        count * _probability([comb(w, e) if 2 * e >= w else 0 for e in range(w + 1)], p)
        for w, count in enumerate(code.weight_distribution)
        if w and count
    )
    return min(beyond, union)


def patterns_by_weight(code: LinearCode, radius: int | None = None) -> tuple[list[int], list[int], list[int]]:
    """Error patterns of each weight e = 0..n that are corrected, detected and miscorrected: exact integers.

    Corrected are the C(n, e) with e <= radius. Miscorrected are those within the radius of a codeword other than zero:
    the balls are disjoint, and in the ball of a codeword of weight w, a pattern that lacks i of its w ones and adds j
    outside has weight w - i + j, so

        M_e = sum_w A_w sum_{i + j <= radius, w - i + j = e} C(w, i) C(n - w, j),    w > 0.

    Detected are the rest (MacWilliams & Sloane 1977, ch. 1).
    """
    radius = _radius_of(code, radius)
    if code.weight_distribution is None:
        raise InputError(
            f"the weight distribution of {code.name} is not known: only probability_corrected and "
            "probability_not_corrected are exact"
        )
    n = code.n
    corrected = [comb(n, e) if e <= radius else 0 for e in range(n + 1)]
    miscorrected = [0] * (n + 1)
    for w, count in enumerate(code.weight_distribution):
        if not w or not count:
            continue
        for i in range(min(radius, w) + 1):
            for j in range(min(radius - i, n - w) + 1):
                miscorrected[w - i + j] += count * comb(w, i) * comb(n - w, j)
    detected = [comb(n, e) - corrected[e] - miscorrected[e] for e in range(n + 1)]
    return corrected, detected, miscorrected


def _radius_of(code: LinearCode, radius: int | None) -> int:
    if radius is None:
        return code.t
    if not 0 <= radius <= code.t:
        raise InputError(f"{code.name} corrects up to {code.t} flips; a radius of {radius} is not in 0..{code.t}")
    return radius


def _probability(patterns: list[int], p: float) -> float:
    if not 0 <= p <= 1:
        raise InputError(f"a bit error rate lies in 0..1, got {p}")
    n = len(patterns) - 1
    return fsum(count * p**e * (1 - p) ** (n - e) for e, count in enumerate(patterns) if count)
