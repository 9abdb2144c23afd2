"""A memory cut into blocks of consecutive words, as equal as they can be."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Partition:
    """`words` words in `blocks` blocks. A short remainder would be a weak block, so there is none.

    Attributes:
        step: blocks begin at multiples of so many words.
    """

    words: int
    blocks: int
    step: int = 1

    @classmethod
    def of(cls, words: int, most: int, step: int = 1) -> "Partition":
        """The fewest blocks of at most so many words, a multiple of the step."""
        return cls(words, -(-words // most), step)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each block starts, and the end, int64 (blocks + 1,)."""
        steps = -(-self.words // self.step)
        shorter, longer = divmod(steps, self.blocks) if self.blocks else (0, 0)
        numbers = np.arange(self.blocks + 1, dtype=np.int64)
        return np.minimum(self.step * (numbers * shorter + np.minimum(numbers, longer)), self.words)

    @property
    def lengths(self) -> list[int]:
        """Of the blocks, in words; each length once."""
        return list(dict.fromkeys(np.diff(self.starts).tolist()))

    def runs(self, first: int, last: int) -> Iterator[tuple[int, slice, int]]:
        """Blocks first..last - 1 in runs of equal length: first block, its words as a slice from `first` on, length."""
        if first >= last:
            return
        starts = self.starts[first : last + 1]
        lengths = np.diff(starts)
        changes = np.flatnonzero(np.diff(lengths, prepend=-1))
        for begin, end in zip(changes, [*changes[1:], len(lengths)], strict=True):
            yield int(first + begin), slice(*(starts[[begin, end]] - starts[0]).tolist()), int(lengths[begin])
