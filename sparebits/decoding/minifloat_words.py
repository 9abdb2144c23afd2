"""From floating-point words to stored words in one pass: rounded to a minifloat, then encoded.

What `Minifloat.quantise` and `BoundedDistanceDecoder.encode` do one after the other, for whole networks.
"""

from collections.abc import Iterator

import numba
import numpy as np

from sparebits.blocks import map_blocks
from sparebits.decoding.bounded_distance import BoundedDistanceDecoder
from sparebits.errors import InputError
from sparebits.layouts.minifloat import Minifloat

CHUNK = 1 << 12
"""Words that are rounded before they are encoded: the first loop is vectorised, and its results stay near."""


def encode_values(
    layout: Minifloat, decoder: BoundedDistanceDecoder, words: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """The stored words of values, as from `decoder.encode(layout.quantise(words))`.

    Args:
        layout: of as many data bits as the code has.
        decoder: of a code of at most 17 data bits, as wide as the format or narrower.
        words: unsigned integers (N,) of the format's width.
        out: where to write the stored words (N,), contiguous; new memory if None.

    Raises:
        InputError: a word is infinite or NaN, or has its sign bit set and the layout has no sign; or the code has too
            many codewords or another number of data bits than the layout.
        ValueError: words or out are of another type or shape.
    """
    code = decoder.code
    if decoder.codewords is None or code.k != layout.data_bits:
        raise InputError(
            f"{code.name} does not take values in one pass: expected a code of {layout.data_bits} data bits, those of "
            f"the layout {layout.title}, and at most 17; use quantise and encode"
        )
    fmt = layout.fmt
    if words.dtype != fmt.word_dtype or words.ndim != 1:
        raise ValueError(f"expected words of {fmt.word_dtype} (N,), got {words.dtype} {words.shape}")
    stored = decoder.output(len(words), out)
    largest = layout.quantise(np.array([fmt.exponent_mask - 1], dtype=fmt.word_dtype))[0]
    numbers = np.array(
        [
            fmt.mantissa_bits,
            fmt.mantissa_bits - layout.mantissa_bits,
            layout.base,
            largest,
            layout.exponent_bits + layout.mantissa_bits,
            fmt.sign_bit,
            fmt.exponent_mask,
        ],
        dtype=fmt.word_dtype,
    )

    def encode_blocks(blocks: Iterator[slice]) -> list[tuple[int, bool]]:
        return [(block.start, encode_block(block)) for block in blocks]

    def encode_block(block: slice) -> bool:
        part = np.require(words[block], requirements=["C", "W"])
        return _round_and_encode(part, numbers, layout.signed, decoder.codewords, stored[block])

    if not all(map_blocks(encode_blocks, len(words))):
        # Something does not fit; the layout says what.
        layout.quantise(words)
    return stored


@numba.njit(cache=True, nogil=True)
def _round_and_encode(words, numbers, signed, codewords, out):
    """Encode a block; False if a word has no place in the layout. See `Minifloat` for the arithmetic."""
    kind = words.dtype.type
    mantissa_bits, dropped, base, largest, magnitude_bits, sign_bit, infinity = numbers
    one, nothing = kind(1), kind(0)
    lowest = kind(base << mantissa_bits)
    significand = kind((one << mantissa_bits) - one)
    magnitude_mask = kind((one << sign_bit) - one)
    sign_mask = one if signed else nothing
    to_first_offset = kind(base + one + dropped)
    farthest = kind(mantissa_bits + kind(2))
    data = np.empty(CHUNK, dtype=words.dtype)
    seen_sign, seen_magnitude = nothing, nothing
    for start in range(0, words.size, CHUNK):
        part = words[start : start + CHUNK]
        # Every result is cast back, because numba computes in 64 bits and the vectors would be half as wide.
        for i in range(part.size):
            word = part[i]
            magnitude = kind(word & magnitude_mask)
            sign = kind(word >> sign_bit)
            exponent = kind(magnitude >> mantissa_bits)
            seen_sign |= sign
            seen_magnitude = max(seen_magnitude, magnitude)
            # Above offset 0 the fields with the base taken off are a fixed-point number. Below, the significand is.
            inside = exponent > base or base == nothing
            leading = kind(min(exponent, one) << mantissa_bits)
            number = kind(magnitude - lowest) if inside else kind((magnitude & significand) | leading)
            under = min(kind(to_first_offset - max(exponent, one)), farthest)
            shift = dropped if inside else under
            quotient = kind(number >> shift)
            remainder = kind(number - kind(quotient << shift))
            # More than half a step is left, or exactly half and the quotient is odd.
            rounds_up = kind(kind(remainder << one) + kind(quotient & one)) > kind(one << shift)
            rounded = min(kind(quotient + kind(rounds_up)), largest)
            data[i] = rounded | kind(kind(sign & sign_mask) << magnitude_bits)
        for i in range(part.size):
            out[start + i] = codewords[data[i]]
    return seen_magnitude < infinity and (signed or seen_sign == nothing)
