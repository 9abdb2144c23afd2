"""Failure rates put together from strata: classes of faults sampled apart, or numbers of failed words."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainccinv, betaincinv
from scipy.stats import binom

from sparebits.errors import InputError


@dataclass(frozen=True)
class StratifiedRate:
    """A failure rate with its two-sided interval, all in 0..1."""

    rate: float
    low: float
    high: float


def stratified_rate(failures, trials, populations, confidence: float = 0.95) -> StratifiedRate:
    """Failure rate over all faults where each stratum (bit position, layer type, ...) was sampled on its own.

    The estimate is sum W_h p_h (Cochran 1977), W_h being the stratum's share of the population and p_h its failures per
    trial. The interval follows Fay & Feuer (1997), who made it for weighted sums of counts, so that it keeps its
    coverage with few failures or none, where normal and Wilson intervals do not. Its upper bound is a quantile of the
    distribution with the mean and the variance that the estimate would have after one more failure, in the stratum
    where that leads highest; the lower bound is the same for successes. Theirs is a gamma distribution with Poisson
    variances. Here it is a beta distribution with binomial variances, so that strata that always fail, or never, widen
    the interval but little. Of one stratum it is Clopper and Pearson's interval, a little wider.

    That it holds with `confidence` is not proven but found: by summing over all outcomes of small samples and by
    simulation of up to 32 strata, for rates from 0 to 1.

    Args:
        failures: of each stratum, (strata,).
        trials: of each stratum, at least 2, (strata,); faults are drawn evenly within a stratum. Draws without
            replacement make the interval wider than needed.
        populations: possible faults in each stratum, or any numbers in proportion to it, (strata,).

    Raises:
        InputError: shapes differ, a stratum has fewer than 2 trials (one has no variance), failures do not lie in
            0..trials, or a population is not above 0.
    """
    failures, trials, populations = (np.asarray(numbers, dtype=float) for numbers in (failures, trials, populations))
    if not (trials.ndim == 1 and trials.size and failures.shape == trials.shape == populations.shape):
        shapes = f"{failures.shape}, {trials.shape}, {populations.shape}"
        raise InputError(f"failures, trials and populations have an entry for each stratum, got {shapes}")
    if not (trials >= 2).all():
        sparse = np.flatnonzero(~(trials >= 2)).tolist()
        raise InputError(f"strata {sparse} have fewer than 2 trials; sample each stratum or leave it out of both")
    if not ((failures >= 0) & (failures <= trials)).all():
        raise InputError(f"failures lie in 0..trials, got {failures.tolist()} of {trials.tolist()}")
    if not (populations > 0).all():
        raise InputError(f"populations of strata are above 0, got {populations.tolist()}")
    weights, shares = populations / populations.sum(), failures / trials
    rate = float(weights @ shares)
    variance = float(weights**2 @ (shares * (1 - shares) / (trials - 1)))
    high = highest_bound(rate, variance, weights / trials, 1 - shares, (1 - confidence) / 2)
    low = 1 - highest_bound(1 - rate, variance, weights / trials, shares, (1 - confidence) / 2)
    return StratifiedRate(rate, low if failures.any() else 0.0, high if (failures < trials).any() else 1.0)


@dataclass(frozen=True)
class RateByFailedWords:
    """P(failure) of a network whose number of failed words has a known distribution.

    Attributes:
        rate: sum of P(J = j) P(failure | J = j) over the j that were sampled, the others counted as no failure.
        high: one-sided upper bound of P(failure), the others counted as failures.
        unsampled: probability of the others, the part of `high` that no further trial at the sampled j takes away.
    """

    rate: float
    high: float
    unsampled: float


def failed_words_distribution(words: int, probability: float, most: int) -> np.ndarray:
    """Distribution of J, the number of failed words among independent ones: binomial(words, probability).

    Args:
        words: critical code words of the network.
        probability: that one fails, by the code's exact distribution.
        most: the largest j of interest.

    Returns:
        P(J = 0), ..., P(J = most), P(J > most): float64 (most + 2,). Each is accurate in itself, the tail too: it is
        summed on its own and not what the others leave of 1.
    """
    return np.append(binom.pmf(np.arange(most + 1), words, probability), binom.sf(most, words, probability))


def rate_by_failed_words(probabilities, failures, trials, confidence: float = 0.95) -> RateByFailedWords:
    """P(failure) = sum over j of P(J = j) P(failure | J = j), J being the number of failed critical words.

    P(J = j) is exact and only the conditional rates are sampled, by trials with exactly j failed words. So rare numbers
    of failed words can be tried as often as wanted, and a rate far below 1 / trials can be shown.

    The bound is the sum of exact upper bounds (Clopper & Pearson 1934), each with an error of its own. The errors add
    up to 1 - confidence, so it holds with at least this confidence whatever the rates are (Bonferroni). They are in
    proportion to P(J = j) / trials, which makes the bound least if nothing fails, and depend on nothing observed.

    Args:
        probabilities: P(J = 0), P(J = 1), ... and last that of all greater j, as `failed_words_distribution` gives
            them, (strata + 1,).
        failures: trials with j failed words that failed, (strata,).
        trials: with j failed words, fixed in advance, (strata,). With 0 trials nothing is known of this j and it counts
            as unsampled; infinity says that it is known never to fail, such as j = 0 where the network is then the
            fault-free one.

    Raises:
        InputError: lengths do not fit, probabilities do not sum to 1, or failures do not lie in 0..trials.
    """
    probabilities, failures, trials = (
        np.asarray(numbers, dtype=float) for numbers in (probabilities, failures, trials)
    )
    if not (failures.ndim == 1 and failures.shape == trials.shape and probabilities.shape == (len(trials) + 1,)):
        shapes = f"{probabilities.shape}, {failures.shape}, {trials.shape}"
        raise InputError(f"probabilities have one entry more than failures and trials, that of the rest; got {shapes}")
    if not (probabilities >= 0).all() or abs(probabilities.sum() - 1) > 1e-9:
        raise InputError(f"probabilities of the numbers of failed words sum to 1, got {probabilities.sum()!r}")
    if not ((failures >= 0) & (failures <= trials)).all() or (failures[np.isinf(trials)] > 0).any():
        raise InputError(f"failures lie in 0..trials, got {failures.tolist()} of {trials.tolist()}")
    sampled = (trials > 0) & np.isfinite(trials) & (probabilities[:-1] > 0)
    mass, failures, sample = probabilities[:-1][sampled], failures[sampled], trials[sampled]
    unsampled = float(probabilities[:-1][trials == 0].sum() + probabilities[-1])
    errors = (1 - confidence) * (mass / sample) / (mass / sample).sum()
    # The upper bound by its error, since 1 - error may be 1 in floating point.
    bounds = np.where(failures == sample, 1.0, betainccinv(failures + 1, np.maximum(sample - failures, 1), errors))
    high = min(1.0, float(mass @ bounds) + unsampled)
    return RateByFailedWords(float(mass @ (failures / sample)), high, unsampled)


def highest_bound(rate: float, variance: float, steps: np.ndarray, spared: np.ndarray, error: float) -> float:
    """Upper bound of a weighted rate: the highest of those by one more trial that fails, in any of the strata.

    Each is a quantile of the beta distribution with the mean and variance of the rate after that trial. With equal
    weights and rates it is beta(failures + 1, trials - failures), that of Clopper and Pearson. Trials may also fail in
    part, by a share in 0..1.

    Args:
        variance: of the rate.
        steps: what a trial of each stratum adds to the rate if it fails, (strata,).
        spared: share of the trials of each stratum that did not fail, (strata,).
        error: one-sided, 0.025 for a two-sided interval at 95 %.
    """
    more = steps * spared
    means = rate + more / (1 + steps)
    variances = (variance + more**2 / (1 + steps)) / ((1 + steps) * (1 + 2 * steps))
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.maximum(means * (1 - means) / variances - 1, 1)
    # Where another failure changes next to nothing the beta distribution is a point, and another stratum decides.
    wide = (means < 1) & (sizes < 1e12)
    first, second = (means * sizes)[wide], ((1 - means) * sizes)[wide]
    return float(max(betaincinv(first, second, 1 - error), default=rate))
