"""Replication: copies of every value out of band, without the low bits of the mantissa, and a bitwise majority.

Source: the Korean research notes, proposal 4: low bits of the mantissa hardly matter, so leaving them out of the copies
saves memory against full copies. c copies of width - m bits each lie in the plane CHECK_WORDS, as one stream of bits a
copy, the lowest bit of the first value first, filled up to a whole byte. c = 2 and 4 make an odd number with the
original, so votes do not tie; the m low bits are the original's and unprotected. c = 1 detects only: where the copy
differs, the policy replaces the value, and keep is the original as it is.

Chosen here: m = 16 in binary32 and everywhere what leaves sign, exponent and 7 bits of mantissa. The notes name no
policy: keep. Every bit in which original and copy differ may be right in either, so the posterior mean is over all
mixtures of the two; where they differ in more than 4 bits, the value becomes the median.
"""

import numpy as np

from sparebits.errors import InputError
from sparebits.faults.ber import CHECK_WORDS, PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.replacement import replace_detected, scheme_name
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading, StoredNetwork

PUBLISHED = "keep"
KEPT_MANTISSA_BITS = 7
MIXED_BITS = 4
"""Differing bits up to which all mixtures of original and copy are weighed."""


class Replication(StoredNetwork):
    """The network and `copies` copies of the high bits of its words."""

    def __init__(
        self,
        parameters: FlatParameters,
        policy: str = PUBLISHED,
        name: str | None = None,
        copies: int = 2,
        dropped: int | None = None,
    ):
        """Copy; for every format.

        Args:
            parameters: of the network.
            policy: of a single copy; several never detect, their policy is "none".
            name: of the scheme.
            copies: 1, 2 or 4.
            dropped: low mantissa bits m that copies lack; by default all but 7.

        Raises:
            InputError: copies, dropped or the policy are not such.
        """
        fmt = parameters.fmt
        default = max(fmt.mantissa_bits - KEPT_MANTISSA_BITS, 0)
        dropped = default if dropped is None else dropped
        if copies not in (1, 2, 4):
            raise InputError(f"replication has 1, 2 or 4 copies beside the original, not {copies}")
        if not 0 <= dropped <= fmt.mantissa_bits:
            raise InputError(f"copies lack 0 to {fmt.mantissa_bits} bits of a {fmt.name} mantissa, not {dropped}")
        scheme = f"replication c={copies}" + (f" m={dropped}" if dropped != default else "")
        name = scheme_name(name, scheme, policy, PUBLISHED if copies == 1 else policy)
        self.copies, self.dropped = copies, dropped
        self._fmt, self._tensors = fmt, parameters.tensors
        self._kept = fmt.width - dropped
        stream = _stream_of(parameters.golden >> fmt.word_dtype.type(dropped), self._kept)
        super().__init__(
            name,
            "raw",
            f"{copies} {'copy' if copies == 1 else 'copies'} of the high {self._kept} bits",
            "comparison" if copies == 1 else "majority",
            policy if copies == 1 else "none",
            {PARAMETERS: parameters.golden, CHECK_WORDS: np.tile(stream, copies)},
        )

    def read(self, memory: Memory) -> Reading:
        original = memory[PARAMETERS]
        shift = self._fmt.word_dtype.type(self.dropped)
        copies = [
            _words_of_stream(stream, len(original), self._kept, original.dtype) << shift
            for stream in memory[CHECK_WORDS].reshape(self.copies, -1)
        ]
        high = original >> shift << shift
        if self.copies == 1:
            return self._compare(original, high ^ copies[0])
        voted = _majority([high, *copies])
        outvoted = sum(np.bitwise_count(copy ^ voted) for copy in [high, *copies])
        words = original ^ high ^ voted
        corrected = int(outvoted.sum(dtype=np.int64)), int(np.count_nonzero(outvoted))
        return Reading(words, *corrected, np.empty(0, dtype=np.int64))

    def forgeries(self, index: int) -> list[Forgery]:
        """Low bits by themselves; high ones in the original and in as many copies as make a majority, or in the one."""
        word = int(self.clean[index])
        per_copy = len(self.memory[CHECK_WORDS]) // self.copies
        forgeries = []
        for bit in range(self._fmt.width):
            flips = [Flip(PARAMETERS, index, bit)]
            if bit >= self.dropped:
                byte, place = divmod(index * self._kept + bit - self.dropped, 8)
                hit = max(self.copies // 2, 1)
                flips += [Flip(CHECK_WORDS, copy * per_copy + byte, place) for copy in range(hit)]
            forgeries.append(Forgery(word ^ 1 << bit, tuple(flips)))
        return forgeries

    def _compare(self, original: np.ndarray, differences: np.ndarray) -> Reading:
        detected = np.flatnonzero(differences)

        def candidates(indices: np.ndarray) -> np.ndarray:
            mixtures = original[indices, None] ^ _selections(differences[indices])
            is_few = np.bitwise_count(differences[indices, None]) <= MIXED_BITS
            return np.where(is_few, mixtures, ~original.dtype.type(0))

        words = replace_detected(original, detected, self.policy, self._tensors, self._fmt, candidates)
        return Reading(words, 0, 0, detected)


def _selections(masks: np.ndarray) -> np.ndarray:
    """All selections of the lowest `MIXED_BITS` set bits of masks (N,): (N, 2^MIXED_BITS), of fewer bits repeated."""
    selections, left = np.zeros((len(masks), 1), dtype=masks.dtype), masks
    for _ in range(MIXED_BITS):
        rest = left & left - left.dtype.type(1)
        selections = np.concatenate([selections, selections | (left ^ rest)[:, None]], axis=1)
        # Of no bits, none is the lowest.
        left = np.where(left, rest, left)
    return selections


def _majority(words: list[np.ndarray]) -> np.ndarray:
    """Bits set in most of three or five words."""
    first, second, third, *others = words
    two = first & second | first & third | second & third
    if not others:
        return two
    odd = first ^ second ^ third
    fourth, fifth = others
    return two & (odd | fourth | fifth) | odd & fourth & fifth


def _stream_of(words: np.ndarray, bits: int) -> np.ndarray:
    """The lowest bits of words one after the other, uint8 (values x bits / 8, rounded up,)."""
    rows = words.view(np.uint8).reshape(len(words), -1)
    if bits % 8 == 0:
        return rows[:, : bits // 8].reshape(-1)
    return np.packbits(np.unpackbits(rows, axis=1, count=bits, bitorder="little"), bitorder="little")


def _words_of_stream(stream: np.ndarray, count: int, bits: int, dtype: np.dtype) -> np.ndarray:
    """The inverse of `_stream_of`: words (count,) of a type."""
    rows = np.zeros((count, dtype.itemsize), dtype=np.uint8)
    if bits % 8 == 0:
        rows[:, : bits // 8] = stream.reshape(count, -1)
    else:
        single = np.unpackbits(stream, count=count * bits, bitorder="little").reshape(count, bits)
        rows[:, : -(-bits // 8)] = np.packbits(single, axis=1, bitorder="little")
    return rows.view(dtype)[:, 0]
