"""Fault maps of a bit error rate, as XOR masks that are computed anew wherever they are needed and never stored.

Every bit has a uniform number U(seed, plane, address, bit) of 64 bits and flips if U < ber * 2^64. So the map at a
lower rate is part of the map at a higher one, every scheme meets the same faults, and any stretch of addresses can be
computed by itself.

U is a number of the SplitMix64 stream (Steele, Lea & Flood 2014), which is a hash of a counter:

    U = mix(key + 64 * address * gamma + bit * gamma),    key = mix(mix(seed + gamma) + plane * gamma),

modulo 2^64, with gamma = 0x9E3779B97F4A7C15 and mix the stream's output function. All streams are stretches of one
cycle of 2^64 numbers; two of 2^31 numbers, a network's of 32 million words, overlap with a probability of 2^-32.
"""

import hashlib
import math
from collections.abc import Iterator

import numba
import numpy as np

from sparebits.blocks import map_blocks
from sparebits.errors import InputError

PARAMETERS = 0
"""Plane of a network's own words, the same for every scheme; the address is the index in the flat buffer."""
METADATA = 1
"""Plane of what a layout keeps beside the words."""
CHECK_WORDS = 2
"""Plane of check bits that are stored out of band."""
STUCK_VALUES = 8
"""Added to the plane of cells: the plane of the values at which they are stuck."""

WIDTHS = (8, 16, 32, 64)
GAMMA = 0x9E3779B97F4A7C15
"""The odd integer next to 2^64 divided by the golden ratio: the step of SplitMix64."""

_MASK64 = (1 << 64) - 1


def ber_mask(seed: int, plane: int, count: int, width: int, ber: float, start: int = 0) -> np.ndarray:
    """XOR masks of `count` words at consecutive addresses: a set bit is a flip. Applied twice, it undoes itself.

    Args:
        seed: of the trial, in 0..2^64 - 1.
        plane: PARAMETERS, METADATA or CHECK_WORDS.
        count: words.
        width: bits of a word: 8, 16, 32 or 64. Bit b of an address is the same in every width that has it.
        ber: probability that a bit flips, in 0..1.
        start: address of the first word.

    Returns:
        uint{width} (count,), the same for every number of threads.

    Raises:
        InputError: an argument is out of its range.
    """
    if width not in WIDTHS:
        raise InputError(f"a fault map has words of {', '.join(map(str, WIDTHS))} bits, not {width}")
    if not 0 <= ber <= 1:
        raise InputError(f"a bit error rate lies in 0..1, got {ber}")
    if not 0 <= seed <= _MASK64:
        raise InputError(f"the seed of a fault map lies in 0..2^64 - 1, got {seed}")
    if min(plane, count, start) < 0:
        raise InputError(f"plane, count and start of a fault map are not negative, got {plane}, {count} and {start}")
    seed, plane, start = int(seed), int(plane), int(start)
    dtype = np.dtype(f"uint{width}")
    # Exact: a float times 2^64 loses nothing, and U < x is U < ceil(x) for integers U.
    threshold = math.ceil(math.ldexp(ber, 64))
    if threshold > _MASK64:
        return np.full(count, np.iinfo(dtype).max, dtype=dtype)
    masks = np.zeros(count, dtype=dtype)
    if threshold and count:

        def flip_blocks(blocks: Iterator[slice]) -> list[tuple[int, None]]:
            for block in blocks:
                first = (stream_key(seed, plane) + (start + block.start << 6) * GAMMA) & _MASK64
                _flip(np.uint64(first), np.uint64(threshold), masks[block])
            return []

        map_blocks(flip_blocks, count)
    return masks


def flips_of(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a mask flips: index of the word, int64 (flips,), and bit, uint8 (flips,), by index and then by bit."""
    words = np.ascontiguousarray(mask).reshape(-1)
    flips = count_flips(words)
    indices, bits = np.empty(flips, dtype=np.int64), np.empty(flips, dtype=np.uint8)
    _list_flips(words, indices, bits)
    return indices, bits


def count_flips(mask: np.ndarray) -> int:
    """Bits that a mask flips."""
    return int(np.bitwise_count(mask).sum(dtype=np.int64))


def map_hash(mask: np.ndarray) -> str:
    """SHA-256 of the mask's words as little-endian bytes, in hexadecimal: says whether two trials met the same map."""
    return hashlib.sha256(np.ascontiguousarray(mask, dtype=mask.dtype.newbyteorder("<"))).hexdigest()


def stream_key(seed: int, plane: int) -> int:
    """Start of the stream of a seed and a plane, 0..2^64 - 1."""
    return mix(mix(seed + GAMMA) + plane * GAMMA)


def mix(state: int) -> int:
    """The output function of SplitMix64: a permutation of 0..2^64 - 1, of the state modulo 2^64."""
    state &= _MASK64
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK64
    return state ^ (state >> 31)


@numba.njit(cache=True, nogil=True)
def _flip(first, threshold, masks):
    """Sets the bits of each mask whose number is below the threshold; `first` is the state of bit 0 of masks[0]."""
    gamma = np.uint64(GAMMA)
    width = np.uint64(8 * masks.itemsize)
    for index in range(len(masks)):
        state = first + (np.uint64(index) << np.uint64(6)) * gamma
        mask = np.uint64(0)
        for bit in range(width):
            number = mix64(state + np.uint64(bit) * gamma)
            mask |= np.uint64(number < threshold) << np.uint64(bit)
        masks[index] = mask


@numba.njit(cache=True, inline="always")
def mix64(state):
    """`mix` of a uint64, for kernels."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@numba.njit(cache=True)
def _list_flips(words, indices, bits):
    found = 0
    for index in range(len(words)):
        word = np.uint64(words[index])
        bit = np.uint8(0)
        while word:
            if word & np.uint64(1):
                indices[found] = index
                bits[found] = bit
                found += 1
            word >>= np.uint64(1)
            bit += np.uint8(1)
