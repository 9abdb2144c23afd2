"""The fields GF(2^m) by tables of powers and logarithms. The element sum of b_i alpha^i is the integer of bits b_i."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from sparebits.errors import InputError

CONWAY_POLYNOMIALS = {
    **{3: 0xB, 4: 0x13, 5: 0x25, 6: 0x5B, 7: 0x83, 8: 0x11D},
    **{9: 0x211, 10: 0x46F, 11: 0x805, 12: 0x10EB, 13: 0x201B},
}
"""For each m the one over GF(2) of degree m (Lübeck's tables). Its root alpha is primitive."""


@dataclass(frozen=True, eq=False)
class GaloisField:
    """A field with tables that multiply without a branch: a b = exp[log[a] + log[b]], whichever of them is zero.

    Get it from `field_of`.

    Attributes:
        m: the field has 2^m elements.
        exp: uint16 (4 order + 1,): alpha^i for i < 2 order, zeros from there on.
        log: uint16 (2^m,); that of zero is 2 order, so it leads any sum to the zeros.
    """

    m: int
    exp: np.ndarray
    log: np.ndarray

    @property
    def order(self) -> int:
        """Of alpha: 2^m - 1."""
        return (1 << self.m) - 1

    def multiply(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Products of elements, uint16 of any shapes that broadcast."""
        return self.exp[self.log[a].astype(np.int64) + self.log[b]]

    def divide(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Quotients of elements, uint16 of any shapes that broadcast; b has no zeros."""
        return self.exp[self.log[a].astype(np.int64) + self.order - self.log[b]]


@cache
def field_of(m: int) -> GaloisField:
    """GF(2^m).

    Raises:
        InputError: m is not in 3..13.
    """
    if m not in CONWAY_POLYNOMIALS:
        raise InputError(f"fields are GF(2^3) to GF(2^13), not GF(2^{m})")
    order = (1 << m) - 1
    exp = np.zeros(4 * order + 1, dtype=np.uint16)
    log = np.full(1 << m, 2 * order, dtype=np.uint16)
    element = 1
    for power in range(order):
        exp[power] = exp[power + order] = element
        log[element] = power
        element <<= 1
        if element >> m:
            element ^= CONWAY_POLYNOMIALS[m]
    return GaloisField(m, exp, log)
