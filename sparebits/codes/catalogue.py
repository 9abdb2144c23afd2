"""The codes by name and by size.

A name is family(n,k). Where several families have a code of one size, `best_code` takes the largest distance, and of
equals the family that comes first below.
"""

from collections.abc import Callable
from functools import cache

from sparebits.codes.adjacent import (
    DATA_BITS,
    correcting_check_bits,
    correcting_code,
    detecting_check_bits,
    detecting_code,
)
from sparebits.codes.bch import bch_code, extended_bch_code
from sparebits.codes.golay import extended_golay_code, golay_code
from sparebits.codes.hamming import hamming_code, hsiao_code, secded_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.modify import shorten, subcode
from sparebits.codes.reed_muller import reed_muller_code
from sparebits.codes.repetition import checked_copies_code, repetition_code
from sparebits.codes.sizes import hamming_check_bits, hsiao_check_bits
from sparebits.codes.tabulated import tabulated_code
from sparebits.errors import InputError

HAMMING_DATA_BITS = (*range(1, 58), 64)

Size = tuple[int, int]


def _families() -> dict[str, dict[Size, Callable[[], LinearCode]]]:
    """How each code is built, by family and (n, k)."""
    return {
        "reed-muller": {
            (16, 5): lambda: reed_muller_code(1, 4),
            (16, 11): lambda: reed_muller_code(2, 4),
            (32, 6): lambda: reed_muller_code(1, 5),
            (32, 16): lambda: reed_muller_code(2, 5),
            (32, 26): lambda: reed_muller_code(3, 5),
            (64, 7): lambda: reed_muller_code(1, 6),
            (64, 22): lambda: reed_muller_code(2, 6),
            (128, 8): lambda: reed_muller_code(1, 7),
        },
        "golay": {(23, 12): golay_code, (24, 12): extended_golay_code},
        "extended-bch": {
            size: lambda size=size: extended_bch_code(*size)
            for size in (
                *((16, 7), (32, 6), (32, 11), (32, 16), (32, 21)),
                *((64, 10), (64, 16), (64, 18), (64, 24), (64, 30), (64, 36), (128, 22), (128, 29), (128, 43)),
            )
        },
        "bch": {size: lambda size=size: bch_code(*size) for size in ((15, 7), (31, 6), (31, 11), (31, 16), (31, 21))},
        "tabulated": {
            size: lambda size=size: tabulated_code(*size) for size in ((16, 8), (32, 7), (32, 8), (32, 13), (32, 17))
        },
        "subcode": {
            (16, 6): lambda: _subcode_of("extended-bch", (16, 7), 6),
            (16, 9): lambda: _subcode_of("reed-muller", (16, 11), 9),
            (16, 10): lambda: _subcode_of("reed-muller", (16, 11), 10),
            (32, 9): lambda: _subcode_of("extended-bch", (32, 11), 9),
            (32, 10): lambda: _subcode_of("extended-bch", (32, 11), 10),
            (32, 12): lambda: _subcode_of("tabulated", (32, 13), 12),
            (32, 14): lambda: _subcode_of("extended-bch", (32, 16), 14),
            (32, 15): lambda: _subcode_of("extended-bch", (32, 16), 15),
        },
        "shortened": {(30, 9): lambda: shorten(named_code("extended-bch(32,11)"), "shortened(30,9)", 2)},
        "hsiao": {(k + hsiao_check_bits(k), k): lambda k=k: hsiao_code(k) for k in HAMMING_DATA_BITS},
        "secded": {(k + hamming_check_bits(k) + 1, k): lambda k=k: secded_code(k) for k in HAMMING_DATA_BITS},
        "hamming": {(k + hamming_check_bits(k), k): lambda k=k: hamming_code(k) for k in HAMMING_DATA_BITS},
        "sec-daed": {(k + detecting_check_bits(k), k): lambda k=k: detecting_code(k) for k in DATA_BITS},
        "sec-daec": {(k + correcting_check_bits(k), k): lambda k=k: correcting_code(k) for k in DATA_BITS},
    }


FAMILIES = _families()

COMPARED_WITH: dict[str, dict[Size, Callable[[], LinearCode]]] = {
    "uncoded": {(k, k): lambda k=k: repetition_code(k, 1) for k in range(1, 65)},
    "repetition": {
        (k * copies, k): lambda k=k, copies=copies: repetition_code(k, copies)
        for copies in range(3, 32, 2)
        for k in range(1, 128 // copies + 1)
    },
    "checked-copies": {(32, 8): lambda: checked_copies_code(named_code("tabulated(16,8)"), 3)},
}
"""What is no candidate of any choice, but stands beside the codes in comparisons."""


def code_names(family: str | None = None) -> list[str]:
    """All names, or those of a family."""
    return [f"{f}({n},{k})" for f, sizes in FAMILIES.items() if family in (None, f) for n, k in sizes]


def code_sizes() -> list[Size]:
    """All (n, k) of the catalogue, ascending."""
    return sorted({size for family in FAMILIES.values() for size in family})


@cache
def named_code(name: str) -> LinearCode:
    """The code of that name, built once.

    Raises:
        InputError: there is none.
    """
    family, _, size = name.partition("(")
    families = FAMILIES | COMPARED_WITH
    if family not in families:
        raise InputError(f"there is no code {name!r}: the families are {', '.join(families)}")
    for (n, k), build in families[family].items():
        if size == f"{n},{k})":
            return build()
    raise InputError(f"there is no code {name!r}: of this family there are {_names_of(family, families[family])}")


@cache
def best_code(n: int, k: int) -> LinearCode:
    """The code of the catalogue with n bits, k of them data, and the largest distance.

    Raises:
        InputError: the catalogue has no such code; the message says which k it has for this n, or which n.
    """
    names = [f"{family}({n},{k})" for family, sizes in FAMILIES.items() if (n, k) in sizes]
    if not names:
        raise InputError(f"there is no code with n = {n} and k = {k}: {_what_exists(n)}")
    return max((named_code(name) for name in names), key=lambda code: code.d)


def _what_exists(n: int) -> str:
    sizes = code_sizes()
    dimensions = [k for length, k in sizes if length == n]
    if dimensions:
        return f"for n = {n} the catalogue has k = {', '.join(map(str, dimensions))}"
    return f"the catalogue has n = {', '.join(map(str, sorted({length for length, _ in sizes})))}"


def _names_of(family: str, sizes: dict[Size, Callable[[], LinearCode]]) -> str:
    return ", ".join(f"{family}({n},{k})" for n, k in sizes)


def _subcode_of(family: str, size: Size, k: int) -> LinearCode:
    n = size[0]
    return subcode(named_code(f"{family}({n},{size[1]})"), f"subcode({n},{k})", k)
