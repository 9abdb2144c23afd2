"""Two schemes under the same fault maps, trial by trial."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from sparebits.errors import InputError


@dataclass(frozen=True)
class PairedDifference:
    """Mean of first minus second, its interval (NaN for a single trial) and its two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    first, second, generator: np.random.Generator, confidence: float = 0.95, resamples: int = 9999
) -> PairedDifference:
    """Difference of the means of two schemes, trial by trial under the same fault maps.

    The interval is the bias-corrected and accelerated bootstrap of the trials (BCa, Efron 1987), since drops are
    skewed: a few trials collapse and most lose nothing. It is approximate and somewhat short for few trials; if all
    differences are equal it has no width.

    The p-value is that of the sign-flip test (Fisher 1935): had the schemes been exchangeable under each map, every
    difference would have either sign with equal probability. Its error is then bounded for any number of trials, which
    no bootstrap p-value's is. All choices of signs are tried if there are at most `resamples`; otherwise so many are
    drawn and the observed one counts among them, so that p is never 0 (Phipson & Smyth 2010).

    Args:
        first: a number a trial, such as drop_pp, (trials,).
        second: of the same maps in the same order, (trials,).
        generator: seeded; the same seed gives the same result.
        confidence: of the interval, two-sided.
        resamples: of the bootstrap and of the test.

    Raises:
        InputError: shapes differ, no trials, or a value is not finite.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise InputError(f"paired trials are two lists of one length, got shapes {first.shape} and {second.shape}")
    differences = first - second
    if not np.isfinite(differences).all():
        raise InputError(f"trials {np.flatnonzero(~np.isfinite(differences)).tolist()} have no finite difference")
    mean = float(differences.mean())
    p_value = _sign_flip_p_value(differences[differences != 0], generator, resamples)
    if len(differences) == 1:
        return PairedDifference(mean, np.nan, np.nan, p_value)
    if np.ptp(differences) <= 1e-12 * abs(mean):
        return PairedDifference(mean, mean, mean, p_value)
    interval = bootstrap(
        (differences,), np.mean, n_resamples=resamples, confidence_level=confidence, method="BCa", rng=generator
    ).confidence_interval
    return PairedDifference(mean, float(interval.low), float(interval.high), p_value)


def holm(p_values) -> np.ndarray:
    """p-values adjusted for their number (Holm 1979): those at most alpha are rejected, any wrongly with at most alpha.

    The i-th smallest of m is multiplied by m + 1 - i, then none is below a smaller one, nor above 1.

    Args:
        p_values: (m,), in 0..1.

    Raises:
        InputError: a p-value outside 0..1, or NaN.
    """
    p_values = np.asarray(p_values, dtype=float)
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise InputError(f"p-values lie in 0..1, got {p_values.tolist()}")
    order = np.argsort(p_values)
    adjusted = np.empty_like(p_values)
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted


def _sign_flip_p_value(differences: np.ndarray, generator: np.random.Generator, resamples: int) -> float:
    """Share of the signs with which the differences' sum is at least as far from 0 as the observed one.

    Differences of 0 have no sign and are left out by the caller.
    """
    trials = len(differences)
    # Sums of the same size may differ by rounding.
    observed = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    if trials <= 40 and 2**trials <= resamples:
        negative = np.arange(2**trials)[:, None] >> np.arange(trials) & 1
        return float(np.mean(np.abs((1 - 2 * negative) @ differences) >= observed))
    as_far, left = 0, resamples
    while left:
        block = min(left, max(1, 1_000_000 // trials))
        negative = generator.integers(0, 2, (block, trials), dtype=np.int8)
        as_far += int(np.count_nonzero(np.abs((1.0 - 2.0 * negative) @ differences) >= observed))
        left -= block
    return (1 + as_far) / (1 + resamples)
