"""Opportunistic parity: the least significant bit of every word is the parity of the others.

Source: Burel, Evans & Anghel, "Zero-Overhead Protection for CNN Weights", DFT 2021. Even parity over the whole word; a
word of odd weight is detected and zeroed, as most weights are near zero.

Chosen here: bit 0 is read as zero, so that what is computed with does not depend on the parity. The posterior mean is
over all single flips of the stored word, that of the parity bit included.
"""

import numpy as np

from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.replacement import replace_detected, scheme_name
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading, StoredNetwork

PUBLISHED = "zero"


class ParityZero(StoredNetwork):
    """Every word with a parity bit in place of its lowest bit; any odd number of flips is detected, no even one."""

    def __init__(self, parameters: FlatParameters, policy: str = PUBLISHED, name: str | None = None):
        """Encode; for every format.

        Raises:
            InputError: the policy is none.
        """
        self._fmt, self._tensors = parameters.fmt, parameters.tensors
        width = self._fmt.width
        words = _without_parity(parameters.golden)
        super().__init__(
            scheme_name(name, "parity-zero", policy, PUBLISHED),
            "raw but bit 0",
            f"parity ({width},{width - 1})",
            "parity check",
            policy,
            {PARAMETERS: words | _is_odd(words)},
        )

    def read(self, memory: Memory) -> Reading:
        stored = memory[PARAMETERS]
        detected = np.flatnonzero(_is_odd(stored))
        flips = np.left_shift(stored.dtype.type(1), np.arange(self._fmt.width, dtype=stored.dtype))

        def candidates(indices: np.ndarray) -> np.ndarray:
            return _without_parity(stored[indices, None] ^ flips)

        words = _without_parity(stored)
        words = replace_detected(words, detected, self.policy, self._tensors, self._fmt, candidates)
        return Reading(words, 0, 0, detected)

    def forgeries(self, index: int) -> list[Forgery]:
        """Every bit together with the parity bit."""
        word = int(self.clean[index])
        parity = Flip(PARAMETERS, index, 0)
        return [Forgery(word ^ 1 << bit, (Flip(PARAMETERS, index, bit), parity)) for bit in range(1, self._fmt.width)]


def _without_parity(words: np.ndarray) -> np.ndarray:
    return words & ~words.dtype.type(1)


def _is_odd(words: np.ndarray) -> np.ndarray:
    """1 where a word has an odd number of ones, uint8."""
    return np.bitwise_count(words) & np.uint8(1)
