"""Floating-point formats as data: where a word keeps its sign, its exponent field and its mantissa."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FloatFormat:
    """A binary interchange format of IEEE 754-2019, or bfloat16 or float8_e5m2, which follow the same scheme.

    Bit 0 of a word is the least significant bit of the mantissa; the exponent field lies above the mantissa and the
    sign is the highest bit.
    """

    name: str
    dtype: str
    exponent_bits: int
    mantissa_bits: int

    @property
    def width(self) -> int:
        """Bits in a word."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def word_dtype(self) -> np.dtype:
        """The unsigned integer type that holds one word."""
        return np.dtype(f"uint{self.width}")

    @property
    def sign_bit(self) -> int:
        return self.width - 1

    @property
    def exponent_mask(self) -> int:
        """The exponent field in place."""
        return ((1 << self.exponent_bits) - 1) << self.mantissa_bits

    @property
    def mantissa_mask(self) -> int:
        return (1 << self.mantissa_bits) - 1

    @property
    def leading_exponent(self) -> int:
        """The exponent field 1 0...0 (0x80 in binary32): the smallest with a set leading bit, that of the value 2."""
        return 1 << (self.exponent_bits - 1)

    @property
    def forced_bits_of_floor(self) -> dict[int, int]:
        """Floors of the rounding experiments, ascending, and how many leading exponent bits each fixes.

        The floors are the fields 0 1^j 0...0 with j = 2..5, as far as the format has them (thesis 3.7: 0x60, 0x70, 0x78
        and 0x7C in binary32, which fix 3 to 6 bits).
        """
        ones = range(2, min(5, self.exponent_bits - 1) + 1)
        return {self.leading_exponent - (self.leading_exponent >> j): j + 1 for j in ones}

    def fields(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sign, exponent field and mantissa of each word, as arrays of the words' dtype and shape."""
        kind = self.word_dtype.type
        sign = words >> kind(self.sign_bit)
        mantissa = words & kind(self.mantissa_mask)
        return sign, self.exponents(words), mantissa

    def exponents(self, words: np.ndarray) -> np.ndarray:
        """The exponent field of each word, as an array of the words' dtype and shape."""
        kind = self.word_dtype.type
        return (words & kind(self.exponent_mask)) >> kind(self.mantissa_bits)


FORMATS = {
    fmt.dtype: fmt
    for fmt in (
        FloatFormat("binary64", "float64", exponent_bits=11, mantissa_bits=52),
        FloatFormat("binary32", "float32", exponent_bits=8, mantissa_bits=23),
        FloatFormat("binary16", "float16", exponent_bits=5, mantissa_bits=10),
        FloatFormat("bfloat16", "bfloat16", exponent_bits=8, mantissa_bits=7),
        FloatFormat("float8_e5m2", "float8_e5m2", exponent_bits=5, mantissa_bits=2),
    )
}
"""Formats by the name that torch and the config give their dtype."""


def format_named(name: str) -> FloatFormat:
    """The format that a table's `format` column names."""
    return next(fmt for fmt in FORMATS.values() if fmt.name == name)
