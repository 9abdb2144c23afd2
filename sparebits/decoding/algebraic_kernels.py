"""Berlekamp–Massey and the search for roots, word by word; what `algebraic` is about.

Errors at the position of the element zero do not show in the power sums; the parity of the word tells of them, since
all codewords have even weight.

Where the power sums suffice only for t - 1 errors, t of them are found by guessing the next one. It enters the locator
as sigma(x) + delta x^shift B(x) with one unknown delta, and 1 / X_p is a root for exactly one delta. So every position
votes for its delta, and one with t votes gives a locator all of whose roots are there.
"""

import numba
import numpy as np

from sparebits.decoding.byte_tables import image
from sparebits.decoding.popcount import popcount


@numba.njit(cache=True, nogil=True)
def solve(words, t, solved, power_sums, syndromes, elements, products, inverses, evaluations, errors, weights):
    """The error of weight at most t in each word.

    Args:
        words: uint64 (M, limbs).
        t, solved, power_sums, syndromes, elements, products, inverses, evaluations: as in `AlgebraicDecoder`.
        errors: uint64 (M, limbs), receives the errors.
        weights: int16 (M,), receives their weights, -1 where there is no such error.
    """
    sums = np.empty(2 * solved + 1, dtype=np.uint8)
    sigma = np.empty(2 * t + 4, dtype=np.uint8)
    previous = np.empty(2 * t + 4, dtype=np.uint8)
    sliced = np.empty(evaluations.shape[2], dtype=np.uint64)
    deltas = np.empty(elements.size, dtype=np.int16)
    for row in range(words.shape[0]):
        _power_sums(words, row, power_sums, products, sums)
        length, shift = _locator(sums, products, inverses, sigma, previous)
        parity = _parity(words, row)
        weights[row] = -1
        if length <= t:
            weight = length + ((length ^ parity) & 1)
            if weight <= t and _mark_roots(sigma, length, evaluations, sliced, errors, row) == length:
                if weight > length:
                    _flip_zero(errors, row, elements)
                if _has_syndrome_of(errors, words, row, syndromes):
                    weights[row] = weight
                    continue
        if solved < t and (length == t or length == t - 1) and parity == (t & 1):
            _vote(sigma, previous, shift, t, elements, products, inverses, deltas)
            if _mark_elected(deltas, t, len(products), words, syndromes, errors, row):
                weights[row] = t


@numba.njit(cache=True, nogil=True)
def _power_sums(words, row, power_sums, products, sums):
    """S_1, S_2, … into sums[1:]; the even ones are squares."""
    count = sums.size // 2
    for limb in range(power_sums.shape[0]):
        packed = image(power_sums, words, row, limb)
        for i in range(8 * limb, min(8 * limb + 8, count)):
            sums[2 * i + 1] = (packed >> np.uint64(8 * (i - 8 * limb))) & np.uint64(255)
    for j in range(2, sums.size, 2):
        sums[j] = products[sums[j // 2], sums[j // 2]]


@numba.njit(cache=True, nogil=True)
def _locator(sums, products, inverses, sigma, previous):
    """Berlekamp–Massey. `sigma` becomes the shortest locator, `previous` what the next step would add, times a factor.

    Every second discrepancy is zero for binary words, so two steps are one (Berlekamp 1968).

    Returns:
        the number of errors that the locator stands for, and the power of x by which `previous` is shifted.
    """
    for i in range(sigma.size):
        sigma[i] = previous[i] = 0
    sigma[0] = previous[0] = 1
    length, shift = 0, 1
    for step in range(0, sums.size - 1, 2):
        discrepancy = sums[step + 1]
        for i in range(1, length + 1):
            discrepancy ^= products[sigma[i], sums[step + 1 - i]]
        if discrepancy:
            grows = 2 * length <= step
            # previous is kept normalised, so that its own discrepancy is 1.
            inverse = inverses[discrepancy]
            for i in range(sigma.size - 1, -1, -1):
                old = sigma[i]
                if i >= shift:
                    sigma[i] = old ^ products[discrepancy, previous[i - shift]]
                if grows:
                    previous[i] = products[inverse, old]
            if grows:
                length = step + 1 - length
                shift = 0
        shift += 2
    return length, shift


@numba.njit(cache=True, nogil=True)
def _parity(words, row):
    ones = 0
    for limb in range(words.shape[1]):
        ones += np.int64(popcount(words[row, limb]))
    return ones & 1


@numba.njit(cache=True, nogil=True)
def _mark_roots(sigma, length, evaluations, sliced, errors, row):
    """Set the positions whose 1 / X_p is a root of the locator, all at once: those where no bit of the value is 1."""
    for i in range(sliced.size):
        sliced[i] = evaluations[0, 1, i]
    for j in range(1, length + 1):
        for i in range(sliced.size):
            sliced[i] ^= evaluations[j, sigma[j], i]
    limbs = errors.shape[1]
    count = 0
    for limb in range(limbs):
        nonzero = np.uint64(0)
        for i in range(limb, sliced.size, limbs):
            nonzero |= sliced[i]
        errors[row, limb] = ~nonzero
        count += np.int64(popcount(errors[row, limb]))
    return count


@numba.njit(cache=True, nogil=True)
def _flip_zero(errors, row, elements):
    for position in range(elements.size):
        if elements[position] == 0:
            _flip(errors, row, position)


@numba.njit(cache=True, nogil=True)
def _flip(errors, row, position):
    errors[row, position // 64] ^= np.uint64(1) << np.uint64(position % 64)


@numba.njit(cache=True, nogil=True)
def _has_syndrome_of(errors, words, row, syndromes):
    for limb in range(syndromes.shape[0]):
        if image(syndromes, errors, row, limb) != image(syndromes, words, row, limb):
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _vote(sigma, previous, shift, t, elements, products, inverses, deltas):
    """The delta for which each position's 1 / X_p is a root of sigma + delta x^shift previous; -1 if there is none."""
    for position in range(elements.size):
        deltas[position] = -1
        if elements[position] == 0:
            continue
        x = inverses[elements[position]]
        value = np.uint8(0)
        added = np.uint8(0)
        for i in range(t, -1, -1):
            value = products[value, x] ^ sigma[i]
            added = products[added, x] ^ (previous[i - shift] if i >= shift else np.uint8(0))
        if added:
            deltas[position] = products[value, inverses[added]]


@numba.njit(cache=True, nogil=True)
def _mark_elected(deltas, t, size, words, syndromes, errors, row):
    """Set the t positions that agree on one delta, if this explains the word; at most one such set does."""
    for delta in range(size):
        votes = 0
        for position in range(deltas.size):
            votes += deltas[position] == delta
        if votes != t:
            continue
        for limb in range(errors.shape[1]):
            errors[row, limb] = 0
        for position in range(deltas.size):
            if deltas[position] == delta:
                _flip(errors, row, position)
        if _has_syndrome_of(errors, words, row, syndromes):
            return True
    return False
