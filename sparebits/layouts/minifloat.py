"""Minifloats: the sign, an exponent in a window of its own, and a short mantissa rounded to nearest."""

from dataclasses import dataclass

import numpy as np

from sparebits.codes.packing import packed_dtype
from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.data_words import ascending, in_chunks, require_finite


@dataclass(frozen=True)
class Minifloat:
    """The layout [sign][offset][mantissa] of a tensor's values.

    An offset o >= 1 stands for the exponent field base + o. Offset 0 is subnormal: it has the scale of offset 1 without
    the leading 1, so that zero is exact and small values fade gradually. An offset that would stand for the exponent
    field of infinities and NaN (only possible where the window spans all exponents) restores the largest finite value,
    so that every data word restores a finite one. All arithmetic is on integers and exact in every format.

    Attributes:
        fmt: format of the words.
        exponent_bits: bits of the offset, 0 to the format's; without any, the layout is fixed-point.
        mantissa_bits: 0 to the format's.
        base: exponent field at which the window starts.
        signed: whether the highest data bit is the sign; without it, only words with a clear sign bit have a layout.
    """

    fmt: FloatFormat
    exponent_bits: int
    mantissa_bits: int
    base: int
    signed: bool = True

    def __post_init__(self):
        e, m, fmt = self.exponent_bits, self.mantissa_bits, self.fmt
        if not (0 <= e <= fmt.exponent_bits and 0 <= m <= fmt.mantissa_bits and self.data_bits >= 1):
            raise InputError(
                f"layout {self.title} does not fit {fmt.name}: expected a sign, 0 to {fmt.exponent_bits} exponent "
                f"bits and 0 to {fmt.mantissa_bits} mantissa bits, at least one bit in all"
            )
        if not 0 <= self.base <= _highest_base(fmt, e):
            raise InputError(
                f"base {self.base} of a window of {e} exponent bits in {fmt.name}: expected 0 to "
                f"{_highest_base(fmt, e)}, so that the window ends below infinity"
            )

    @classmethod
    def fitting(
        cls,
        words: np.ndarray,
        fmt: FloatFormat,
        exponent_bits: int,
        mantissa_bits: int,
        signed: bool | None = None,
    ) -> "Minifloat":
        """The layout with the lowest window that holds all words after rounding.

        Only where the largest value would round to infinity does it lie above the window and saturate.

        Args:
            words: unsigned integers of the format's width, any shape.
            signed: keep the sign; None keeps it if a word has its sign bit set.

        Raises:
            InputError: a word is infinite or NaN, or has its sign bit set and `signed` is False.
        """
        words = np.asarray(words)
        word = fmt.word_dtype.type
        has_sign = bool(words.size) and int(words.max()) >> fmt.sign_bit == 1
        magnitudes = in_chunks(lambda chunk: chunk & word(_magnitude_mask(fmt)), words, fmt.word_dtype)
        largest = magnitudes.max(initial=0, keepdims=True).reshape(1)
        require_finite(largest, fmt)
        if has_sign and signed is False:
            raise InputError(_SIGN_BIT_SET)
        base = max(0, int(fmt.exponents(largest)[0]) - (1 << exponent_bits) + 1)
        while True:
            layout = cls(fmt, exponent_bits, mantissa_bits, base, has_sign if signed is None else signed)
            if base == _highest_base(fmt, exponent_bits) or layout._rounded(largest)[0] <= layout._largest:
                return layout
            base += 1

    @property
    def data_bits(self) -> int:
        return int(self.signed) + self.exponent_bits + self.mantissa_bits

    @property
    def title(self) -> str:
        """Bits of the sign, the exponent and the mantissa, such as 1-4-6."""
        return f"{int(self.signed)}-{self.exponent_bits}-{self.mantissa_bits}"

    @property
    def base_limit(self) -> int:
        """Bases lie below: a window ends below the exponent of infinities; that of all exponents has base 0."""
        return _highest_base(self.fmt, self.exponent_bits) + 1

    def quantise(self, words: np.ndarray) -> np.ndarray:
        """The data words nearest to the words' values, ties to even; values above the window become the largest.

        Args:
            words: unsigned integers of the format's width, any shape.

        Returns:
            packed_dtype(data_bits), same shape.

        Raises:
            InputError: a word is infinite or NaN, or has its sign bit set and the layout has no sign.
        """
        return in_chunks(self._quantise, words, packed_dtype(self.data_bits))

    def restore(self, data: np.ndarray) -> np.ndarray:
        """The words of the data words' exact values; unsigned integers of the format's width, same shape."""
        return in_chunks(self._restore, data, self.fmt.word_dtype)

    def order(self) -> np.ndarray:
        """The data words by ascending value, int64 (2^data_bits,); -0 before +0."""
        return ascending(self.exponent_bits + self.mantissa_bits, self.signed)

    def bit_names(self) -> list[str]:
        """What the data bits are, from the highest down."""
        names = ["sign"] if self.signed else []
        names += [f"exponent {bit}" for bit in reversed(range(self.exponent_bits))]
        return names + [f"mantissa {bit}" for bit in reversed(range(self.mantissa_bits))]

    def as_dict(self) -> dict:
        """What JSON keeps of the layout, besides the format."""
        return {
            "kind": "minifloat",
            "exponent_bits": self.exponent_bits,
            "mantissa_bits": self.mantissa_bits,
            "base": self.base,
            "signed": self.signed,
        }

    @property
    def _largest(self) -> int:
        """The largest magnitude, as [offset][mantissa], that stands for a finite value."""
        finite_offsets = (1 << self.fmt.exponent_bits) - 1 - self.base
        return (min(1 << self.exponent_bits, finite_offsets) << self.mantissa_bits) - 1

    def _quantise(self, words: np.ndarray) -> np.ndarray:
        word = self.fmt.word_dtype.type
        magnitudes = words & word(_magnitude_mask(self.fmt))
        require_finite(magnitudes, self.fmt)
        data = np.minimum(self._rounded(magnitudes), word(self._largest))
        if self.signed:
            return data | words >> word(self.fmt.sign_bit) << word(self.exponent_bits + self.mantissa_bits)
        if (words >> word(self.fmt.sign_bit)).any():
            raise InputError(_SIGN_BIT_SET)
        return data

    def _rounded(self, magnitudes: np.ndarray) -> np.ndarray:
        """[offset][mantissa] of words without sign, whatever the offset; of the words' dtype."""
        fmt, word = self.fmt, self.fmt.word_dtype.type
        dropped = fmt.mantissa_bits - self.mantissa_bits
        # Seen from offset 1 the word is a fixed-point number: the fields with the window's base taken off already are
        # the magnitude. Below, the significand is shifted by as much as its exponent lies under offset 1.
        from_base = magnitudes - word(self.base << fmt.mantissa_bits)
        if self.base == 0:
            return _shift_to_even(from_base, word(dropped))
        exponents = magnitudes >> word(fmt.mantissa_bits)
        normal = exponents > 0
        significands = (magnitudes & word(fmt.mantissa_mask)) | normal.astype(fmt.word_dtype) << word(fmt.mantissa_bits)
        inside = exponents > word(self.base)
        under = word(self.base + 1 + dropped) - np.maximum(exponents, word(1))
        # A significand is below 2^(mantissa_bits + 1): shifted by more than mantissa_bits + 2 it is nearer to 0 too.
        shifts = np.where(inside, word(dropped), np.minimum(under, word(fmt.mantissa_bits + 2)))
        return _shift_to_even(np.where(inside, from_base, significands), shifts)

    def _restore(self, data: np.ndarray) -> np.ndarray:
        fmt, word = self.fmt, self.fmt.word_dtype.type
        magnitude_bits = self.exponent_bits + self.mantissa_bits
        dropped = fmt.mantissa_bits - self.mantissa_bits
        data = data.astype(fmt.word_dtype)
        magnitudes = np.minimum(data & word((1 << magnitude_bits) - 1), word(self._largest))
        words = magnitudes << word(dropped)
        if self.base:
            subnormal = magnitudes < word(1 << self.mantissa_bits)
            words = np.where(subnormal, self._normalised(words), words + word(self.base << fmt.mantissa_bits))
        if self.signed:
            words |= data >> word(magnitude_bits) << word(fmt.sign_bit)
        return words

    def _normalised(self, fractions: np.ndarray) -> np.ndarray:
        """Words of fractions / 2^mantissa_bits at the scale of offset 1; mantissa_bits is the format's."""
        fmt, word = self.fmt, self.fmt.word_dtype.type
        exponents = np.full_like(fractions, self.base + 1)
        significands = fractions
        for step in reversed(range(self.mantissa_bits.bit_length())):
            # Shift by 2^step where neither a bit leaves the significand nor the exponent falls below the format's own
            # subnormals, which have the scale of exponent 1.
            shift = 1 << step
            room = significands < word(1 << (fmt.mantissa_bits + 1 - shift))
            room &= exponents > word(shift)
            significands = significands << np.where(room, word(shift), word(0))
            exponents -= np.where(room, word(shift), word(0))
        # The leading bit of a normal significand adds the one that is taken off here.
        words = (exponents - word(1) << word(fmt.mantissa_bits)) + significands
        return np.where(fractions == 0, word(0), words)


_SIGN_BIT_SET = (
    "words with their sign bit set (-0 among them) have no place in a layout without sign; choose a signed one"
)


def _highest_base(fmt: FloatFormat, exponent_bits: int) -> int:
    """The highest base at which a window ends below the exponent field of infinities; 0 for the window of all."""
    return max(0, (1 << fmt.exponent_bits) - 1 - (1 << exponent_bits))


def _magnitude_mask(fmt: FloatFormat) -> int:
    return (1 << fmt.sign_bit) - 1


def _shift_to_even(integers: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Integers / 2^shifts, rounded to nearest, ties to even."""
    one = integers.dtype.type(1)
    quotients = integers >> shifts
    remainders = integers - (quotients << shifts)
    # More than half a step is left, or exactly half and the quotient is odd.
    rounds_up = (remainders << one) + (quotients & one) > (one << shifts)
    return quotients + rounds_up.astype(integers.dtype)
