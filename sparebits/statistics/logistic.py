"""Logistic regression: log odds of a failure as a sum of what circumstances contribute, and nested models compared."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, xlogy
from scipy.stats import chi2

from sparebits.errors import InputError

_RIDGE = 1e-6
"""Keeps the estimates of circumstances that always fail, or never, finite; it moves a deviance by less than 1e-3."""
_STEPS = 100


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """A fitted model.

    Attributes:
        estimates: log odds ratios, (columns,).
        errors: their standard errors, (columns,); of no use where a circumstance always fails, or never.
        deviance: twice the log likelihood that the model lacks to the one that knows every outcome.
        parameters: the rank of the design.
    """

    estimates: np.ndarray
    errors: np.ndarray
    deviance: float
    parameters: int


def fit_logistic(design: np.ndarray, failed: np.ndarray) -> LogisticFit:
    """Maximum likelihood fit by Newton's method (iteratively reweighted least squares, McCullagh & Nelder 1989).

    Args:
        design: float64 (trials, columns), with a column of ones if a constant is wanted.
        failed: bool (trials,).

    Raises:
        InputError: shapes do not fit, or a value of the design is not finite.
    """
    design, failed = np.asarray(design, dtype=float), np.asarray(failed, dtype=float)
    if design.ndim != 2 or failed.shape != design.shape[:1]:
        raise InputError(f"a design has a row a trial, got {design.shape} for outcomes {failed.shape}")
    if not np.isfinite(design).all():
        raise InputError("a design of a logistic regression holds finite numbers only")
    scale = np.maximum(np.abs(design).max(axis=0, initial=0), 1e-300)
    scaled = design / scale
    estimates, ridge = np.zeros(design.shape[1]), _RIDGE * np.eye(design.shape[1])
    lost = _loss(scaled, failed, estimates)
    for _ in range(_STEPS):
        rates = expit(scaled @ estimates)
        information = (scaled * (rates * (1 - rates))[:, None]).T @ scaled + ridge
        step = np.linalg.solve(information, scaled.T @ (failed - rates) - _RIDGE * estimates)
        size = 1.0
        while (less := _loss(scaled, failed, estimates + size * step)) > lost and size > 1e-6:
            size /= 2
        estimates = estimates + size * step
        if lost - less < 1e-10 * (1 + lost):
            break
        lost = less
    rates = expit(scaled @ estimates)
    information = (scaled * (rates * (1 - rates))[:, None]).T @ scaled + ridge
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    rank = int(np.linalg.matrix_rank(design / scale)) if design.size else 0
    return LogisticFit(estimates / scale, errors / scale, deviance(failed, rates), rank)


def deviance(failed: np.ndarray, rates: np.ndarray) -> float:
    """Of predicted failure rates, each in 0..1, for outcomes, 0 or 1."""
    return float(-2 * (xlogy(failed, rates) + xlogy(1 - failed, 1 - rates)).sum())


def likelihood_ratio_p(smaller: float, larger: float, parameters: int) -> float:
    """Whether more parameters explain more than chance would: the likelihood-ratio test of nested models (Wilks 1938).

    Args:
        smaller: deviance of the model with fewer parameters.
        larger: of the one that contains it.
        parameters: that it has more.
    """
    return float(chi2.sf(max(smaller - larger, 0.0), parameters)) if parameters else 1.0


def indicators(labels: np.ndarray, named: list) -> np.ndarray:
    """A column for each of some labels: 1 where a trial has it, float64 (trials, named)."""
    return (np.asarray(labels)[:, None] == np.asarray(named)[None, :]).astype(float).reshape(len(labels), len(named))


def _loss(design: np.ndarray, failed: np.ndarray, estimates: np.ndarray) -> float:
    """Negative log likelihood, and the ridge."""
    odds = design @ estimates
    return float((np.logaddexp(0, odds) - failed * odds).sum() + _RIDGE / 2 * estimates @ estimates)
