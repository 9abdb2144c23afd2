"""Means of shares in 0..1, most of which may be 0, and the ratio of two of them."""

from dataclasses import dataclass
from math import inf, log, nan, sqrt

import numpy as np
from scipy.stats import norm

from sparebits.errors import InputError
from sparebits.statistics.strata import highest_bound

_FEWEST = 5
"""Shares above 0 that a sample must have for a bootstrap of its mean's logarithm."""


@dataclass(frozen=True)
class Estimate:
    """A mean or a ratio with its two-sided interval."""

    value: float
    low: float
    high: float


def mean_share(shares, confidence: float = 0.95) -> Estimate:
    """Mean of independent shares, such as the images that each of some faults spoils.

    The interval holds near 0: its upper bound is a quantile of the beta distribution with the mean and the variance
    after one more share of 1, its lower bound the same for one of 0 (Fay & Feuer 1997, see strata.stratified_rate). Of
    shares that are all 0 or 1 it is Clopper and Pearson's, a little wider.

    Args:
        shares: in 0..1, (n,), n at least 2.

    Raises:
        InputError: fewer than 2 shares, or one outside 0..1.
    """
    shares = _checked(shares)
    mean, count = float(shares.mean()), len(shares)
    variance, step, error = float(shares.var(ddof=1)) / count, np.array([1 / count]), (1 - confidence) / 2
    low = 1 - highest_bound(1 - mean, variance, step, np.array([mean]), error) if mean > 0 else 0.0
    high = highest_bound(mean, variance, step, np.array([1 - mean]), error) if mean < 1 else 1.0
    return Estimate(mean, low, high)


def mean_ratio(
    first, second, generator: np.random.Generator, confidence: float = 0.95, resamples: int = 9999
) -> Estimate:
    """Mean of the first shares over that of the second, two independent samples.

    The interval is the bias-corrected and accelerated bootstrap of the ratio's logarithm, both samples drawn anew (BCa,
    Efron 1987; of several samples Efron & Tibshirani 1993, section 14). Where a sample has fewer than 5 shares above 0
    a bootstrap knows too little: then the interval runs from the lower bound of the first mean over the upper bound of
    the second to the reverse, each bound at half of the error (Bonferroni), to infinity if need be.

    Args:
        first, second: in 0..1, (n,) and (m,), at least 2 each.
        generator: seeded; the same seed gives the same interval.

    Returns:
        the ratio; infinite if only the second mean is 0, NaN if both are.

    Raises:
        InputError: as `mean_share`.
    """
    first, second = _checked(first), _checked(second)
    above, below = float(first.mean()), float(second.mean())
    ratio = above / below if below else (inf if above else nan)
    if min(np.count_nonzero(first), np.count_nonzero(second)) < _FEWEST:
        each = (1 + confidence) / 2
        upper, lower = mean_share(first, each), mean_share(second, each)
        return Estimate(ratio, upper.low / lower.high, upper.high / lower.low if lower.low else inf)
    means = _resampled(first, resamples, generator), _resampled(second, resamples, generator)
    drawn = np.sort(np.log(np.maximum(means[0], 1e-300)) - np.log(np.maximum(means[1], 1e-300)))
    influences = _influences(first, second)
    acceleration = (influences**3).sum() / (6 * (influences**2).sum() ** 1.5)
    # Those equal to the estimate count half.
    below_it = np.searchsorted(drawn, [log(ratio) - 1e-12, log(ratio) + 1e-12]).mean() / resamples
    bias = norm.ppf(min(max(below_it, 1 / resamples), 1 - 1 / resamples))
    at = bias + norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.exp(np.quantile(drawn, norm.cdf(bias + at / (1 - acceleration * at))))
    return Estimate(ratio, float(low), float(high))


def samples_needed(first, second, confidence: float = 0.95, power: float = 0.8) -> float:
    """How many times as large both samples have to be to see that their means differ, if they do as it seems.

    By the normal approximation of the logarithm of the ratio; so that its two-sided interval leaves out 1 with the
    probability `power`. NaN if a mean is 0, infinite if both are equal.
    """
    first, second = _checked(first), _checked(second)
    if not first.any() or not second.any():
        return nan
    distance = log(first.mean() / second.mean())
    quantiles = norm.ppf((1 + confidence) / 2) + norm.ppf(power)
    error = sqrt((_influences(first, second) ** 2).sum())
    return (quantiles * error / distance) ** 2 if distance else inf


def _resampled(shares: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Means of samples drawn from the shares with replacement; few of these differ, so counts of them are drawn."""
    values, counts = np.unique(shares, return_counts=True)
    return generator.multinomial(len(shares), counts / len(shares), size=resamples) @ values / len(shares)


def _influences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of each share on the logarithm of the ratio."""
    parts = [(shares / shares.mean() - 1) / len(shares) for shares in (first, second)]
    return np.concatenate([parts[0], -parts[1]])


def _checked(shares) -> np.ndarray:
    shares = np.asarray(shares, dtype=float)
    if shares.ndim != 1 or len(shares) < 2:
        raise InputError(f"a mean of shares needs at least 2 of them, got an array of {shares.shape}")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise InputError("shares lie in 0..1")
    return shares
