"""How many check bits the codes for single errors need; kept apart, as it takes no code to know."""

from sparebits.errors import InputError


def hamming_check_bits(k: int) -> int:
    """Smallest r with 2^r >= k + r + 1.

    Raises:
        InputError: k is below 1.
    """
    _has_data(k)
    return next(r for r in range(2, k + 3) if 1 << r >= k + r + 1)


def hsiao_check_bits(k: int) -> int:
    """Smallest r with 2^(r - 1) >= k + r: as many odd columns are there.

    Raises:
        InputError: k is below 1.
    """
    _has_data(k)
    return next(r for r in range(3, k + 4) if 1 << (r - 1) >= k + r)


def _has_data(k: int) -> None:
    if k < 1:
        raise InputError(f"a code has at least one data bit, not {k}")
