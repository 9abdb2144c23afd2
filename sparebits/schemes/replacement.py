"""What a detected word of an ordinary floating-point layout becomes: the same policies for every scheme that detects.

- keep: what was read, errors included.
- zero: all bits zero.
- median: the lower median of the tensor's words that were read and not detected. It is computed when decoding, so it
  costs no memory. Words are ordered by value, -0 before 0, NaN beyond the infinities by their sign.
- posterior mean: the mean, rounded to the format, of the words that the code takes for the likeliest originals, those
  that the fewest flips explain. Each weighs what its sign and exponent field are worth in the tensor: a histogram of
  its undetected words with a floor of weight 1 / (N + 1), the same for all fields, as in decoding/posterior.py but not
  smoothed along the values. Exponents above all finite ones that were read undetected weigh nothing, so neither do
  infinities and NaN; where no candidate is left, the word becomes the median.

Our layouts have a window that no value lies above. Floats have not, and a floor for all fields would make the mean of
almost any candidates enormous: 1e-9 of the weight on 1e38 is 1e29. Hence the limit to the exponents that a tensor
shows.

A tensor without an undetected word has the median zero. Zeroing detected words is the policy of opportunistic parity
(see parity_zero.py), the median that of our own codes; the posterior mean is Bayes' rule, the guess of the smallest
expected squared error.
"""

from collections.abc import Callable, Iterable

import numba
import numpy as np

from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.parameters import ParameterTensor, doubles_of, nearest_words
from sparebits.schemes.names import POLICIES

Candidates = Callable[[np.ndarray], np.ndarray]
"""The likeliest originals, words (M, C), of the values at these indices, int64 (M,). Several flips may lead to the same
word, which then counts as often. Rows with fewer than C are filled up with words that are not finite."""

ROWS = 1 << 14
"""Values whose candidates are weighed at once."""


def scheme_name(name: str | None, scheme: str, policy: str, published: str) -> str:
    """The name given, or else the scheme's, with a policy that is not the published one: "CEP", "CEP, median".

    Raises:
        InputError: there is no such policy.
    """
    if policy not in POLICIES:
        raise InputError(f"{scheme} has no policy {policy!r} for detected words: choose one of {', '.join(POLICIES)}")
    return name or (scheme if policy == published else f"{scheme}, {policy}")


def replace_detected(
    words: np.ndarray,
    detected: np.ndarray,
    policy: str,
    tensors: Iterable[ParameterTensor],
    fmt: FloatFormat,
    candidates: Candidates,
) -> np.ndarray:
    """The words with those detected replaced.

    Args:
        words: as read, (values,), of the format's unsigned integer type.
        detected: indices of those that are not to be trusted, int64, ascending.
        policy: one of names.POLICIES.
        tensors: of the network.
        fmt: of the words.
        candidates: of detected words; asked for posterior means only.

    Returns:
        (values,), new memory unless nothing is replaced.
    """
    if policy == "keep" or not len(detected):
        return words
    replaced = words.copy()
    if policy == "zero":
        replaced[detected] = 0
        return replaced
    for tensor in tensors:
        span = tensor.span
        own = detected[slice(*np.searchsorted(detected, [span.start, span.stop]))]
        if not len(own):
            continue
        is_trusted = np.ones(span.stop - span.start, dtype=bool)
        is_trusted[own - span.start] = False
        trusted = words[span][is_trusted]
        median = lower_median(trusted, fmt)
        if policy == "median":
            replaced[own] = median
            continue
        prior = field_prior(trusted, fmt)
        for start in range(0, len(own), ROWS):
            rows = own[start : start + ROWS]
            replaced[rows] = posterior_means(candidates(rows), prior, median, fmt)
    return replaced


def lower_median(words: np.ndarray, fmt: FloatFormat) -> int:
    """The word in the middle by value, the lower one of two; zero where there are none."""
    if not len(words):
        return 0
    ones, sign = fmt.word_dtype.type((1 << fmt.width) - 1), fmt.word_dtype.type(1 << fmt.sign_bit)
    ascending = words ^ np.where(words & sign, ones, sign)
    middle = (len(words) - 1) // 2
    key = np.partition(ascending, middle)[middle]
    return int(key ^ (sign if key & sign else ones))


def field_prior(words: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """Weight of each sign and exponent field, float64 (2^(1 + exponent bits),), by a tensor's undetected words (N,).

    Zero for exponents above the largest of a finite word, and everywhere for N = 0.
    """
    top = (1 << fmt.exponent_bits) - 1
    exponents = np.arange(2 * (top + 1)) & top
    fields = (words >> fmt.word_dtype.type(fmt.mantissa_bits)).astype(np.int64)
    counts = np.bincount(fields, minlength=len(exponents))
    largest = exponents[(counts > 0) & (exponents < top)].max(initial=-1)
    floor = 1 / (len(words) + 1)
    weights = (1 - floor) * counts / max(len(words), 1) + floor / len(exponents)
    return np.where(exponents <= largest, weights, 0.0)


def posterior_means(candidates: np.ndarray, prior: np.ndarray, fallback: int, fmt: FloatFormat) -> np.ndarray:
    """The words nearest to the candidates' weighted means.

    Args:
        candidates: words (M, C).
        prior: weight of each sign and exponent field, float64 (2^(1 + exponent bits),); zero for infinities and NaN.
        fallback: a word, for rows of candidates without any weight.
        fmt: of the words.

    Returns:
        words (M,).
    """
    candidates = np.ascontiguousarray(candidates)
    means = np.empty(len(candidates))
    _average(candidates, doubles_of(candidates, fmt), prior, np.uint64(fmt.mantissa_bits), means)
    is_left = ~np.isnan(means)
    return np.where(is_left, nearest_words(means, fmt), fmt.word_dtype.type(fallback))


@numba.njit(cache=True, nogil=True)
def _average(candidates, values, weights, shift, means):
    for row in range(candidates.shape[0]):
        total = 0.0
        for column in range(candidates.shape[1]):
            total += weights[np.uint64(candidates[row, column]) >> shift]
        mean = 0.0
        for column in range(candidates.shape[1]):
            # Fractions, as a sum of the largest values would overflow.
            fraction = weights[np.uint64(candidates[row, column]) >> shift] / total if total else np.nan
            if fraction:
                mean += fraction * values[row, column]
        means[row] = mean
