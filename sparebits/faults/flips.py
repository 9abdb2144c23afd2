"""A few flips of a memory, kept as the words they hit."""

import hashlib
from dataclasses import dataclass

import numpy as np

from sparebits.errors import InputError
from sparebits.faults.ber import count_flips, flips_of

_HASHED = 1 << 16
"""Words that are hashed at a time."""


@dataclass(frozen=True, eq=False)
class Flips:
    """XOR masks of the words that are hit; all others stay.

    Attributes:
        indices: of these words, int64 (hit,), ascending, each once.
        masks: unsigned integers of the words' width, (hit,), none of them 0.
        words: of the whole memory.
    """

    indices: np.ndarray
    masks: np.ndarray
    words: int

    @classmethod
    def at(cls, indices: np.ndarray, bits: np.ndarray, words: int, word_dtype: np.dtype) -> "Flips":
        """Flips of single bits.

        Args:
            indices: of words, integers (n,).
            bits: of these words, integers (n,); a bit that is named twice flips once.
            words: of the whole memory.
            word_dtype: unsigned integer type of a word.
        """
        hit, place = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
        masks = np.zeros(len(hit), dtype=word_dtype)
        np.bitwise_or.at(masks, place, masks.dtype.type(1) << np.asarray(bits).astype(word_dtype))
        return cls(hit, masks, words)

    @classmethod
    def of(cls, mask: np.ndarray) -> "Flips":
        """Those of a dense mask, (words,)."""
        indices = np.flatnonzero(mask)
        return cls(indices, mask[indices], len(mask))

    @property
    def count(self) -> int:
        """Bits that flip."""
        return count_flips(self.masks)

    def bits(self) -> tuple[np.ndarray, np.ndarray]:
        """Each flip: index of the word, int64 (count,), and bit, uint8 (count,), by index and then by bit."""
        place, bits = flips_of(self.masks)
        return self.indices[place], bits

    def apply(self, words: np.ndarray) -> None:
        """Flip the bits in place; doing so again undoes it.

        Raises:
            InputError: the words are not as many, or not of the width.
        """
        if words.shape != (self.words,) or words.dtype != self.masks.dtype:
            raise InputError(
                f"flips of {self.words} words of {self.masks.dtype} were to be applied to {words.dtype} {words.shape}"
            )
        words[self.indices] ^= self.masks

    def dense(self) -> np.ndarray:
        """The mask of the whole memory, (words,)."""
        mask = np.zeros(self.words, dtype=self.masks.dtype)
        mask[self.indices] = self.masks
        return mask

    @property
    def hash(self) -> str:
        """`sparebits.faults.ber.map_hash` of the dense mask, which is not made for it."""
        digest = hashlib.sha256()
        block = np.zeros(_HASHED, dtype=self.masks.dtype.newbyteorder("<"))
        edges = np.arange(0, self.words + _HASHED, _HASHED)
        places = np.searchsorted(self.indices, edges)
        for start, first, last in zip(edges[:-1].tolist(), places[:-1].tolist(), places[1:].tolist(), strict=True):
            hit = self.indices[first:last] - start
            block[hit] = self.masks[first:last]
            digest.update(block[: self.words - start])
            block[hit] = 0
        return digest.hexdigest()
