"""What decoding needs to know beside the blocks: the base of each tensor's window, six times.

These are 24 bytes a tensor, as many as the records of single words take (protection/records.py): there is no median
among them, as what is lost becomes the median of what was restored. The six copies of a word are together a word of a
[192,k,6d] code, decoded by maximum likelihood.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.long_codes.scrambling import pattern
from sparebits.protection.records import WORD_BITS, strongest_code

COPIES = 6

_PATTERN = pattern(np.dtype(np.uint32))


def base_words(bases: Sequence[int], fmt: FloatFormat) -> np.ndarray:
    """Bases, below 2^exponent_bits, as they are stored: uint32 (COPIES * bases,), copy after copy."""
    words = strongest_code(fmt.exponent_bits).encode(np.array(bases, dtype=np.uint32)).astype(np.uint32)
    return np.tile(words ^ _PATTERN, COPIES)


def read_bases(stored: np.ndarray, limits: Sequence[int], fmt: FloatFormat) -> tuple[list[int], np.ndarray]:
    """The likeliest bases, whatever the memory holds.

    Args:
        stored: uint32 (COPIES * bases,).
        limits: below which each base lies.

    Returns:
        the bases, and the flips that each of them implies, int64 (bases,).
    """
    copies = stored.reshape(COPIES, len(limits)) ^ _PATTERN
    codewords = _codewords(strongest_code(fmt.exponent_bits))
    bases, flips = [], np.zeros(len(limits), dtype=np.int64)
    for place, limit in enumerate(limits):
        distances = np.bitwise_count(copies[:, place, None] ^ codewords[:limit]).sum(axis=0, dtype=np.int64)
        bases.append(int(distances.argmin()))
        flips[place] = distances.min()
    return bases, flips


def bases_text(bases: Sequence[int], fmt: FloatFormat) -> str:
    """The bases as text for a file: hexadecimal, 8 digits a word."""
    return base_words(bases, fmt).astype(">u4").tobytes().hex()


def bases_of_text(text: str, limits: Sequence[int], fmt: FloatFormat) -> tuple[list[int], int]:
    """The bases of a file's text; a character that is no hexadecimal digit counts as 0.

    Returns:
        the bases, and how many characters of the text differ from theirs.

    Raises:
        InputError: the text has another length, or a base has more flips than its copies together correct for certain.
    """
    expected = COPIES * len(limits) * WORD_BITS // 4
    if len(text) != expected:
        raise InputError(f"its records have {len(text)} characters, expected {expected}")
    digits = "".join(digit if digit in _HEXADECIMAL else "0" for digit in text)
    stored = np.frombuffer(bytes.fromhex(digits), dtype=">u4").astype(np.uint32)
    bases, flips = read_bases(stored, limits, fmt)
    if (flips > (COPIES * strongest_code(fmt.exponent_bits).d - 1) // 2).any():
        raise InputError("its records are damaged beyond repair; protect the original again")
    return bases, sum(one != other for one, other in zip(text, bases_text(bases, fmt), strict=True))


_codewords = cache(LinearCode.codewords)
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
