"""Base graph 1 of the LDPC codes of 5G NR (3GPP TS 38.212, section 5.3.2): what its entries become at a lifting size.

The parity-check matrix has 46 rows and 68 columns of Z x Z blocks. An entry with shift s is the identity rotated by s:
check z of the row takes part in bit (z + s) mod Z of the column. Columns 0..21 are data, 22..25 the core's parity,
and each of rows 4..45 has a parity column of its own, 22 + row, with shift 0.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sparebits.errors import InputError

ROWS, COLUMNS = 46, 68
DATA_COLUMNS = 22
CORE_ROWS = 4
PUNCTURED_COLUMNS = 2
"""The first of the data columns are never stored: the decoder finds them from the rest."""

_TABLE = Path(__file__).with_name("base_graph_1.csv")
_FACTORS = (2, 3, 5, 7, 9, 11, 13, 15)
_LARGEST = 384
_SET_OF = {
    factor << power: index for index, factor in enumerate(_FACTORS) for power in range(9) if factor << power <= _LARGEST
}

LIFTING_SIZES = tuple(sorted(_SET_OF))
"""All 51, 2 to 384 (table 5.3.2-1)."""


@dataclass(frozen=True, eq=False)
class BaseGraph:
    """The base graph at a lifting size.

    Attributes:
        z: lifting size.
        starts: int64 (47,), where the entries of each row begin.
        columns: int64 (316,), of each entry, ascending in each row.
        shifts: int64 (316,), below z.
    """

    z: int
    starts: np.ndarray
    columns: np.ndarray
    shifts: np.ndarray

    def row(self, row: int) -> dict[int, int]:
        """Column and shift of each entry of a row."""
        place = slice(self.starts[row], self.starts[row + 1])
        return dict(zip(self.columns[place].tolist(), self.shifts[place].tolist(), strict=True))


@cache
def base_graph(z: int) -> BaseGraph:
    """The base graph at lifting size z.

    Raises:
        InputError: there is no such lifting size.
    """
    if z not in _SET_OF:
        raise InputError(f"there is no lifting size {z}: they are {', '.join(map(str, LIFTING_SIZES))}")
    table = np.loadtxt(_TABLE, delimiter=",", skiprows=3, dtype=np.int64)
    starts = np.searchsorted(table[:, 0], np.arange(ROWS + 1))
    return BaseGraph(z, starts, np.ascontiguousarray(table[:, 1]), table[:, 2 + _SET_OF[z]] % z)
