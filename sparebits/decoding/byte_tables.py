"""Linear maps over GF(2), applied to packed words one byte at a time: a lookup and an XOR a byte."""

import numba
import numpy as np
from numba.extending import overload

from sparebits.codes.packing import as_limbs, pack
from sparebits.codes.weights import span


def byte_tables(matrix: np.ndarray, size: int) -> np.ndarray:
    """Tables of the map v -> v M for vectors v packed into `size` bytes.

    Args:
        matrix: uint8 (n, m); row i is the image of bit i. Bits n and above have the image zero.
        size: bytes of a packed vector, at least n / 8.

    Returns:
        uint64 (limbs of m, 256 size): entry [:, 256 b + v] is the image of byte b with the value v, packed.
    """
    images = as_limbs(pack(matrix), matrix.shape[1])
    padded = np.zeros((8 * size, images.shape[1]), dtype=np.uint64)
    padded[: len(images)] = images
    return np.ascontiguousarray(np.concatenate([span(padded[8 * b : 8 * b + 8]) for b in range(size)]).T)


@numba.njit(cache=True, nogil=True)
def image(tables, words, row, limb):
    """Limb `limb` of the image of the word in a row of words (N, limbs), little-endian in its bytes."""
    result = np.uint64(0)
    for part in range(words.shape[1]):
        result ^= part_image(tables, limb, part, words[row, part])
    return result


@numba.njit(cache=True, nogil=True)
def part_image(tables, limb, part, bits):
    """What one limb of a word, number `part`, contributes to the image of the word."""
    size = bytes_of(bits)
    # Unsigned, because signed indices are tested for being negative.
    first = np.uint64(256 * size * part)
    word = np.uint64(bits)
    result = np.uint64(0)
    for b in range(size):
        result ^= tables[limb, first + np.uint64(256 * b) + ((word >> np.uint64(8 * b)) & np.uint64(255))]
    return result


@numba.njit(cache=True, nogil=True)
def images(tables, words, out):
    """Images of the words, unsigned (N, limbs), into out, unsigned (N, limbs of m)."""
    for row in range(words.shape[0]):
        for limb in range(tables.shape[0]):
            out[row, limb] = image(tables, words, row, limb)


def bytes_of(word: np.unsignedinteger) -> int:
    """Bytes of an unsigned integer, in kernels a constant, so that loops over them are unrolled."""
    return word.itemsize


@overload(bytes_of, inline="always")
def _bytes_of(word):
    size = word.bitwidth // 8
    return lambda word: size
