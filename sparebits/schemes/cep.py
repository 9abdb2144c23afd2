"""CEP: parity of chunks of three bits, in the eight lowest bits of a binary32 word.

Source: Ahmadilivani, Roots, Restifo, Loorits, Di Mauro & Raik, "Effective and Memory-Efficient Alternatives to ECC for
Reliable Large-Scale DNNs", arXiv:2605.07417, 2026 (CEP: IOLTS 2026), as the project's design defines it. The chunks are
the bits 31-29, 28-26, …, 10-8; the even parity of each, in this order, is in the bits 7, 6, …, 0. A chunk whose parity
does not match is zeroed, the others are kept. The parity bits are read as zero.

Chosen here for the other policies, which are not published: a word with a mismatch is detected. Keep takes the chunk as
it is; median and posterior mean replace the whole word. The latter is over the single flips of a mismatching chunk and
of its parity bit; several mismatching chunks make the word the median.
"""

import numpy as np

from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.replacement import replace_detected, scheme_name
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading, StoredNetwork

PUBLISHED = "zero"
CHUNK = 3
"""Data bits of a chunk."""
CHUNKS = 8
"""Chunks of a word, and parity bits below them."""

_LOWEST = np.uint32(sum(1 << CHUNK * chunk for chunk in range(CHUNKS)))
"""The lowest bit of each chunk, of the data bits alone."""
_AT_LOWEST = np.array(
    [sum((bits >> chunk & 1) << CHUNK * chunk for chunk in range(CHUNKS)) for bits in range(1 << CHUNKS)], np.uint32
)
"""Parity bits, each moved to the lowest bit of its chunk."""
_SHIFT, _PARITY_BITS = np.uint32(CHUNKS), np.uint32((1 << CHUNKS) - 1)


class CEP(StoredNetwork):
    """Eight chunks a word with a parity bit each; an odd number of flips in a chunk is detected."""

    def __init__(self, parameters: FlatParameters, policy: str = PUBLISHED, name: str | None = None):
        """Encode.

        Raises:
            InputError: the network is not in binary32, or the policy is none.
        """
        name = scheme_name(name, "CEP", policy, PUBLISHED)
        if parameters.fmt.name != "binary32":
            raise InputError(f"CEP is defined for binary32, not for {parameters.fmt.name}")
        self._fmt, self._tensors = parameters.fmt, parameters.tensors
        words = parameters.golden & ~_PARITY_BITS
        odd = _mismatches(words)
        parities = sum((odd >> np.uint32(CHUNK * c) & np.uint32(1)) << np.uint32(c) for c in range(CHUNKS))
        super().__init__(
            name,
            "raw but bits 7-0",
            f"{CHUNKS} x parity ({CHUNK + 1},{CHUNK})",
            "parity check",
            policy,
            {PARAMETERS: words | parities},
        )

    def read(self, memory: Memory) -> Reading:
        stored = memory[PARAMETERS]
        words, mismatches = stored & ~_PARITY_BITS, _mismatches(stored)
        detected = np.flatnonzero(mismatches)
        if self.policy == "zero":
            words[detected] &= ~(mismatches[detected] * np.uint32((1 << CHUNK) - 1) << _SHIFT)
            return Reading(words, 0, 0, detected)

        def candidates(indices: np.ndarray) -> np.ndarray:
            of_chunk = mismatches[indices, None]
            flips = of_chunk << np.arange(CHUNKS, CHUNKS + CHUNK + 1, dtype=np.uint32)
            # In the last column the parity bit is wrong and the word as it should be.
            flips[:, CHUNK] = 0
            is_single = np.bitwise_count(of_chunk) == 1
            return np.where(is_single, words[indices, None] ^ flips, ~np.uint32(0))

        words = replace_detected(words, detected, self.policy, self._tensors, self._fmt, candidates)
        return Reading(words, 0, 0, detected)

    def forgeries(self, index: int) -> list[Forgery]:
        """Every data bit together with its parity bit, and every two bits of a chunk."""
        word = int(self.clean[index])
        forgeries = []
        for chunk in range(CHUNKS):
            first = CHUNKS + CHUNK * chunk
            bits = range(first, first + CHUNK)
            pairs = [(high, low) for high in bits for low in bits if high > low]
            for flipped in [*((bit, chunk) for bit in bits), *pairs]:
                change = sum(1 << bit for bit in flipped if bit >= CHUNKS)
                forgeries.append(Forgery(word ^ change, tuple(Flip(PARAMETERS, index, bit) for bit in flipped)))
        return forgeries


def _mismatches(stored: np.ndarray) -> np.ndarray:
    """The lowest bit of each chunk whose parity is not what its parity bit says, of the data bits alone."""
    data = stored >> _SHIFT
    parity = (data ^ data >> np.uint32(1) ^ data >> np.uint32(2)) & _LOWEST
    return parity ^ _AT_LOWEST[stored & _PARITY_BITS]
