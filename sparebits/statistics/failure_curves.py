"""How the probability of a failure rises with the size of a change: a logistic curve that levels out below 1.

Many faults do no harm however large they are, such as a weight whose input is always 0. So the curve ends at a plateau.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from sparebits.errors import InputError

_LEAST_PLATEAU, _SLOPES, _STEPS = -9.0, (-3.0, 4.0), 100
"""Logit of the lowest plateau (and with the other sign of the highest), logarithms of slopes, and steps of a fit."""


@dataclass(frozen=True)
class FailureCurve:
    """P(failure | size) = plateau / (1 + exp(-slope (size - middle))), sizes being decimal logarithms.

    Attributes:
        plateau: in 0..1, where the curve ends.
        middle: size at which half of it is reached.
        slope: above 0; natural units of log odds for ten times the size.
        deviance: of the fit, trial by trial: twice the log likelihood that it lacks to one that knows every outcome.
    """

    plateau: float
    middle: float
    slope: float
    deviance: float

    def rates(self, sizes: np.ndarray) -> np.ndarray:
        """P(failure) at some sizes; same shape."""
        return self.plateau * expit(self.slope * (np.asarray(sizes, dtype=float) - self.middle))

    def size_at(self, rate: float) -> float:
        """The size at which P(failure) reaches a rate; infinity if it never does."""
        if rate >= self.plateau:
            return np.inf
        return self.middle + float(logit(rate / self.plateau)) / self.slope


def fit_curve(sizes, failures, trials, begin: FailureCurve | None = None) -> FailureCurve:
    """The curve of greatest likelihood, by Fisher's scoring, damped (Levenberg 1944).

    Args:
        sizes: decimal logarithms, (sizes,), finite.
        failures: of the `trials` of each size, (sizes,).
        begin: a curve to begin from; else several are tried.

    Raises:
        InputError: shapes differ, a size is not finite, or no trial fails: without a failure there is no curve.
    """
    sizes, failures, trials = (np.asarray(numbers, dtype=float) for numbers in (sizes, failures, trials))
    if sizes.ndim != 1 or not sizes.shape == failures.shape == trials.shape or not np.isfinite(sizes).all():
        raise InputError(f"a curve takes finite sizes and what failed of each, got {sizes.shape} and {failures.shape}")
    if not failures.any():
        raise InputError("no trial fails, so there is no curve to fit")
    lowest = np.array([_LEAST_PLATEAU, sizes.min() - 3, _SLOPES[0]])
    highest = np.array([-_LEAST_PLATEAU, sizes.max() + 3, _SLOPES[1]])
    if begin is None:
        failing = sizes[failures > 0].min()
        upper = sizes >= np.median(np.repeat(sizes, failures.astype(int)))
        share = np.clip(failures[upper].sum() / trials[upper].sum(), 0.02, 0.98)
        starts = [
            (logit(share), failing + part * (sizes.max() - failing), slope)
            for part in (0.05, 0.3)
            for slope in (0, 1.5)
        ]
    else:
        starts = [(logit(np.clip(begin.plateau, 1e-6, 1 - 1e-6)), begin.middle, np.log(begin.slope))]
    ends = [_scored(np.clip(start, lowest, highest), (lowest, highest), sizes, failures, trials) for start in starts]
    at, loss = min(ends, key=lambda end: end[1])
    return FailureCurve(float(expit(at[0])), float(at[1]), float(np.exp(at[2])), 2 * loss)


def resampled_curves(
    sizes, failed, strata, curve: FailureCurve, generator: np.random.Generator, resamples: int
) -> list[FailureCurve]:
    """Curves of trials drawn with replacement within their strata: the bootstrap (Efron 1979).

    Args:
        sizes: decimal logarithms, (trials,).
        failed: bool (trials,).
        strata: of each trial, such as its bit, (trials,); as many trials of each were drawn as there are.
        curve: fitted to all trials, from which the fits begin.

    Returns:
        one a sample, without those in which no trial fails.
    """
    failed = np.asarray(failed, dtype=float)
    different, place = np.unique(sizes, return_inverse=True)
    order = np.argsort(strata, kind="stable")
    _, starts, counts = np.unique(np.asarray(strata)[order], return_index=True, return_counts=True)
    start, count = np.repeat(starts, counts), np.repeat(counts, counts)
    curves = []
    for _ in range(resamples):
        drawn = order[start + (generator.random(len(order)) * count).astype(np.int64)]
        if failed[drawn].any():
            failures = np.bincount(place[drawn], failed[drawn], minlength=len(different))
            trials = np.bincount(place[drawn], minlength=len(different))
            curves.append(fit_curve(different, failures, trials, curve))
    return curves


def _scored(at: np.ndarray, bounds: tuple, sizes: np.ndarray, failures: np.ndarray, trials: np.ndarray) -> tuple:
    """Where a fit ends, (logit plateau, middle, log slope), and its negative log likelihood."""
    damping = 1e-3
    loss, gradient, information = _loss(at, sizes, failures, trials)
    for _ in range(_STEPS):
        scale = np.diag(information)
        # A parameter that the trials say nothing of stays where it is.
        ridge = np.diag(damping * np.maximum(scale, 1e-6 * max(1.0, scale.max())))
        tried = np.clip(at + np.linalg.solve(information + ridge, gradient), *bounds)
        found = _loss(tried, sizes, failures, trials)
        if not found[0] < loss:
            damping *= 10
            if damping > 1e6:
                break
            continue
        gained = loss - found[0]
        at, (loss, gradient, information), damping = tried, found, max(damping / 5, 1e-9)
        if gained < 1e-6:
            break
    return at, loss


def _loss(
    at: np.ndarray, sizes: np.ndarray, failures: np.ndarray, trials: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Negative log likelihood, the direction that lessens it most, and the expected information."""
    plateau, slope = expit(at[0]), np.exp(at[2])
    odds = slope * (sizes - at[1])
    rise, fall = expit(odds), expit(-odds)
    # 1 - P, accurate where both plateau and rise are near 1.
    spared = np.maximum((1 - plateau) + plateau * fall, 1e-300)
    rates = plateau * rise
    loss = -(failures * (np.log(plateau) - np.logaddexp(0, -odds)) + (trials - failures) * np.log(spared)).sum()
    # Derivatives of log P by the three parameters.
    of_log = np.stack([np.full(len(sizes), 1 - plateau), -slope * fall, fall * odds])
    gradient = of_log @ ((failures - trials * rates) / spared)
    return float(loss), gradient, (of_log * (trials * rates / spared)) @ of_log.T
