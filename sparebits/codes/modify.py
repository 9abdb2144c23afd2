"""New codes from old: extend, augment, lengthen, puncture, shorten, subcode (MacWilliams & Sloane 1977, ch. 1.9)."""

import numpy as np

from sparebits.codes.linear import LinearCode, systematic
from sparebits.errors import InputError


def extend(code: LinearCode, name: str) -> LinearCode:
    """[n + 1, k]: a last position that makes every weight even, so an odd d grows by one."""
    parity = code.generator.sum(axis=1, dtype=np.uint8) % 2
    generator = np.column_stack([code.generator, parity])
    return LinearCode(name, generator, code.data_positions, f"extended {code.construction}")


def augment(code: LinearCode, name: str) -> LinearCode:
    """[n, k + 1]: the all-one word is added.

    Raises:
        InputError: the code has that word already.
    """
    ones = np.ones((1, code.n), dtype=np.uint8)
    augmented = systematic(name, np.concatenate([code.generator, ones]), f"augmented {code.construction}")
    if augmented.k == code.k:
        raise InputError(f"{code.name} already has the all-one word, so it cannot be augmented")
    return augmented


def lengthen(code: LinearCode, name: str) -> LinearCode:
    """[n + 1, k + 1]: augmented, then extended."""
    return extend(augment(code, name), name)


def puncture(code: LinearCode, name: str, position: int) -> LinearCode:
    """[n - 1, k]: one position is left out; d falls by one at most.

    Raises:
        InputError: there is no such position, or two codewords differ in it alone.
    """
    if not 0 <= position < code.n:
        raise InputError(f"{code.name} has positions 0..{code.n - 1}, not {position}")
    punctured = systematic(name, np.delete(code.generator, position, axis=1), f"punctured {code.construction}")
    if punctured.k < code.k:
        raise InputError(f"{code.name} cannot lose position {position}: codewords differ in it alone")
    return punctured


def shorten(code: LinearCode, name: str, bits: int) -> LinearCode:
    """[n - bits, k - bits]: the last data bits are always zero and not stored; d does not fall.

    Raises:
        InputError: no data bit would be left.
    """
    _leaves_data(code, code.k - bits)
    kept = code.k - bits
    generator = np.delete(code.generator[:kept], code.data_positions[kept:], axis=1)
    return systematic(name, generator, f"shortened {code.construction}")


def subcode(code: LinearCode, name: str, k: int) -> LinearCode:
    """[n, k]: the last data bits are always zero and stored; d does not fall.

    Raises:
        InputError: k is not in 1..k of the code.
    """
    _leaves_data(code, k)
    return systematic(name, code.generator[:k], f"subcode of {code.construction}")


def _leaves_data(code: LinearCode, k: int) -> None:
    if not 1 <= k <= code.k:
        raise InputError(f"{code.name} can be reduced to 1..{code.k} data bits, not {k}")
