"""The network as it is: every flip is read."""

import numpy as np

from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading, StoredNetwork


class Unprotected(StoredNetwork):
    """Words stored and read as they are; the baseline of every comparison."""

    def __init__(self, parameters: FlatParameters, name: str = "unprotected"):
        self._width = parameters.fmt.width
        super().__init__(name, "none", "none", "none", "none", {PARAMETERS: parameters.golden})

    def read(self, memory: Memory) -> Reading:
        return Reading(memory[PARAMETERS], 0, 0, np.empty(0, dtype=np.int64))

    def forgeries(self, index: int) -> list[Forgery]:
        """Every bit by itself."""
        word = int(self.memory[PARAMETERS][index])
        return [Forgery(word ^ 1 << bit, (Flip(PARAMETERS, index, bit),)) for bit in range(self._width)]
