"""The bit error rate that a scheme holds: failures are rare at it and at every lower rate."""

import numpy as np

from sparebits.errors import InputError
from sparebits.statistics.intervals import exact_upper_bound


def held_rate(rates, failures, trials, limit: float = 0.01, confidence: float = 0.95) -> float:
    """The highest rate such that at it and at every lower measured one P(failure) is shown to lie below `limit`.

    Shown means: the exact one-sided upper bound (Clopper & Pearson 1934) lies below the limit; 0 failures in 299 trials
    suffice for 1 % at 95 %, 0 in 298 do not. Rates are tested from the lowest up and the first that is not shown ends
    it (fixed-sequence test, Maurer, Hothorn & Lehmacher 1995). So the probability of naming a rate although
    P(failure) >= limit at it or at a lower measured one is at most 1 - confidence, without a correction for the number
    of rates.

    Args:
        rates: bit error rates above 0, in any order.
        failures: trials at each rate that failed, such as by a drop of more than 1 pp.
        trials: at each rate; how many was fixed in advance.

    Returns:
        a rate, 0.0 if none is held.

    Raises:
        InputError: shapes differ, a rate is not above 0 or occurs twice, or failures do not lie in 0..trials.
    """
    rates, failures, trials = (np.asarray(numbers, dtype=float) for numbers in (rates, failures, trials))
    if not (rates.ndim == 1 and rates.shape == failures.shape == trials.shape):
        raise InputError(
            f"rates, failures and trials are lists of one length, got {rates.shape}, {failures.shape}, {trials.shape}"
        )
    if not (rates > 0).all() or len(np.unique(rates)) < len(rates):
        raise InputError(f"bit error rates are above 0 and differ, got {rates.tolist()}")
    if not ((failures >= 0) & (failures <= trials)).all():
        raise InputError(f"failures lie in 0..trials, got {failures.tolist()} of {trials.tolist()}")
    order = np.argsort(rates)
    shown = exact_upper_bound(failures, trials, confidence) < limit
    held = rates[order][np.logical_and.accumulate(shown[order])]
    return float(held[-1]) if len(held) else 0.0
