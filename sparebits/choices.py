"""What the measured drops allow: the depth, the floor, and the pairs of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from sparebits.formats import FloatFormat


@dataclass(frozen=True)
class Choice:
    """The thesis' choice for a network.

    Attributes:
        floor: largest exponent floor such that it and every lower one stay within the tolerance; 0 if none does.
        depth: highest bit such that it and every lower one, altered in all parameters, stay within it; -1 if none does.
    """

    floor: int
    depth: int

    def forced_bits(self, fmt: FloatFormat) -> int:
        """Exponent bits that the floor fixes, where the network's largest exponent allows all of them."""
        return fmt.forced_bits_of_floor.get(self.floor, 0)

    @property
    def irrelevant_bits(self) -> int:
        return self.depth + 1

    def spare_bits(self, fmt: FloatFormat, free_bits: int) -> int:
        """Bits of a word that are free for a code (thesis Table 21)."""
        return min(self.forced_bits(fmt), free_bits) + self.irrelevant_bits


def find_depth(lsb: pd.DataFrame, fmt: FloatFormat, tolerance_pp: float) -> int:
    """The depth of a network from the rows of lsb.csv; -1 if already the lowest bit exceeds the tolerance.

    Only mantissa bits count. Bits that the sweep left out are passed over.
    """
    rows = lsb[(lsb["mode"] == "alteration") & (lsb["kind"] == "all") & (lsb["bit"] < fmt.mantissa_bits)]
    return _last_within(rows.sort_values("bit"), "bit", tolerance_pp, none=-1)


def find_floor(rounding: pd.DataFrame, tolerance_pp: float) -> int:
    """The floor of a network from the rows of rounding.csv; 0 if already the lowest exceeds the tolerance."""
    return _last_within(rounding.sort_values("floor"), "floor", tolerance_pp, none=0)


def _last_within(rows: pd.DataFrame, column: str, tolerance_pp: float, none: int) -> int:
    within = (rows["drop_pp"] <= tolerance_pp).cummin()
    return int(rows.loc[within, column].max()) if within.any() else none


def pairs_by_spare_bits(fmt: FloatFormat, free_bits: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """All pairs (floor, highest altered bit), grouped by the bits they free, from the most downwards.

    The last group is (0, [(0, -1)]): nothing rounded, nothing altered.
    """
    floors = {0: 0, **fmt.forced_bits_of_floor}
    pairs = [
        (min(forced, free_bits) + bit + 1, floor, bit)
        for floor, forced in floors.items()
        for bit in range(-1, fmt.mantissa_bits)
    ]
    pairs = [pair for pair in pairs if pair == (0, 0, -1) or pair[0] > 0]
    for spare_bits, group in groupby(sorted(pairs, reverse=True), key=lambda pair: pair[0]):
        yield spare_bits, [(floor, bit) for _, floor, bit in group]


def thesis_choice(combined: pd.DataFrame) -> Choice:
    """The thesis' choice from the rows of combined.csv."""
    row = combined[combined["choice"] == "thesis"].iloc[0]
    return Choice(floor=int(row["floor"]), depth=int(row["bit"]))
