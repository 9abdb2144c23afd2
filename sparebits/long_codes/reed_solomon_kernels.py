"""Kernels of Reed–Solomon codes: syndromes, locators and magnitudes of a word at a time, by the transform of its field.

Place i of a word of n symbols is the coefficient of x^(n - 1 - i); its locator is X = alpha^(n - 1 - i). The syndromes
S_j = word(alpha^j), j = 1..n - k, are the sums of Y X^j over the errors and erasures, Y what is to be added there. With
S(x) = sum of S_j x^(j-1) and the locator polynomial L(x) = product of (1 - X x), S L modulo x^(n - k) is the evaluator,
of a degree below L's, and Y = evaluator(1 / X) / L'(1 / X) (Forney 1965; Blahut 2003, ch. 7).

Polynomials are uint16 coefficients, the constant first. `transform` is an AdditiveTransform, with the field's tables.
"""

import numba
import numpy as np

from sparebits.long_codes.additive_transform import evaluate


@numba.njit(cache=True, nogil=True)
def encode_words(words, locator, scales, transform):
    """Fill in the check symbols, which are erasures at places that are always the same.

    Args:
        words: uint16 (B, n), with the messages in front.
        locator: uint16 (n - k + 1,), of the check symbols' places.
        scales: uint16 (n - k,), the logarithm of 1 / locator'(1 / X) at each of these places.
    """
    n, checks = words.shape[1], scales.size
    points = inverse_locators(n, transform)
    for row in range(words.shape[0]):
        word = words[row]
        word[n - checks :] = 0
        syndromes, _ = syndromes_of(word, checks, transform)
        evaluator = values_of(product(locator, syndromes, checks, transform), transform)
        for i in range(checks):
            place = n - checks + i
            word[place] = transform.exp[transform.log[evaluator[points[place]]] + scales[i]]


@numba.njit(cache=True, nogil=True)
def decode_words(words, erased, checks, transform, errors):
    """Correct words in place.

    Args:
        words: uint16 (B, n).
        erased: bool (B, n).
        errors: int64 (B,), receives how many symbols were wrong at places that are not erased, -1 if the word is beyond
            the code; then it is left as it is.
    """
    points = inverse_locators(words.shape[1], transform)
    for row in range(words.shape[0]):
        errors[row] = _decode(words[row], erased[row], checks, points, transform)


@numba.njit(cache=True, nogil=True)
def vanish(words, exponents, transform, out):
    """out[b] = whether all syndromes of words[b] for which there are exponents are zero.

    Args:
        words: uint16 (B, n).
        exponents: uint16 (syndromes, n), logarithms of X^j.
        out: bool (B,).
    """
    exp, log = transform.exp, transform.log
    logs = np.empty(words.shape[1], dtype=np.uint16)
    for row in range(words.shape[0]):
        word = words[row]
        for i in range(word.size):
            logs[i] = log[word[i]]
        out[row] = True
        for j in range(exponents.shape[0]):
            powers = exponents[j]
            syndrome = np.uint16(0)
            for i in range(word.size):
                syndrome ^= exp[logs[i] + powers[i]]
            out[row] &= syndrome == 0


@numba.njit(cache=True, nogil=True)
def inverse_locators(n, transform):
    """1 / X of each place, uint16 (n,)."""
    order = transform.log.size - 1
    return transform.exp[order - n + 1 : order + 1]


@numba.njit(cache=True, nogil=True)
def syndromes_of(word, checks, transform):
    """The syndromes S_1, S_2, …, uint16 (checks,), and whether one is not zero."""
    values = np.zeros(transform.log.size, dtype=np.uint16)
    for i in range(word.size):
        values[word.size - 1 - i] = word[i]
    evaluate(values, word.size, transform)
    syndromes = np.empty(checks, dtype=np.uint16)
    seen = np.uint16(0)
    for j in range(checks):
        syndromes[j] = values[transform.exp[j + 1]]
        seen |= syndromes[j]
    return syndromes, seen != 0


@numba.njit(cache=True, nogil=True)
def values_of(polynomial, transform):
    """Its values at all elements, uint16 (2^m,)."""
    values = np.zeros(transform.log.size, dtype=np.uint16)
    values[: polynomial.size] = polynomial
    evaluate(values, polynomial.size, transform)
    return values


@numba.njit(cache=True, nogil=True)
def locator_of(places, transform):
    """The product of (1 - X x) over the places that are True in bool (n,)."""
    exp, log = transform.exp, transform.log
    polynomial = np.zeros(np.count_nonzero(places) + 1, dtype=np.uint16)
    polynomial[0] = 1
    degree = 0
    for i in range(places.size):
        if places[i]:
            power = np.uint16(places.size - 1 - i)
            degree += 1
            for j in range(degree, 0, -1):
                polynomial[j] ^= exp[log[polynomial[j - 1]] + power]
    return polynomial


@numba.njit(cache=True, nogil=True)
def derivative_of(polynomial):
    """Of a polynomial of degree 1 or more: x^i becomes x^(i-1) for odd i, and nothing for even i."""
    derivative = np.zeros(polynomial.size - 1, dtype=np.uint16)
    derivative[::2] = polynomial[1::2]
    return derivative


@numba.njit(cache=True, nogil=True)
def product(a, b, size, transform):
    """The lowest `size` coefficients of a b."""
    logs = np.empty(b.size, dtype=np.uint16)
    for i in range(b.size):
        logs[i] = transform.log[b[i]]
    total = np.zeros(size, dtype=np.uint16)
    for i in range(min(a.size, size)):
        _add_multiple(total[i:], logs, transform.log[a[i]], transform.exp)
    return total


@numba.njit(cache=True, nogil=True)
def _add_multiple(total, logs, factor, exp):
    """total += factor b, by the logarithms of the factor and of b, as far as total goes."""
    for i in range(min(total.size, logs.size)):
        total[i] ^= exp[factor + logs[i]]


@numba.njit(cache=True, nogil=True)
def shortest_recursion(sequence, transform):
    """The shortest recursion that a sequence obeys: L_0 s_j + … + L_length s_(j - length) = 0 from j = length, L_0 = 1.

    Berlekamp's algorithm in Massey's form (1969). It stops as soon as the length is above half the sequence's, where
    the recursion is not the only one.

    Returns:
        L, uint16 (N + 1,), and the length.
    """
    exp, log = transform.exp, transform.log
    order, n = log.size - 1, sequence.size
    backwards = np.empty(n, dtype=np.uint16)
    for i in range(n):
        backwards[n - 1 - i] = log[sequence[i]]
    now, before = np.zeros(n + 1, dtype=np.uint16), np.zeros(n + 1, dtype=np.uint16)
    now[0] = before[0] = 1
    length, length_before, age, log_before = 0, 0, 1, 0
    for i in range(n):
        window = backwards[n - 1 - i :]
        discrepancy = np.uint16(0)
        for j in range(length + 1):
            discrepancy ^= exp[log[now[j]] + window[j]]
        if discrepancy == 0:
            age += 1
            continue
        factor = np.uint16((log[discrepancy] + order - log_before) % order)
        is_longer = 2 * length <= i
        if is_longer and 2 * (i + 1 - length) > n:
            return now, i + 1 - length
        kept = now.copy() if is_longer else now
        shifted = now[age:]
        for j in range(length_before + 1):
            shifted[j] ^= exp[log[before[j]] + factor]
        age += 1
        if is_longer:
            before, length_before, length = kept, length, i + 1 - length
            age, log_before = 1, np.int64(log[discrepancy])
    return now, length


@numba.njit(cache=True, nogil=True)
def _decode(word, erased, checks, points, transform):
    """`decode_words` for one."""
    lost = np.count_nonzero(erased)
    if lost > checks:
        return -1
    syndromes, is_wrong = syndromes_of(word, checks, transform)
    if not is_wrong:
        return 0
    erasure_locator = locator_of(erased, transform)
    # Erasures bring in only its `lost` lowest coefficients, so the others tell of errors alone.
    modified = product(erasure_locator, syndromes, checks, transform)
    error_locator, count = shortest_recursion(modified[lost:], transform)
    if 2 * count > checks - lost:
        return -1
    error_locator = error_locator[: count + 1]
    places = erased.copy()
    if count and not _add_roots(places, error_locator, points, transform):
        return -1
    locator = product(error_locator, erasure_locator, lost + count + 1, transform)
    slopes = values_of(derivative_of(locator), transform)
    evaluator = values_of(product(error_locator, modified, lost + count, transform), transform)
    order = transform.log.size - 1
    for i in range(word.size):
        if places[i]:
            point = points[i]
            word[i] ^= transform.exp[transform.log[evaluator[point]] + order - transform.log[slopes[point]]]
    return count


@numba.njit(cache=True, nogil=True)
def _add_roots(places, locator, points, transform):
    """Mark the places of a locator's roots; False if not all its roots are at such, each at one not marked before."""
    values = values_of(locator, transform)
    count = 0
    for i in range(places.size):
        if values[points[i]] == 0:
            if places[i]:
                return False
            places[i] = True
            count += 1
    return count == locator.size - 1
