"""Codes of distance 3 that also detect, or correct, every pair of flips in neighbouring positions.

Particles tend to flip neighbouring cells. Whether a code copes with that depends on the order of the columns of its
parity check, so they are searched for in order (Dutta & Touba 2007; Sánchez-Macián, Reviriego & Maestro 2012).
"""

from itertools import pairwise

import numpy as np

from sparebits.codes.gf2 import null_space
from sparebits.codes.linear import LinearCode, systematic
from sparebits.errors import InputError

DATA_BITS = range(4, 20)
"""Data bits of the codes that exist here."""


def detecting_code(k: int) -> LinearCode:
    """SEC-DAED: single errors corrected, double adjacent errors detected: 4 check bits up to k = 6, then 5.

    Raises:
        InputError: k is not in 4..19.
    """
    return _searched_code("sec-daed", k, detecting_check_bits(k), correct=False)


def correcting_code(k: int) -> LinearCode:
    """SEC-DAEC (DEC-adjacent): single and double adjacent errors corrected: 5 check bits up to k = 11, then 6.

    Raises:
        InputError: k is not in 4..19.
    """
    return _searched_code("sec-daec", k, correcting_check_bits(k), correct=True)


def detecting_check_bits(k: int) -> int:
    """Fewest check bits of a SEC-DAED code; the search finds nothing with one less."""
    return 4 if k <= 6 else 5


def correcting_check_bits(k: int) -> int:
    """Fewest check bits r of a SEC-DAEC code: its n + (n - 1) syndromes must be different numbers in 1..2^r - 1."""
    return 5 if k <= 11 else 6


def find_columns(n: int, r: int, correct: bool) -> list[int] | None:
    """Columns of a parity check with r rows and n positions, the first in lexicographic order; None if there are none.

    Single errors are corrected if all columns differ and none is zero. A double adjacent error, the sum of two
    neighbouring columns, is detected if it equals no column, and corrected if it also differs from all other such sums.

    A column that is independent of those before it may be taken as the next unit vector: another basis of the checks is
    the same code. So the search, which does that, is exhaustive.

    Args:
        n: positions.
        r: check bits.
        correct: are double adjacent errors to be corrected, or only detected?
    """
    return _extend([], 0, n, r, correct)


def _extend(columns: list[int], units: int, n: int, r: int, correct: bool) -> list[int] | None:
    """The columns, which span the first `units` bits, continued to n of them."""
    if len(columns) == n:
        return columns if units == r else None
    doubles = {a ^ b for a, b in pairwise(columns)}
    for column in range(1, min(1 << r, (1 << units) + 1)):
        if column in columns or column in doubles:
            continue
        if columns:
            double = columns[-1] ^ column
            if double in columns or (correct and double in doubles):
                continue
        found = _extend([*columns, column], units + (column >> units), n, r, correct)
        if found:
            return found
    return None


def _searched_code(family: str, k: int, r: int, correct: bool) -> LinearCode:
    n = k + r
    if k not in DATA_BITS:
        raise InputError(f"{family} codes exist for k = {DATA_BITS[0]}..{DATA_BITS[-1]}, not {k}")
    columns = find_columns(n, r, correct)
    parity_check = np.array([[column >> bit & 1 for column in columns] for bit in range(r)], dtype=np.uint8)
    return systematic(
        f"{family}({n},{k})",
        null_space(parity_check),
        "searched columns",
        adjacent_doubles="corrected" if correct else "detected",
    )
