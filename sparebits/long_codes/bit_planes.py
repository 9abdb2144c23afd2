"""Bits of words as bytes, plane after plane: bit 0 of all words, then bit 1 of all words, and so on.

So the bits of a word are as far apart as they can be, and loops over a plane are vectorised.
"""

import numba


@numba.njit(cache=True, nogil=True)
def to_planes(words, bits):
    """bits[b * W + w] = bit b of words[w], for words (W,), unsigned; bits: uint8 (width * W,), of the lowest bits."""
    count = words.size
    one = words.dtype.type(1)
    for b in range(bits.size // count):
        plane, shift = bits[b * count : (b + 1) * count], words.dtype.type(b)
        for w in range(count):
            plane[w] = (words[w] >> shift) & one


@numba.njit(cache=True, nogil=True)
def add_planes(words, bits, place):
    """As `to_planes`, but into bit `place` of each byte, which is clear; all other bits stay."""
    count = words.size
    one = words.dtype.type(1)
    for b in range(bits.size // count):
        plane, shift = bits[b * count : (b + 1) * count], words.dtype.type(b)
        for w in range(count):
            plane[w] |= ((words[w] >> shift) & one) << place


@numba.njit(cache=True, nogil=True)
def from_planes(bits, words):
    """The inverse of `to_planes`; all other bits of the words are cleared."""
    count = words.size
    words[:] = 0
    for b in range(bits.size // count):
        plane, shift = bits[b * count : (b + 1) * count], words.dtype.type(b)
        for w in range(count):
            words[w] |= words.dtype.type(plane[w]) << shift
