"""Reed–Muller codes (Muller 1954, Reed 1954)."""

from itertools import combinations
from math import prod

import numpy as np

from sparebits.codes.linear import LinearCode, systematic
from sparebits.errors import InputError


def reed_muller_code(r: int, m: int) -> LinearCode:
    """RM(r, m): the polynomials of degree <= r in m binary variables, evaluated at all points: [2^m, k, 2^(m - r)].

    Position i is the point whose coordinates are the bits of i, and k = C(m, 0) + … + C(m, r) (MacWilliams & Sloane
    1977, ch. 13).

    Raises:
        InputError: unless 0 <= r <= m and 1 <= m <= 7.
    """
    if not (1 <= m <= 7 and 0 <= r <= m):
        raise InputError(f"RM(r, m) exists for 0 <= r <= m, here up to m = 7, not RM({r}, {m})")
    generator = evaluations(r, m)
    return systematic(f"reed-muller({1 << m},{len(generator)})", generator, f"Reed–Muller RM({r},{m})")


def evaluations(r: int, m: int) -> np.ndarray:
    """Monomials of degree <= r, by degree, at the 2^m points: uint8 (k, 2^m)."""
    points = np.arange(1 << m)
    variables = [(points >> bit & 1).astype(np.uint8) for bit in range(m)]
    one = np.ones(1 << m, dtype=np.uint8)
    return np.array(
        [prod(factors, start=one) for degree in range(r + 1) for factors in combinations(variables, degree)]
    )
