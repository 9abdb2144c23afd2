"""Algebraic decoding of extended BCH codes and their subcodes: solving for the positions of the errors.

Every position p stands for an element X_p of GF(2^m), one of them zero. The codewords have zero power sums
S_j = sum of X_p^j over their ones, j = 1, 2, …, so a word's are those of its error. Berlekamp and Massey find the
locator, the polynomial with the roots 1 / X_p, from 2t of them (Massey 1969; MacWilliams & Sloane 1977, ch. 9).
"""

from dataclasses import dataclass

import numpy as np

from sparebits.codes.bch import PRIMITIVE_POLYNOMIALS, powers_of_alpha
from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import LIMB_BITS, as_limbs, limbs_of, pack
from sparebits.decoding.algebraic_kernels import solve
from sparebits.decoding.byte_tables import byte_tables


@dataclass(frozen=True, eq=False)
class AlgebraicDecoder:
    """Finds errors of weight up to t, all of them, by solving for the locator.

    Attributes:
        t: errors that are corrected.
        solved: errors away from the position of zero that the known power sums suffice for: t or t - 1. With one less,
            the next sum is guessed, see `algebraic_kernels`.
        power_sums: `byte_tables` of a word's S_1, S_3, …, one byte each; words in limbs of 64 bits.
        syndromes: `byte_tables` of a word's syndrome: what is found counts only if it has the same.
        elements: uint8 (n,), X_p.
        products: uint8 (2^m, 2^m), the multiplication table.
        inverses: uint8 (2^m,), of zero: zero.
        evaluations: uint64 (t + 1, 2^m, m limbs): entry [j, c] has at each position p the value c / X_p^j, a bit in
            each of the m parts; at the position of zero, 1 for j = 0 and 0 otherwise.
    """

    t: int
    solved: int
    power_sums: np.ndarray
    syndromes: np.ndarray
    elements: np.ndarray
    products: np.ndarray
    inverses: np.ndarray
    evaluations: np.ndarray

    def find_errors(self, words: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> None:
        """The error in each word if its weight is at most t, and its weight; see `LeaderTable.find_errors`."""
        # Compiled for 64-bit limbs alone, as shorter codes hardly ever need it.
        found = np.empty(words.shape, dtype=np.uint64)
        solve(
            words.astype(np.uint64, copy=False),
            self.t,
            self.solved,
            self.power_sums,
            self.syndromes,
            self.elements,
            self.products,
            self.inverses,
            self.evaluations,
            found,
            weights,
        )
        errors[:] = found


def algebraic_decoder(code: LinearCode) -> AlgebraicDecoder | None:
    """The algebraic decoder of a code of length 8 to 128; None if its power sums do not suffice.

    Whether the power sums vanish is computed from the generator, so subcodes of extended BCH codes qualify as well, and
    Reed–Muller codes: their positions are field elements in another order.
    """
    n = code.n
    m = n.bit_length() - 1
    if n != 1 << m or m not in PRIMITIVE_POLYNOMIALS or (code.generator.sum(axis=1) % 2).any():
        return None
    powers = powers_of_alpha(n - 1)
    products = _multiplication_table(powers)
    inverses = np.argmax(products == 1, axis=1).astype(np.uint8)
    for elements in ([*powers, 0], range(n)):
        sums = _odd_powers(np.array(elements, dtype=np.uint8), code.t, products)
        solved = _vanishing(code, sums)
        if solved >= code.t - 1:
            size = 8 * limbs_of(n)
            return AlgebraicDecoder(
                t=code.t,
                solved=solved,
                power_sums=byte_tables(_bits(sums[:solved], 8), size),
                syndromes=byte_tables(code.parity_check.T, size),
                elements=np.array(elements, dtype=np.uint8),
                products=products,
                inverses=inverses,
                evaluations=_evaluations(inverses[list(elements)], code.t, products),
            )
    return None


def _multiplication_table(powers: list[int]) -> np.ndarray:
    """Products of all pairs of field elements, uint8 (2^m, 2^m)."""
    size = len(powers) + 1
    logarithms = np.zeros(size, dtype=np.int64)
    logarithms[powers] = np.arange(len(powers))
    products = np.array(powers)[(logarithms[:, None] + logarithms) % len(powers)]
    products[0, :] = products[:, 0] = 0
    return products.astype(np.uint8)


def _odd_powers(elements: np.ndarray, count: int, products: np.ndarray) -> np.ndarray:
    """X_p, X_p^3, X_p^5, …: uint8 (count, n)."""
    squares = products[elements, elements]
    rows = [elements]
    while len(rows) < count:
        rows.append(products[rows[-1], squares])
    return np.array(rows)


def _vanishing(code: LinearCode, sums: np.ndarray) -> int:
    """How many of the first odd power sums vanish for all codewords; the even ones are squares of earlier ones."""
    for count, powers in enumerate(sums):
        images = code.generator.astype(np.int64) @ _bits(powers[None], 8) % 2
        if images.any():
            return count
    return len(sums)


def _bits(rows: np.ndarray, width: int) -> np.ndarray:
    """Numbers (count, n) as a matrix of bits, uint8 (n, count x width)."""
    bits = rows.T[:, :, None] >> np.arange(width, dtype=np.uint8) & np.uint8(1)
    return bits.reshape(rows.shape[1], -1)


def _evaluations(inverses: np.ndarray, t: int, products: np.ndarray) -> np.ndarray:
    """The values c / X_p^j at all positions, sliced into bits; see `AlgebraicDecoder`."""
    m = len(products).bit_length() - 1
    # Positions beyond the word are like that of zero, never a root.
    inverses = np.pad(inverses, (0, -len(inverses) % LIMB_BITS))
    coefficients = np.arange(len(products), dtype=np.uint8)
    powers = np.ones_like(inverses)
    tables = []
    for _ in range(t + 1):
        values = products[coefficients[:, None], powers]
        slices = pack(values[:, None, :] >> np.arange(m, dtype=np.uint8)[:, None] & np.uint8(1))
        tables.append(as_limbs(slices, len(inverses)).reshape(len(products), -1))
        powers = products[powers, inverses]
    return np.array(tables)
