"""What every scheme has: a network's parameters as they lie in memory, and what is read from them after faults."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.faults.ber import CHECK_WORDS, METADATA, PARAMETERS

Memory = Mapping[int, np.ndarray]
"""By plane of faults (`sparebits.faults.ber`) the words stored in it, unsigned integers, one-dimensional."""

OUT_OF_BAND = (METADATA, CHECK_WORDS)
"""Planes that are memory beyond the network's own."""


class Flip(NamedTuple):
    """One stored bit: the plane, the index of the word in it, and the bit of that word."""

    plane: int
    index: int
    bit: int


@dataclass(frozen=True)
class Forgery:
    """Flips by which a value is read wrong and nobody is told.

    Attributes:
        word: what is read instead, a word of the network's format.
        flips: stored bits to flip; no subset of fewer flips is known to do it.
    """

    word: int
    flips: Sequence[Flip]


@dataclass(frozen=True)
class Reading:
    """What decoding made of a memory.

    Attributes:
        words: what inference computes with, (values,), of the format's unsigned integer type.
        corrected_bits: flips that the decoder says it undid.
        corrected_words: code words that they were in.
        detected: numbers of the code words beyond repair, int64, ascending; what their values became is the policy's.
        bounds: float64 (modules, 2), within which the outputs of modules are clipped, where a scheme does so.
    """

    words: np.ndarray
    corrected_bits: int
    corrected_words: int
    detected: np.ndarray
    bounds: np.ndarray | None = None


class StoredNetwork(ABC):
    """A network's parameters as one scheme keeps them in memory.

    Attributes:
        name: of the scheme, as in campaign.csv.
        layout, code, decoder, policy: for tables; "none" where there is none.
        memory: what is stored before any fault. PARAMETERS has the network's own words, always as many as the network;
            CHECK_WORDS what is stored beside them, METADATA the scheme's settings for this network. Not written to.
        clean: the words that inference computes with where nothing is hit, (values,).
    """

    def __init__(self, name: str, layout: str, code: str, decoder: str, policy: str, memory: Memory):
        self.name, self.layout, self.code, self.decoder, self.policy = name, layout, code, decoder, policy
        self.memory = dict(memory)
        for words in self.memory.values():
            words.flags.writeable = False
        self.clean = self.read(self.memory).words

    @abstractmethod
    def read(self, memory: Memory) -> Reading:
        """Decode a memory of the same shape as `self.memory`, hit or not; it is not written to."""

    @property
    def code_word_of(self) -> np.ndarray | None:
        """Number of the code word that each value belongs to, integers (values,); None where nothing is coded.

        By default every value is a code word by itself.
        """
        return None if self.code == "none" else np.arange(len(self.memory[PARAMETERS]))

    @property
    def coded_words(self) -> list[tuple[LinearCode, str, int]]:
        """Code, decoder and number of code words, of all code words whose decoding has known probabilities; or none."""
        return []

    @abstractmethod
    def forgeries(self, index: int) -> list[Forgery]:
        """What an attacker who knows the scheme can make of one value, by fewest flips, the memory being untouched.

        Args:
            index: of the value.

        Returns:
            one forgery for each word that the value can be read as silently, none for the value itself. Where these are
            too many, those of fewest flips for each bit of the word that can be flipped.
        """

    @property
    def extra_bytes(self) -> int:
        """Memory beyond the network's own words, in bytes."""
        return sum(words.nbytes for plane, words in self.memory.items() if plane in OUT_OF_BAND)

    @property
    def stored_bits(self) -> int:
        """Bits that faults may hit, in all planes."""
        return sum(8 * words.nbytes for words in self.memory.values())

    def count_miscorrected(self, reading: Reading) -> int:
        """Code words with a wrong value that were not detected; 0 where nothing is coded."""
        code_word_of = self.code_word_of
        if code_word_of is None:
            return 0
        wrong = np.zeros(int(code_word_of.max(initial=-1)) + 1, dtype=bool)
        wrong[code_word_of[reading.words != self.clean]] = True
        wrong[reading.detected] = False
        return int(np.count_nonzero(wrong))
