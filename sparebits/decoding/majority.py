"""Majority decoding of repetition codes: every data bit by itself is what most of its copies say."""

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import LIMB_BITS, packed_dtype
from sparebits.decoding.bounded_distance import DecodedWords

_NONE = np.empty(0, dtype=np.int64)


def decode_majority(code: LinearCode, words: np.ndarray) -> DecodedWords:
    """Vote over the copies of each bit; nothing is ever detected.

    Args:
        code: from `codes.repetition.repetition_code`; of one copy the data bits are taken as they are.
        words: packed (N,), or (N, 2) where n > 64; bits n and above are ignored.

    Returns:
        as from bounded distance; corrected bits are those that were outvoted.
    """
    parts = _copies(code, words)
    voted = _majority(parts)
    outvoted = np.zeros(len(words), dtype=np.int64)
    for part in parts:
        outvoted += np.bitwise_count(part ^ voted)
    return DecodedWords(
        voted.astype(packed_dtype(code.k), copy=False), int(outvoted.sum()), int(np.count_nonzero(outvoted)), _NONE
    )


def _copies(code: LinearCode, words: np.ndarray) -> list[np.ndarray]:
    """Each copy of the data bits, of an unsigned type that holds them, (N,)."""
    limbs = words if words.ndim == 2 else words[:, None]
    kind = limbs.dtype.type
    ones = kind((1 << code.k) - 1)
    copies = []
    for start in range(0, code.n, code.k):
        limb, bit = divmod(start, LIMB_BITS)
        part = limbs[:, limb] >> kind(bit)
        if bit + code.k > LIMB_BITS:
            part |= limbs[:, limb + 1] << kind(LIMB_BITS - bit)
        copies.append(part & ones)
    return copies


def _majority(parts: list[np.ndarray]) -> np.ndarray:
    """Bits set in more than half of the parts, counted in planes: plane i holds bit i of every position's count."""
    planes = [np.zeros_like(parts[0]) for _ in range(len(parts).bit_length())]
    for part in parts:
        carry = part
        for index, plane in enumerate(planes):
            planes[index], carry = plane ^ carry, plane & carry
    needed = len(parts) // 2 + 1
    above, equal = np.zeros_like(parts[0]), ~np.zeros_like(parts[0])
    for index in reversed(range(len(planes))):
        if needed >> index & 1:
            equal &= planes[index]
        else:
            above |= equal & planes[index]
            equal &= ~planes[index]
    return above | equal
