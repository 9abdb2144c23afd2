"""Vectors of bits as packed unsigned integers: bit i of the integer is position i of the vector.

Up to 64 bits are one integer, of the smallest unsigned type that holds them. Longer vectors are rows of uint64 limbs on
a last axis, the lowest positions in the first limb.
"""

import numpy as np

LIMB_BITS = 64


def limbs_of(bits: int) -> int:
    """Integers that a vector of `bits` bits takes."""
    return max(1, -(-bits // LIMB_BITS))


def packed_dtype(bits: int) -> np.dtype:
    """The unsigned integer type of a vector of `bits` bits, or of its limbs."""
    return np.dtype(next((f"uint{width}" for width in (8, 16, 32) if bits <= width), "uint64"))


def pack(vectors: np.ndarray) -> np.ndarray:
    """Bits (..., n), each 0 or 1, as packed integers (...), or (..., limbs) where n > 64."""
    vectors = np.asarray(vectors, dtype=np.uint8)
    n = vectors.shape[-1]
    limbs = np.zeros((*vectors.shape[:-1], limbs_of(n)), dtype=np.uint64)
    for position in range(n):
        limb, bit = divmod(position, LIMB_BITS)
        limbs[..., limb] |= vectors[..., position].astype(np.uint64) << np.uint64(bit)
    return limbs if n > LIMB_BITS else limbs[..., 0].astype(packed_dtype(n))


def unpack(words: np.ndarray, n: int) -> np.ndarray:
    """Packed integers back to bits, uint8 (..., n)."""
    limbs = as_limbs(words, n)
    vectors = np.empty((*limbs.shape[:-1], n), dtype=np.uint8)
    for position in range(n):
        limb, bit = divmod(position, LIMB_BITS)
        vectors[..., position] = (limbs[..., limb] >> np.uint64(bit)) & np.uint64(1)
    return vectors


def as_limbs(words: np.ndarray, n: int) -> np.ndarray:
    """Packed integers of n bits as uint64 (..., limbs), whatever n is.

    Raises:
        TypeError: the words are not unsigned integers.
        ValueError: n > 64 and the last axis is not the limbs, or a bit above n is set.
    """
    words = np.asarray(words)
    if words.dtype.kind != "u":
        raise TypeError(f"packed words are unsigned integers, got {words.dtype}")
    limbs = words.astype(np.uint64)
    if n <= LIMB_BITS:
        limbs = limbs[..., None]
    elif limbs.ndim == 0 or limbs.shape[-1] != limbs_of(n):
        raise ValueError(f"words of {n} bits have a last axis of {limbs_of(n)} limbs, got shape {words.shape}")
    spill = n % LIMB_BITS
    if spill and np.any(limbs[..., -1] >> np.uint64(spill)):
        raise ValueError(f"a word of {n} bits has a bit set at position {n} or above")
    return limbs


def from_limbs(limbs: np.ndarray, n: int) -> np.ndarray:
    """The inverse of `as_limbs`."""
    return limbs if n > LIMB_BITS else limbs[..., 0].astype(packed_dtype(n))
