"""Force-only: invariant and forced bits are restored, all others read as they are. Nothing is coded.

What the thesis' rounding (3.7) gives by itself: a flip of a bit that is known to be constant does nothing. Invariant
are bits that are equal in all words of a kind (3.5, Table 17), forced those that the floor fixes in a tensor (3.8.1,
Figures 6 and 8; the derived rule in mixed tensors). Masks belong to the hardware and count as no memory.
"""

import numpy as np

from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters, kinds_of
from sparebits.protection.thesis import forced_scheme
from sparebits.schemes.coded import Coded
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading


class ForceOnly(Coded):
    """Words of the thesis' floor with all mantissa bits, and the invariant bits of each kind."""

    def __init__(self, name: str, choice: Choice, parameters: FlatParameters):
        fmt, tensors = parameters.fmt, parameters.tensors
        floor_only = Choice(choice.floor, depth=-1)
        scheme = forced_scheme(floor_only, "derived", uncoded, "keep", tensors, parameters.golden, fmt, "majority")
        # Invariant in the unmodified words, unless rounding to the floor changes it.
        self._known = []
        super().__init__(name, scheme, parameters.golden, tensors)
        for kind in kinds_of(tensors):
            spans = list(parameters.spans(kind))
            words = np.concatenate([source[span] for source in (parameters.golden, self.clean) for span in spans])
            self._known.append((spans, np.bitwise_and.reduce(words), ~np.bitwise_or.reduce(words)))

    def read(self, memory: Memory) -> Reading:
        reading = super().read(memory)
        for spans, ones, zeros in self._known:
            for span in spans:
                reading.words[span] = (reading.words[span] | ones) & ~zeros
        return reading

    def forgeries(self, index: int) -> list[Forgery]:
        """Every stored bit that is read, by itself."""
        group = self.group_at(index)
        found, stored = [], self.memory[PARAMETERS]
        for bit in range(group.code.k):
            memory = {PARAMETERS: stored.copy()}
            memory[PARAMETERS][index] ^= stored.dtype.type(1 << bit)
            word = int(self.read(memory).words[index])
            if word != int(self.clean[index]):
                found.append(Forgery(word, (Flip(PARAMETERS, index, bit),)))
        return found


def uncoded(k: int) -> LinearCode:
    """k data bits as they are."""
    return named_code(f"uncoded({k},{k})")
