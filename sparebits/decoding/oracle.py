"""Bounded-distance decoding as one would explain it: the distances to all codewords, and the nearest if it is within t.

What every other version must agree with.
"""

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.decoding.bounded_distance import DecodedWords


def decode_by_distances(code: LinearCode, words: np.ndarray) -> DecodedWords:
    """Correct words of up to 64 bits by an (N, 2^k) matrix of distances, so for few words and data bits.

    Args:
        code: any with n <= 64 and few data bits; of adjacent double errors only those within t are corrected.
        words: packed (N,).
    """
    words = words & words.dtype.type((1 << code.n) - 1)
    codewords = code.codewords()
    distances = np.bitwise_count(words[:, None] ^ codewords[None, :])
    nearest = distances.argmin(axis=1).astype(code.data_of(words).dtype)
    distance = distances.min(axis=1).astype(int)
    is_corrected = distance <= code.t
    return DecodedWords(
        data=np.where(is_corrected, nearest, code.data_of(words)),
        corrected_bits=int(distance[is_corrected].sum()),
        corrected_words=int((is_corrected & (distance > 0)).sum()),
        detected=np.flatnonzero(~is_corrected),
    )
