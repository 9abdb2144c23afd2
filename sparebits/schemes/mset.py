"""MSET: the most significant bit of the exponent three times in each word, by majority.

Source: Ahmadilivani, Roots, Restifo, Loorits, Di Mauro & Raik, "Effective and Memory-Efficient Alternatives to ECC for
Reliable Large-Scale DNNs", arXiv:2605.07417, 2026 (MSET: DATE 2026), as the project's design defines it: bit 30, whose
flip from 0 to 1 makes a weight enormous, is copied to bits 1 and 0. Other formats: the bit below the sign.

Chosen here: bits 1 and 0 are read as zero. Nothing is ever detected.
"""

import numpy as np

from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading, StoredNetwork

COPIES = 2
"""Low bits that hold copies."""


class MSET(StoredNetwork):
    """The top bit of the exponent copied to the two lowest bits; one flip among the three is corrected."""

    def __init__(self, parameters: FlatParameters, name: str = "MSET"):
        """Encode; for every format."""
        self._width = parameters.fmt.width
        kind = parameters.fmt.word_dtype.type
        self._top = kind(self._width - 2)
        self._read_as_stored = ~kind(1 << self._width - 2 | (1 << COPIES) - 1)
        words = parameters.golden
        top = words >> self._top & kind(1)
        stored = words & ~kind((1 << COPIES) - 1) | top << kind(1) | top
        super().__init__(
            name,
            "raw but bits 1-0",
            f"repetition(3,1) of bit {self._width - 2}",
            "majority",
            "none",
            {PARAMETERS: stored},
        )

    def read(self, memory: Memory) -> Reading:
        stored = memory[PARAMETERS]
        one = stored.dtype.type(1)
        original, first, second = stored >> self._top & one, stored >> one & one, stored & one
        voted = original & first | original & second | first & second
        outvoted = int(np.count_nonzero((original ^ first) | (original ^ second)))
        words = stored & self._read_as_stored | voted << self._top
        return Reading(words, outvoted, outvoted, np.empty(0, dtype=np.int64))

    def forgeries(self, index: int) -> list[Forgery]:
        """Every bit by itself, but for the one that takes two of its three copies."""
        word = int(self.clean[index])
        forgeries = [
            Forgery(word ^ 1 << bit, (Flip(PARAMETERS, index, bit),))
            for bit in range(COPIES, self._width)
            if bit != self._top
        ]
        copies = tuple(Flip(PARAMETERS, index, bit) for bit in range(COPIES))
        return [*forgeries, Forgery(word ^ 1 << int(self._top), copies)]
