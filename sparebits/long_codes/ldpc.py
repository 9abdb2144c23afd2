"""LDPC codes of 5G NR cut to any number of data bits and stored bits (3GPP TS 38.212, sections 5.3.2 and 5.4.2).

The lifting size is the smallest that has room for both. Data bits that are left over are zero by agreement and not
stored, and so is what there is of parity beyond the stored bits; the first 2 Z data bits are never stored.
"""

from dataclasses import dataclass
from functools import cache

from sparebits.errors import InputError
from sparebits.long_codes.base_graph import (
    CORE_ROWS,
    DATA_COLUMNS,
    LIFTING_SIZES,
    PUNCTURED_COLUMNS,
    ROWS,
    BaseGraph,
    base_graph,
)


@dataclass(frozen=True, eq=False)
class LdpcCode:
    """A code of `data_bits` bits in `stored_bits` stored ones; get it from `ldpc_code`.

    Bits of a block are numbered as the columns of the base graph are, z after z; the data bits come first. Stored bits
    are the data bits from 2 Z on, then the parity bits from 22 Z on.
    """

    data_bits: int
    stored_bits: int
    graph: BaseGraph

    @property
    def name(self) -> str:
        return f"5g-ldpc({self.stored_bits},{self.data_bits})"

    @property
    def z(self) -> int:
        return self.graph.z

    @property
    def stored_data_bits(self) -> int:
        return self.data_bits - PUNCTURED_COLUMNS * self.z

    @property
    def parity_bits(self) -> int:
        """That are stored."""
        return self.stored_bits - self.stored_data_bits

    @property
    def rows(self) -> int:
        """Of the base graph that the stored parity bits belong to; the last may lack some of its bits."""
        return -(-self.parity_bits // self.z)


@cache
def ldpc_code(data_bits: int, stored_bits: int) -> LdpcCode:
    """The code of that size.

    Raises:
        InputError: no lifting size has room for so many bits, or there are too few.
    """
    for z in LIFTING_SIZES:
        code = LdpcCode(data_bits, stored_bits, base_graph(z))
        if data_bits <= DATA_COLUMNS * z and code.parity_bits <= ROWS * z:
            if code.stored_data_bits < 0 or code.rows < CORE_ROWS:
                break
            return code
    raise InputError(
        f"base graph 1 has no code of {data_bits} data bits in {stored_bits} stored bits: expected 5 to "
        f"{DATA_COLUMNS * LIFTING_SIZES[-1]} data bits, and {DATA_COLUMNS + 2}/{DATA_COLUMNS} to 3 times as many "
        "stored ones"
    )
