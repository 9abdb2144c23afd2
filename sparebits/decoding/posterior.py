"""Posterior mean: for a word too far from every codeword, the mean of all values, weighted by how likely each is.

By Bayes' rule a word came from a codeword at distance d with a probability proportional to prior x (p / (1 - p))^d. The
mean under these weights has the smallest expected squared error of all guesses. The prior is what the tensor's other
words hold.
"""

import numba
import numpy as np
from scipy.fft import dct, idct

from sparebits.decoding.bounded_distance import LISTED_BITS
from sparebits.decoding.popcount import popcount
from sparebits.errors import InputError


def prior_of(data: np.ndarray, order: np.ndarray, negatives: int) -> np.ndarray:
    """Probability of each data word in a tensor, by a smoothed histogram of those that were decoded.

    The histogram is smoothed along the values in ascending order, where a minifloat's neighbours differ by the same
    ratio, with a Gaussian of Silverman's bandwidth (Silverman 1986, eq. 3.31). Weights have two signs and so two modes,
    which would make it far too wide: the spread is that of the magnitudes' ranks. A floor of weight 1 / (N + 1), the
    same for all data words, keeps every one of them possible.

    Args:
        data: data words (N,), unsigned; without detected ones.
        order: int64 (2^k,), the data words by ascending value.
        negatives: how many of them have a negative sign; 0 or 2^(k - 1) in most layouts.

    Returns:
        float64 (2^k,), the index is the data word; positive, sums to 1, uniform for N = 0.
    """
    size = len(order)
    if not len(data):
        return np.full(size, 1 / size)
    counts = np.bincount(data, minlength=size)[order]
    floor = 1 / (len(data) + 1)
    prior = np.empty(size)
    prior[order] = (1 - floor) * smooth(counts / len(data), silverman_bandwidth(counts, negatives)) + floor / size
    return prior


def silverman_bandwidth(counts: np.ndarray, negatives: int) -> float:
    """0.9 min(standard deviation, interquartile range / 1.34) N^(-1/5) of the magnitudes, in ranks.

    The standard deviation alone where more than half of the magnitudes are equal; 0 where all are.

    Args:
        counts: integers (2^k,), how often each value occurs, in ascending order; N of them in all, at least one.
        negatives: how many of the values, the first, are negative.
    """
    ranks = np.arange(len(counts)) - negatives
    magnitudes = np.bincount(np.where(ranks < 0, -1 - ranks, ranks), weights=counts)
    number = magnitudes.sum()
    ranks = np.arange(len(magnitudes))
    deviation = np.sqrt(magnitudes @ (ranks - magnitudes @ ranks / number) ** 2 / number)
    low, high = np.searchsorted(magnitudes.cumsum(), [number / 4, 3 * number / 4])
    spread = min(deviation, (high - low) / 1.34) if high > low else deviation
    return 0.9 * spread * number**-0.2


def smooth(density: np.ndarray, bandwidth: float) -> np.ndarray:
    """The density after diffusion by `bandwidth` ranks, with ends that reflect: (size,), sums to what it did.

    That is a Gaussian filter whose kernel stays positive at the ends and at bandwidths below 1 (Botev, Grotowski &
    Kroese 2010; here with steps of one rank). Cosines are its eigenvectors.
    """
    frequencies = np.pi * np.arange(len(density)) / len(density)
    damping = np.exp(-(bandwidth**2) * (1 - np.cos(frequencies)))
    # The kernel is positive; only rounding is not.
    return np.maximum(idct(dct(density) * damping), 0)


def posterior_means(
    codewords: np.ndarray, words: np.ndarray, values: np.ndarray, prior: np.ndarray, p: float
) -> np.ndarray:
    """Expected value of each word given its bits: sum of value x prior x (p / (1 - p))^distance, normalised.

    Args:
        codewords: packed (2^k,), n <= 64 and k <= 17; the index is the data word.
        words: packed (N,), of the same type. Bits n and above are as far from all codewords, so they do not matter.
        values: finite float64 (2^k,), what each data word stands for.
        prior: float64 (2^k,), not negative, positive somewhere; need not sum to 1.
        p: probability that a bit was flipped; above 1/2 taken for 1/2, and 0 for the smallest positive number.

    Returns:
        float64 (N,), not rounded to the format of the values.

    Raises:
        InputError: there are too many codewords.
        ValueError: types or shapes do not fit, or a value or the prior is not as described.
    """
    if len(codewords) > 1 << LISTED_BITS:
        raise InputError(
            f"a posterior mean weighs each word against all codewords, at most 2^{LISTED_BITS}, not {len(codewords)}: "
            "choose another decoder for codes of more data bits"
        )
    if codewords.ndim != 1 or words.ndim != 1 or words.dtype != codewords.dtype:
        raise ValueError(
            f"expected words (N,) and codewords (2^k,) of one type, got {words.dtype} {words.shape} and "
            f"{codewords.dtype} {codewords.shape}"
        )
    if not len(values) == len(prior) == len(codewords):
        raise ValueError(f"{len(codewords)} codewords have {len(values)} values and a prior of {len(prior)}")
    if not np.isfinite(values).all() or not np.isfinite(prior).all() or (prior < 0).any() or not (prior > 0).any():
        raise ValueError("values are finite, and a prior is finite, not negative, and positive somewhere")
    p = min(max(p, np.finfo(float).tiny), 0.5)
    weights = (p / (1 - p)) ** np.arange(8 * words.itemsize + 1, dtype=float)
    possible = prior > 0
    means = np.empty(len(words))
    _average(
        np.ascontiguousarray(words),
        codewords[possible],
        values[possible].astype(float),
        prior[possible] / prior.max(),
        weights,
        means,
    )
    return means


# Sums may be reordered, the same for every word, or they would not be vectorised.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _average(words, codewords, values, prior, weights, means):
    for row in range(words.size):
        # Weights relative to the nearest codeword, as those of large distances would vanish altogether.
        nearest = weights.size
        for index in range(codewords.size):
            nearest = min(nearest, np.int64(popcount(words[row] ^ codewords[index])))
        total = 0.0
        mean = 0.0
        for index in range(codewords.size):
            excess = np.int64(popcount(words[row] ^ codewords[index])) - nearest
            weight = weights[excess] * prior[index]
            total += weight
            mean += weight * values[index]
        means[row] = mean / total
