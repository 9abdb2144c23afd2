"""Runs over all images in batches with a fault for each batch, computed and drawn from which faults fail which images.

A run takes N images in batches of B and draws a fault for every batch, from faults that are as probable as their
weights, independently of each other. Its failure rate is the mean over the N / B batches of the share of the batch that
fails under its fault. So

- its expectation is the weighted mean over faults of the share of all images that fail, whatever B is;
- its variance is (B / N)^2 times the sum over batches of the variance between faults of the share of that batch. It
  holds at least B / N times the variance between faults of their shares of all images, which is what remains if every
  batch had as many images that fail under a fault as any other; the rest is which image meets which fault. At B = N one
  fault is held over the whole run.

These are the variances of a sample of clusters (Kish 1965): a batch is a cluster, and the design effect of B, its
variance over that of single images, is about 1 + (B - 1) x the correlation of two images under the same fault.
"""

from dataclasses import dataclass

import numpy as np

from sparebits.errors import InputError

_DRAWN = 1 << 22
"""Faults that are drawn at a time, which bounds the memory."""


@dataclass(frozen=True)
class RunVariance:
    """Of the failure rate of one run.

    Attributes:
        total: its variance.
        of_faults: the part of it that comes from which faults are drawn.
    """

    total: float
    of_faults: float


def batch_sizes_up_to(images: int) -> list[int]:
    """1, 2, 4, … up to the number of images.

    Raises:
        InputError: the number of images is no power of two, so that batches of some size would not be equal.
    """
    if images < 2 or images & (images - 1):
        raise InputError(f"batches of every power of two need a power of two of images, got {images}")
    return [1 << power for power in range(images.bit_length())]


def batch_shares(failures: np.ndarray, batch_size: int) -> np.ndarray:
    """Share of every batch that fails under each fault, float64 (faults, batches).

    Args:
        failures: bool (faults, images), the images in the order in which batches take them.
        batch_size: divides their number.
    """
    return failures.reshape(len(failures), -1, batch_size).mean(axis=2)


def run_variance(shares: np.ndarray, weights: np.ndarray) -> RunVariance:
    """Exact variance of a run's failure rate.

    Args:
        shares: of `batch_shares`.
        weights: probability of each fault to be drawn, (faults,), in all 1.
    """
    batches = shares.shape[1]
    of_batches = weights @ (shares - weights @ shares) ** 2
    rates = shares.mean(axis=1)
    of_rates = weights @ (rates - weights @ rates) ** 2
    return RunVariance(float(of_batches.sum() / batches**2), float(of_rates / batches))


def draw_runs(shares: np.ndarray, weights: np.ndarray, runs: int, generator: np.random.Generator) -> np.ndarray:
    """Failure rates of runs whose faults are drawn, float64 (runs,); arguments as `run_variance`."""
    faults, batches = shares.shape
    are_alike = np.ptp(weights) == 0
    rates = np.zeros(runs)
    if not shares.any():
        return rates
    places = np.arange(batches)
    at_a_time = max(1, _DRAWN // batches)
    for first in range(0, runs, at_a_time):
        size = (min(at_a_time, runs - first), batches)
        drawn = generator.integers(faults, size=size) if are_alike else generator.choice(faults, size, p=weights)
        rates[first : first + size[0]] = shares[drawn, places].mean(axis=1)
    return rates
