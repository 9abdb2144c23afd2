"""Force-only: invariant and forced bits are restored, all others read as they are. Nothing is coded.

What the thesis' rounding (3.7) gives by itself: a flip of a bit that is known to be constant does nothing. Invariant
are bits that are equal in all words of a kind (3.5, Table 17), forced those that the floor fixes in a tensor (3.8.1,
Figures 6 and 8; the derived rule in mixed tensors). Masks belong to the hardware and count as no memory.
"""

import numpy as np

from sparebits.bit_classes import forced_positions
from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.faults.ber import PARAMETERS
from sparebits.formats import FloatFormat
from sparebits.layouts.forced import Forced
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
        self._known = []
        super().__init__(name, scheme, parameters.golden, tensors)
        for kind in kinds_of(tensors):
            # Invariant in the unmodified words, unless rounding to the floor changes it.
            spans = list(parameters.spans(kind))
            words = np.concatenate([source[span] for source in (parameters.golden, self.clean) for span in spans])
            ones, zeros = int(np.bitwise_and.reduce(words)), int(~np.bitwise_or.reduce(words))
            for tensor in tensors:
                if tensor.kind == kind:
                    places = _stored_places(scheme.group_of[tensor.name].layouts[0])
                    self._known.append((tensor.span, _gathered(ones, places, fmt), _gathered(zeros, places, fmt)))

    def read(self, memory: Memory) -> Reading:
        words = memory[PARAMETERS].copy()
        for span, ones, zeros in self._known:
            # Before words become values: a layout restores finite ones only.
            words[span] = (words[span] | ones) & ~zeros
        return super().read({PARAMETERS: words})

    def forgeries(self, index: int) -> list[Forgery]:
        """Every stored bit that is read, by itself."""
        group, stored = self.group_at(index), self.memory[PARAMETERS][index]
        ones, zeros = next((o, z) for span, o, z in self._known if span.start <= index < span.stop)
        kind, k = stored.dtype.type, group.code.k
        flipped = (stored ^ (kind(1) << np.arange(k, dtype=stored.dtype)) | ones) & ~zeros
        words = group.layouts[0].restore(flipped & kind((1 << k) - 1)).tolist()
        now = int(self.clean[index])
        return [Forgery(word, (Flip(PARAMETERS, index, bit),)) for bit, word in enumerate(words) if word != now]


def uncoded(k: int) -> LinearCode:
    """k data bits as they are."""
    return named_code(f"uncoded({k},{k})")


def _stored_places(layout: Forced) -> list[int]:
    """The bits of a value that are stored, in the order of the stored word's bits."""
    forced = forced_positions(layout.group, layout.rule, layout.forced_bits, layout.free_bits, layout.fmt)
    return [bit for bit in range(layout.depth + 1, layout.fmt.width) if bit not in forced]


def _gathered(mask: int, places: list[int], fmt: FloatFormat) -> np.unsignedinteger:
    """The bits of a mask at places, next to each other."""
    return fmt.word_dtype.type(sum((mask >> bit & 1) << number for number, bit in enumerate(places)))
