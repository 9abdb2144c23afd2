"""Codes given by the columns of their parity check: Hamming, SEC-DED by a parity bit, and Hsiao's SEC-DED.

Single errors are corrected if the columns differ and none is zero. Data come first, check bits last, with unit columns.
"""

from itertools import combinations

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.modify import extend
from sparebits.codes.sizes import hamming_check_bits, hsiao_check_bits


def hamming_code(k: int) -> LinearCode:
    """The (shortened) Hamming code [k + r, k, 3] with the fewest check bits r, 2^r >= k + r + 1 (Hamming 1950).

    The data columns are the numbers 3, 5, 6, 7, 9, … that are no powers of two, r bits each.
    """
    r = hamming_check_bits(k)
    columns = [number for number in range(1, 1 << r) if number.bit_count() > 1][:k]
    construction = "Hamming code" if k + r == (1 << r) - 1 else "shortened Hamming code"
    return code_of_columns(f"hamming({k + r},{k})", columns, r, construction)


def secded_code(k: int) -> LinearCode:
    """The Hamming code for k data bits, extended by an overall parity bit: [k + r + 1, k, 4] (Hamming 1950)."""
    code = hamming_code(k)
    return extend(code, f"secded({code.n + 1},{k})")


def hsiao_code(k: int) -> LinearCode:
    """Hsiao's SEC-DED code [k + r, k, 4]: every column has odd weight (Hsiao 1970).

    So the sum of two columns is even and no column: double errors are detected. r is the smallest with
    2^(r - 1) >= k + r. Data columns have weight 3 as far as they last, then 5 and so on, which makes the fewest ones;
    of the last weight those are taken that keep the rows of H, the checks, equally heavy.
    """
    r = hsiao_check_bits(k)
    columns: list[int] = []
    for weight in range(3, r + 1, 2):
        available = [sum(1 << bit for bit in bits) for bits in combinations(range(r), weight)]
        missing = k - len(columns)
        columns += available if missing >= len(available) else _balanced(available, missing, columns, r)
        if len(columns) == k:
            break
    return code_of_columns(f"hsiao({k + r},{k})", columns, r, "Hsiao code")


def code_of_columns(name: str, columns: list[int], r: int, construction: str, **facts) -> LinearCode:
    """The code whose parity check is (columns | identity): data first, then r check bits.

    Args:
        name: of the code.
        columns: a number of r bits for each data bit.
        r: check bits.
        construction: what the code is.
        facts: further fields of LinearCode.
    """
    k = len(columns)
    checks = np.array([[column >> bit & 1 for bit in range(r)] for column in columns], dtype=np.uint8).reshape(k, r)
    generator = np.concatenate([np.eye(k, dtype=np.uint8), checks], axis=1)
    return LinearCode(name, generator, tuple(range(k)), construction, **facts)


def _balanced(available: list[int], count: int, chosen: list[int], r: int) -> list[int]:
    """`count` of the available columns such that, with those chosen, the rows' weights differ as little as possible.

    One at a time, the column that leaves the smallest sum of squared row weights; then pairs are exchanged while that
    lowers the sum.
    """
    bits = {column: np.array([column >> bit & 1 for bit in range(r)]) for column in (*available, *chosen)}
    load = sum((bits[column] for column in chosen), np.zeros(r, dtype=int))
    taken: list[int] = []
    for _ in range(count):
        best = min((c for c in available if c not in taken), key=lambda c: _squares(load + bits[c]))
        taken.append(best)
        load = load + bits[best]
    improved = True
    while improved:
        improved = False
        for old in list(taken):
            new = min((c for c in available if c not in taken), key=lambda c: _squares(load - bits[old] + bits[c]))
            if _squares(load - bits[old] + bits[new]) < _squares(load):
                load = load - bits[old] + bits[new]
                taken[taken.index(old)] = new
                improved = True
    return sorted(taken)


def _squares(load: np.ndarray) -> int:
    return int((load**2).sum())
