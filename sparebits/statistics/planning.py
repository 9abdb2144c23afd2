"""How many faults or trials a statement needs, before any is made."""

import numpy as np
from scipy.special import bdtr, ndtri

from sparebits.errors import InputError


def faults_needed(population, margin: float, confidence: float = 0.95, proportion: float = 0.5) -> np.ndarray:
    """Faults to draw from all possible ones for a margin of error of a failure rate (Leveugle et al., DATE 2009).

    n = N / (1 + e^2 (N - 1) / (t^2 p (1 - p))), rounded up; t is the normal quantile, 1.95996 at 95 % (published
    figures have it rounded). The faults are drawn without replacement. The normal approximation behind it is of no
    use for rates near 0: for "less than 1 %" see `trials_needed`.

    Args:
        population: N, possible faults, such as bits of a network; a number or an array.
        margin: e, half the width of the interval, as a fraction: 0.01 is one percentage point.
        confidence: two-sided.
        proportion: p, the failure rate expected; 0.5 needs most faults.

    Returns:
        n, int64 of the shape of `population`.

    Raises:
        InputError: a population below 1, a margin that is not above 0, a proportion that is not between 0 and 1.
    """
    population = _checked_population(population, proportion)
    if not margin > 0:
        raise InputError(f"a margin of error is above 0, got {margin}; 0.01 is one percentage point")
    variance = ndtri((1 + confidence) / 2) ** 2 * proportion * (1 - proportion)
    return np.ceil(population / (1 + margin**2 * (population - 1) / variance)).astype(np.int64)


def margin_of_error(population, trials, confidence: float = 0.95, proportion: float = 0.5) -> np.ndarray:
    """Margin of error of a failure rate seen in `trials` faults out of a finite population, the inverse of the above.

    e = t sqrt(p (1 - p) / n x (N - n) / (N - 1)) (Leveugle et al. 2009; the last factor is the finite population
    correction, Cochran 1977); 0 if every fault was tried.

    Args:
        population: N, possible faults; a number or an array.
        trials: n of them, different ones.
        confidence: two-sided.
        proportion: p, the failure rate; 0.5 has the largest margin.

    Returns:
        e as a fraction, of the shape of the arguments.

    Raises:
        InputError: as above, and trials below 1 or more than the population.
    """
    population, trials = _checked_population(population, proportion), np.asarray(trials, dtype=float)
    if not ((trials >= 1) & (trials <= population)).all():
        raise InputError(f"trials out of a population of {population} faults lie in 1..{population}, got {trials}")
    correction = (population - trials) / np.maximum(population - 1, 1)
    return ndtri((1 + confidence) / 2) * np.sqrt(proportion * (1 - proportion) / trials * correction)


def trials_needed(limit: float, failures: int = 0, confidence: float = 0.95) -> int:
    """Fewest trials among which `failures` still show that a probability lies below `limit`.

    The least n with P(at most `failures` of n | limit) < 1 - confidence, so that the exact upper bound
    (intervals.exact_upper_bound) lies below the limit: 299 for 1 % at 95 % without a failure.

    Raises:
        InputError: a limit that is not between 0 and 1, or a negative number of failures.
    """
    if not 0 < limit < 1:
        raise InputError(f"a limit of a probability lies between 0 and 1, got {limit}")
    if failures < 0:
        raise InputError(f"a number of failures is not negative, got {failures}")
    too_few, enough = failures, failures + 1
    while bdtr(failures, enough, limit) >= 1 - confidence:
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if bdtr(failures, middle, limit) < 1 - confidence:
            enough = middle
        else:
            too_few = middle
    return enough


def _checked_population(population, proportion: float) -> np.ndarray:
    population = np.asarray(population, dtype=float)
    if not (population >= 1).all():
        raise InputError(f"a population has at least one fault, got {population}")
    if not 0 < proportion < 1:
        raise InputError(f"the expected failure rate lies between 0 and 1, got {proportion}; 0.5 needs most faults")
    return population
