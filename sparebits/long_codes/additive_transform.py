"""Values of a polynomial at all elements of GF(2^m) at once: the additive Fourier transform of Gao and Mateer (2010).

A polynomial f is written as f(x) = e(x^2 + x) + x o(x^2 + x), with half as many coefficients in e and o. As x^2 + x is
linear over GF(2) and the same for x and x + 1, these two are needed at half as many points, and again span a space. To
make 1 one of its basis elements, as it has to be, x is scaled on each level. That takes about 3/2 m 2^m multiplications
and m^2 2^(m-2) additions in place of 4^m of both.
"""

from functools import cache
from typing import NamedTuple

import numba
import numpy as np

from sparebits.long_codes.galois_field import field_of


class AdditiveTransform(NamedTuple):
    """Tables for `evaluate`; get them from `transform_of`.

    On level l, index i of an array stands for coefficient i >> l of polynomial i mod 2^l, and later for this
    polynomial's value at the point with the bits of i >> l in the level's basis. So nothing is ever permuted.

    Attributes:
        exp, log: the field's.
        scales: uint16 (m, 2^m): at [l, i] the logarithm of what coefficient i >> l is multiplied by.
        points: uint16 (2^m,): at [h + e], h = 2^(m - l - 1) and e < h, the logarithm of point 2 e of level l.
    """

    exp: np.ndarray
    log: np.ndarray
    scales: np.ndarray
    points: np.ndarray


@cache
def transform_of(m: int) -> AdditiveTransform:
    """The tables of GF(2^m)."""
    field = field_of(m)
    scales = np.empty((m, 1 << m), dtype=np.uint16)
    points = np.zeros(1 << m, dtype=np.uint16)
    basis = np.left_shift(1, np.arange(m)).astype(np.uint16)
    for level in range(m):
        scales[level] = (np.arange(1 << m) >> level) * int(field.log[basis[0]]) % field.order
        basis = field.divide(basis[1:], basis[0])
        half = 1 << len(basis)
        bits = (np.arange(half)[:, None] >> np.arange(len(basis))) & 1
        points[half : 2 * half] = field.log[np.bitwise_xor.reduce(np.where(bits, basis, 0), axis=1).astype(np.uint16)]
        basis = field.multiply(basis, basis) ^ basis
    return AdditiveTransform(field.exp, field.log, scales, points)


@numba.njit(cache=True, nogil=True)
def evaluate(values, count, transform):
    """Replace the coefficients of a polynomial by its values at all elements: values[x] = f(x).

    Args:
        values: uint16 (2^m,), coefficients, the constant first.
        count: of coefficients that may be other than zero; the fewer, the faster.
    """
    levels = 0
    while 1 << levels < count:
        levels += 1
    coefficients = values[: 1 << levels]
    for level in range(levels):
        _scale(coefficients, transform.scales[level], transform.exp, transform.log)
        _expand(coefficients, 1 << level)
    # By now polynomials are constants, and so are all their values.
    for i in range(coefficients.size, values.size):
        values[i] = values[i - coefficients.size]
    for level in range(levels - 1, -1, -1):
        half = values.size >> (level + 1)
        _join(values, 1 << level, transform.points[half : 2 * half], transform.exp, transform.log)


@numba.njit(cache=True, nogil=True)
def _scale(values, logs, exp, log):
    for i in range(values.size):
        values[i] = exp[log[values[i]] + logs[i]]


@numba.njit(cache=True, nogil=True)
def _expand(values, stride):
    """Polynomials by their coefficients of (x^2 + x)^i and x (x^2 + x)^i, in turn, in place of those of x^i.

    Each step divides by a power of x^2 + x that is a power of two itself, so it has but two terms.
    """
    size = values.size
    while size >= 4 * stride:
        quarter = size >> 2
        for start in range(0, values.size, size):
            second = values[start + quarter : start + 2 * quarter]
            third = values[start + 2 * quarter : start + 3 * quarter]
            fourth = values[start + 3 * quarter : start + size]
            for i in range(quarter):
                third[i] ^= fourth[i]
                second[i] ^= third[i]
        size >>= 1


@numba.njit(cache=True, nogil=True)
def _join(values, stride, points, exp, log):
    """From e and o at a point's image, f at the point and at the next one: e + x o, and o more."""
    for e in range(points.size):
        even = values[2 * e * stride : (2 * e + 1) * stride]
        odd = values[(2 * e + 1) * stride : (2 * e + 2) * stride]
        point = points[e]
        for i in range(stride):
            even[i] ^= exp[log[odd[i]] + point]
            odd[i] ^= even[i]
