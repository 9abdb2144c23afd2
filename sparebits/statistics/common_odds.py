"""Two groups of trials compared at equal circumstances: stratum by stratum, such as bit by bit."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp

from sparebits.errors import InputError

_FARTHEST = 700.0
"""Logarithm of an odds ratio beyond which none is told apart from infinity."""


@dataclass(frozen=True)
class CommonOddsRatio:
    """How many times the odds of a failure in one group are those in the other, the same in every stratum.

    Attributes:
        ratio: conditional maximum likelihood estimate; 0 or infinity where one group has all failures, NaN where no
            stratum tells anything.
        low, high: exact two-sided interval.
        p_value: exact, two-sided, of a ratio of 1.
        strata: that tell anything, having trials of both groups, failures and non-failures.
    """

    ratio: float
    low: float
    high: float
    p_value: float
    strata: int


def common_odds_ratio(failures, trials, other_failures, other_trials, confidence: float = 0.95) -> CommonOddsRatio:
    """The odds ratio of two groups over all strata, given the failures of each stratum.

    Given how many trials of each stratum fail in all, those of the first group are hypergeometric there and their sum
    has a known distribution (Cox 1970; Gart 1970). So the strata's own failure rates need not be estimated, and nothing
    rests on large numbers; it is the exact form of the test of Mantel & Haenszel (1959; Mehta, Patel & Gray 1985). The
    two-sided p-value is twice the smaller tail, the interval that of two one-sided tests.

    Args:
        failures, trials: of the first group, by stratum, (strata,).
        other_failures, other_trials: of the second one, likewise; trials independent of the first group's.

    Raises:
        InputError: shapes differ, or failures do not lie in 0..trials.
    """
    tables = [np.asarray(numbers, dtype=float) for numbers in (failures, trials, other_failures, other_trials)]
    if tables[0].ndim != 1 or any(numbers.shape != tables[0].shape for numbers in tables):
        raise InputError(f"each stratum has four numbers, got shapes {[numbers.shape for numbers in tables]}")
    failures, trials, other_failures, other_trials = tables
    if not ((failures >= 0) & (failures <= trials) & (other_failures >= 0) & (other_failures <= other_trials)).all():
        raise InputError("failures lie in 0..trials")
    total = failures + other_failures
    tells = (trials > 0) & (other_trials > 0) & (total > 0) & (total < trials + other_trials)
    first, weights = _conditional_weights(trials[tells], other_trials[tells], total[tells])
    seen = int(failures[tells].sum()) - first
    if len(weights) == 1:
        return CommonOddsRatio(np.nan, 0.0, np.inf, 1.0, int(tells.sum()))
    counts = np.arange(len(weights))
    error = (1 - confidence) / 2

    def tail(log_ratio: float, part: slice) -> float:
        tilted = weights + counts * log_ratio
        return float(np.exp(logsumexp(tilted[part]) - logsumexp(tilted)))

    def root(function) -> float:
        return float(np.exp(brentq(function, -_FARTHEST, _FARTHEST, xtol=1e-9)))

    upper, lower, most = slice(seen, None), slice(seen + 1), len(weights) - 1
    low = 0.0 if seen == 0 else root(lambda log_ratio: tail(log_ratio, upper) - error)
    high = np.inf if seen == most else root(lambda log_ratio: tail(log_ratio, lower) - error)
    if 0 < seen < most:
        ratio = root(lambda log_ratio: _mean(weights + counts * log_ratio) - seen)
    else:
        ratio = np.inf if seen else 0.0
    p_value = min(1.0, 2 * min(tail(0.0, upper), tail(0.0, lower)))
    return CommonOddsRatio(ratio, low, high, p_value, int(tells.sum()))


def _conditional_weights(trials: np.ndarray, other_trials: np.ndarray, total: np.ndarray) -> tuple[int, np.ndarray]:
    """Least sum of the first group's failures, and the logarithms of the weights of this sum and of all above it."""
    first, weights = 0, np.zeros(1)
    for own, other, failed in zip(trials, other_trials, total, strict=True):
        least, most = int(max(0, failed - other)), int(min(own, failed))
        counts = np.arange(least, most + 1)
        steps = _log_choose(own, counts) + _log_choose(other, failed - counts)
        joined = np.full(len(weights) + len(steps) - 1, -np.inf)
        for place, step in enumerate(steps):
            part = slice(place, place + len(weights))
            joined[part] = np.logaddexp(joined[part], weights + step)
        first, weights = first + least, joined - joined.max()
    return first, weights


def _log_choose(number: float, chosen: np.ndarray) -> np.ndarray:
    return gammaln(number + 1) - gammaln(chosen + 1) - gammaln(number - chosen + 1)


def _mean(log_weights: np.ndarray) -> float:
    weights = np.exp(log_weights - log_weights.max())
    return float(np.arange(len(weights)) @ weights / weights.sum())
