"""Cyclic codes by their generator polynomial over GF(2).

A polynomial is an integer whose bit i is the coefficient of x^i, and so is a codeword: position i is that of x^i.
"""

import numpy as np

from sparebits.codes.linear import LinearCode, systematic
from sparebits.errors import InputError


def cyclic_code(name: str, n: int, polynomial: int, construction: str) -> LinearCode:
    """The multiples of a polynomial g(x) modulo x^n - 1; k = n - deg g (MacWilliams & Sloane 1977, ch. 7).

    Raises:
        InputError: g does not divide x^n - 1.
    """
    if divide(1 << n | 1, polynomial)[1]:
        raise InputError(f"{name}: the polynomial {polynomial:#x} does not divide x^{n} - 1, so no cyclic code has it")
    k = n - (polynomial.bit_length() - 1)
    rows = [[polynomial << shift >> i & 1 for i in range(n)] for shift in range(k)]
    return systematic(name, np.array(rows, dtype=np.uint8), construction)


def multiply(a: int, b: int) -> int:
    """Product of two polynomials."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = a << 1, b >> 1
    return product


def divide(a: int, b: int) -> tuple[int, int]:
    """Quotient and remainder of two polynomials."""
    quotient = 0
    while a.bit_length() >= b.bit_length():
        shift = a.bit_length() - b.bit_length()
        quotient |= 1 << shift
        a ^= b << shift
    return quotient, a
