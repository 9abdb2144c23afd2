"""Primitive narrow-sense binary BCH codes (Hocquenghem 1959; Bose & Ray-Chaudhuri 1960) and their extensions."""

from dataclasses import replace

from sparebits.codes.cyclic import cyclic_code, multiply
from sparebits.codes.linear import KnownDistance, LinearCode
from sparebits.codes.modify import extend
from sparebits.codes.weights import is_doubly_even
from sparebits.errors import InputError

PRIMITIVE_POLYNOMIALS = {3: 0b1011, 4: 0b10011, 5: 0b100101, 6: 0b1000011, 7: 0b10001001}
"""For each m one whose root generates GF(2^m)."""


def bch_code(n: int, k: int) -> LinearCode:
    """The code [n, k] of all words with zeros alpha, alpha^2, …, alpha^(delta - 1), n = 2^m - 1 and m in 3..7.

    Its distance is at least delta, the designed distance (MacWilliams & Sloane 1977, ch. 7). `d` is exact
    where the words can be counted, and otherwise an error.

    Raises:
        InputError: no BCH code has this length, or this k at this length.
    """
    return cyclic_code(f"bch({n},{k})", n, _polynomial(_zeros(n, k), n), "BCH code")


def extended_bch_code(n: int, k: int) -> LinearCode:
    """The BCH code [n - 1, k] with an overall parity bit; n is a power of two.

    Where its words cannot be counted, its distance is proven by `divisible_distance`, if that is possible.
    """
    code = bch_code(n - 1, k)
    extended = extend(code, f"extended-bch({n},{k})")
    return replace(extended, known_distance=divisible_distance(extended, designed_distance(n - 1, k)))


def designed_distance(n: int, k: int) -> int:
    """The Bose distance: one more than the zeros alpha, alpha^2, … in sequence that the code has."""
    return _bose_distance(_zeros(n, k), n)


def divisible_distance(extended: LinearCode, designed: int) -> KnownDistance | None:
    """Distance of an extended BCH code by the BCH bound and the divisibility of its weights; None if that fails.

    From below: all weights are multiples of 4, so d is at least the designed distance rounded up to such a multiple.
    From above: a codeword of that weight, the subspace of so many elements of GF(2^m); extended BCH codes contain
    subspaces because they contain Reed–Muller codes (MacWilliams & Sloane 1977, ch. 13).

    Args:
        extended: a code of length 2^m whose position i is alpha^i, the last zero.
        designed: a lower bound of the distance.
    """
    if not is_doubly_even(extended.generator):
        return None
    d = -(-designed // 4) * 4
    if d.bit_count() != 1 or not extended_bch_contains(extended, subspace(extended.n, d)):
        return None
    return KnownDistance(d, "BCH bound and weights that are multiples of 4, reached by a subspace")


def subspace(n: int, size: int) -> list[int]:
    """Positions, in an extended BCH code of length n, of the field elements below `size`, a power of two."""
    powers = powers_of_alpha(n - 1)
    return [position for position, element in enumerate(powers) if element < size] + [n - 1]


def extended_bch_contains(extended: LinearCode, positions: list[int]) -> bool:
    """Is the word that is 1 at these positions a codeword?"""
    return not (extended.parity_check[:, positions].sum(axis=1) % 2).any()


def powers_of_alpha(n: int) -> list[int]:
    """alpha^0, …, alpha^(n - 1) in GF(n + 1), each as an integer of m bits.

    Raises:
        InputError: n is not 2^m - 1 with m in 3..7.
    """
    m = (n + 1).bit_length() - 1
    if n + 1 != 1 << m or m not in PRIMITIVE_POLYNOMIALS:
        lengths = ", ".join(str((1 << m) - 1) for m in PRIMITIVE_POLYNOMIALS)
        raise InputError(f"BCH codes have length {lengths} (one more if extended), not {n}")
    powers = [1]
    for _ in range(n - 1):
        element = powers[-1] << 1
        powers.append(element ^ PRIMITIVE_POLYNOMIALS[m] if element >> m else element)
    return powers


def _zeros(n: int, k: int) -> set[int]:
    """Exponents of alpha that are zeros of the code: cosets of 1, 3, 5, … as many as leave k dimensions."""
    powers_of_alpha(n)
    zeros: set[int] = set()
    dimensions = []
    for exponent in range(1, n, 2):
        zeros |= _coset(exponent, n)
        if n - len(zeros) == k:
            return zeros
        dimensions.append(n - len(zeros))
    exist = ", ".join(str(dimension) for dimension in sorted(set(dimensions) - {0}))
    raise InputError(f"there is no BCH code with n = {n} and k = {k}; k can be {exist}")


def _coset(exponent: int, n: int) -> set[int]:
    """The exponents of the conjugates of alpha^exponent: a cyclotomic coset."""
    coset = set()
    while exponent not in coset:
        coset.add(exponent)
        exponent = exponent * 2 % n
    return coset


def _bose_distance(zeros: set[int], n: int) -> int:
    return next(exponent for exponent in range(1, n + 1) if exponent % n not in zeros)


def _polynomial(zeros: set[int], n: int) -> int:
    """The product of the minimal polynomials of the zeros."""
    polynomial = 1
    for coset in {min(_coset(exponent, n)) for exponent in zeros}:
        polynomial = multiply(polynomial, _minimal_polynomial(coset, n))
    return polynomial


def _minimal_polynomial(exponent: int, n: int) -> int:
    """Of alpha^exponent: the product of x - alpha^j over its coset; all coefficients come out as 0 or 1."""
    powers = powers_of_alpha(n)
    logarithm = {element: power for power, element in enumerate(powers)}
    coefficients = [1]
    for j in _coset(exponent, n):
        scaled = [powers[(logarithm[c] + j) % n] if c else 0 for c in coefficients]
        coefficients = [a ^ b for a, b in zip([*scaled, 0], [0, *coefficients], strict=True)]
    return sum(coefficient << i for i, coefficient in enumerate(coefficients))
