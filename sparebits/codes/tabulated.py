"""Codes without a simple construction, by their generators.

They are from GUAVA, the coding theory package of GAP, which follows the tables of best known linear codes of Brouwer
and Grassl. Nothing of them is trusted but the generator: rank and distance are computed.
"""

from functools import cache
from pathlib import Path

import numpy as np

from sparebits.codes.linear import LinearCode, systematic
from sparebits.errors import InputError

PATH = Path(__file__).with_name("tabulated.txt")


def tabulated_code(n: int, k: int) -> LinearCode:
    """The tabulated code [n, k].

    Raises:
        InputError: none is tabulated, or the table is damaged.
    """
    generators = read_generators(PATH)
    if (n, k) not in generators:
        raise InputError(f"there is no tabulated code with n = {n} and k = {k}, only {sorted(generators)}")
    return systematic(f"tabulated({n},{k})", generators[n, k], "tabulated generator (GUAVA)")


@cache
def read_generators(path: Path) -> dict[tuple[int, int], np.ndarray]:
    """Generators uint8 (k, n) by (n, k). A line `[n,k]` heads k lines of n digits; lines with # are comments.

    Raises:
        InputError: a code has fewer rows than its heading says, or a row of another length.
    """
    generators: dict[tuple[int, int], np.ndarray] = {}
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    while lines:
        n, k = (int(number) for number in lines.pop(0).strip("[]").split(","))
        rows, lines = lines[:k], lines[k:]
        if len(rows) != k or any(len(row) != n or set(row) - {"0", "1"} for row in rows):
            raise InputError(f"{path}: the code [{n},{k}] does not have {k} rows of {n} digits 0 or 1")
        generators[n, k] = np.array([[int(digit) for digit in row] for row in rows], dtype=np.uint8)
    return generators
