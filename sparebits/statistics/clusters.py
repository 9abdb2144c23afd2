"""Failure rates where trials hang together: images made from one source, all images under one fault, or both."""

from dataclasses import dataclass

import numpy as np

from sparebits.errors import InputError
from sparebits.statistics.strata import highest_bound


@dataclass(frozen=True)
class ClusteredRate:
    """A failure rate in 0..1 with its two-sided interval.

    Attributes:
        variance: of the rate as an estimate.
        trials_variance: the part of it that comes from which faults were drawn; 0 where there is one fault only.
    """

    rate: float
    low: float
    high: float
    variance: float
    trials_variance: float


def clustered_rate(failures, sizes, confidence: float = 0.95) -> ClusteredRate:
    """Failure rate of one fault over images that come in clusters, such as alterations of one image.

    The rate is a ratio estimate, all failures over all images; its variance is between clusters (Cochran 1977, section
    11). The interval is that of `crossed_rate`, a cluster in the place of a fault.

    Args:
        failures: of each cluster, (clusters,).
        sizes: images of each cluster, (clusters,).

    Raises:
        InputError: fewer than 2 clusters, or failures do not lie in 0..sizes.
    """
    failures, sizes = _checked(np.asarray(failures, dtype=float)[None, :], sizes)
    images, shares = sizes.sum(), failures[0] / sizes
    rate = float(failures.sum() / images)
    variance = _between((failures[0] - rate * sizes) / images)
    return ClusteredRate(rate, *_interval(rate, variance, sizes / images, shares, confidence), variance, 0.0)


def crossed_rate(failures, sizes, strata=None, populations=None, confidence: float = 0.95) -> ClusteredRate:
    """Mean failure rate of faults, each of which met the same images, which come in clusters.

    Its variance is two-way: that between faults plus that between clusters less what both count, that of single cells
    (Cameron, Gelbach & Miller 2011). Faults that were drawn stratum by stratum are weighted with the population behind
    them, and vary within their strata (Cochran 1977, section 5).

    The interval holds near 0, where most faults do nothing and one more could do much: its upper bound is a quantile of
    the beta distribution with the mean and the variance that the rate would have after one more fault that always
    fails (Fay & Feuer 1997, see strata.stratified_rate); the lower bound is the same for one that never does. If every
    fault fails wholly or not at all it is that of strata.stratified_rate over faults.

    Args:
        failures: of each fault in each cluster, (faults, clusters).
        sizes: images of each cluster, (clusters,).
        strata: number of the stratum of each fault, from 0, (faults,); None for a single one.
        populations: possible faults in each stratum, or numbers in proportion to it, (strata,); None for equal ones.

    Raises:
        InputError: fewer than 2 clusters or 2 faults of a stratum, or failures do not lie in 0..sizes.
    """
    failures, sizes = _checked(np.asarray(failures, dtype=float), sizes)
    strata = np.zeros(len(failures), dtype=np.int64) if strata is None else np.asarray(strata)
    counts = np.bincount(strata)
    if len(strata) != len(failures) or not (counts >= 2).all():
        raise InputError(f"every stratum has at least 2 faults, got {counts.tolist()} for {len(failures)} faults")
    populations = np.ones(len(counts)) if populations is None else np.asarray(populations, dtype=float)
    steps = populations / populations.sum() / counts
    weights, images = steps[strata], sizes.sum()
    shares = failures.sum(axis=1) / images
    of_strata = np.bincount(strata, weights=shares) / counts
    rate = float(weights @ shares)
    # What a fault's rate is off that of its stratum, as far as it weighs.
    off = weights * (shares - of_strata[strata])
    trials_variance = float((counts / (counts - 1)) @ np.bincount(strata, weights=off**2))
    images_variance = _between((weights @ failures - rate * sizes) / images)
    cells = (failures - of_strata[strata, None] * sizes) / images
    cells_variance = float(weights**2 @ (cells**2).sum(axis=1))
    variance = max(trials_variance + images_variance - cells_variance, trials_variance, images_variance)
    interval = _interval(rate, variance, steps, of_strata, confidence)
    return ClusteredRate(rate, *interval, variance, trials_variance)


def _between(parts: np.ndarray) -> float:
    """Variance of the sum of parts that have the mean 0, each from a cluster of its own."""
    return float(len(parts) / (len(parts) - 1) * (parts**2).sum())


def _interval(rate: float, variance: float, steps, shares, confidence: float) -> tuple[float, float]:
    error = (1 - confidence) / 2
    high = highest_bound(rate, variance, steps, 1 - shares, error)
    low = 1 - highest_bound(1 - rate, variance, steps, shares, error)
    return (low if rate > 0 else 0.0), (high if rate < 1 else 1.0)


def _checked(failures: np.ndarray, sizes) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.asarray(sizes, dtype=float)
    if failures.ndim != 2 or sizes.shape != failures.shape[1:]:
        raise InputError(f"failures have an entry for each cluster, got {failures.shape} for sizes of {sizes.shape}")
    if len(sizes) < 2:
        raise InputError(f"a variance between clusters needs at least 2 of them, got {len(sizes)}")
    if not ((failures >= 0) & (failures <= sizes)).all() or not (sizes > 0).all():
        raise InputError("failures of a cluster lie between 0 and its images, of which it has at least one")
    return failures, sizes
