"""The binary Golay code and its extension (Golay 1949; MacWilliams & Sloane 1977, ch. 2 and 20)."""

from sparebits.codes.cyclic import cyclic_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.modify import extend

POLYNOMIAL = 0b1010_1110_0011
"""x^11 + x^9 + x^7 + x^6 + x^5 + x + 1, whose zeros are the quadratic residues modulo 23."""


def golay_code() -> LinearCode:
    """[23, 12, 7], perfect: every word lies within distance 3 of exactly one codeword."""
    return cyclic_code("golay(23,12)", 23, POLYNOMIAL, "Golay code")


def extended_golay_code() -> LinearCode:
    """[24, 12, 8], self-dual, all weights multiples of 4."""
    return extend(golay_code(), "golay(24,12)")
