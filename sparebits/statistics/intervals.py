"""Intervals and bounds of a proportion: hits among images, failures among trials."""

import numpy as np
from scipy.special import betainccinv, betaincinv, ndtri


def wilson_interval(hits, images, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Score interval of a proportion (Wilson 1927); `hits` of `images`, numbers or arrays, bounds in 0..1."""
    z2 = ndtri((1 + confidence) / 2) ** 2
    hits, images = np.asarray(hits, dtype=float), np.asarray(images, dtype=float)
    centre = (hits + z2 / 2) / (images + z2)
    half = np.sqrt(z2 * (hits * (images - hits) / images + z2 / 4)) / (images + z2)
    # Exact at the ends, where rounding would leave 1e-17.
    low = np.where(hits == 0, 0.0, np.maximum(centre - half, 0))
    high = np.where(hits == images, 1.0, np.minimum(centre + half, 1))
    return low, high


def clopper_pearson_interval(failures, trials, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exact two-sided interval of a probability (Clopper & Pearson 1934), half of the error at either end.

    Args:
        failures: of independent `trials`, numbers or arrays; with 0 trials the interval is 0..1.
        trials: their number was fixed before they were made, see sequential.py otherwise.
        confidence: the least share of experiments in which the interval holds the probability.

    Returns:
        low and high, in 0..1.
    """
    one_sided = (1 + confidence) / 2
    return exact_lower_bound(failures, trials, one_sided), exact_upper_bound(failures, trials, one_sided)


def exact_upper_bound(failures, trials, confidence: float | np.ndarray = 0.95) -> np.ndarray:
    """One-sided upper bound of a probability (Clopper & Pearson 1934): `failures` of independent `trials`, in 0..1.

    The probability at which so few failures or fewer have the probability 1 - confidence. Without any failure it is
    1 - (1 - confidence)^(1 / trials), about 3 / trials at 95 %.
    """
    failures, trials = np.asarray(failures, dtype=float), np.asarray(trials, dtype=float)
    bound = betaincinv(failures + 1, np.maximum(trials - failures, 1), confidence)
    return np.where(failures == trials, 1.0, bound)


def exact_lower_bound(failures, trials, confidence: float | np.ndarray = 0.95) -> np.ndarray:
    """One-sided lower bound of a probability (Clopper & Pearson 1934): `failures` of independent `trials`, in 0..1.

    The probability at which so many failures or more have the probability 1 - confidence; 0 without any failure.
    """
    failures, trials = np.asarray(failures, dtype=float), np.asarray(trials, dtype=float)
    bound = betainccinv(np.maximum(failures, 1), trials - failures + 1, confidence)
    return np.where(failures == 0, 0.0, bound)
