"""What an attack does to a memory, one value after the other."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sparebits.schemes.stored import Flip, Memory, StoredNetwork


class Step(NamedTuple):
    """Flips that go together.

    Attributes:
        index: of the value that they are meant for.
        flips: stored bits, each once.
    """

    index: int
    flips: tuple[Flip, ...]


def count_flips(steps: Iterable[Step]) -> int:
    """Bits flipped in all."""
    return sum(len(step.flips) for step in steps)


def count_code_words(scheme: StoredNetwork, steps: Iterable[Step]) -> int:
    """Code words that steps are meant for; where nothing is coded, values."""
    indices = np.unique([step.index for step in steps]).astype(np.int64)
    code_word_of = scheme.code_word_of
    return len(indices) if code_word_of is None else len(np.unique(code_word_of[indices]))


def memory_after(scheme: StoredNetwork, steps: Iterable[Step]) -> Memory:
    """A copy of a scheme's untouched memory with the flips of all steps."""
    memory = {plane: words.copy() for plane, words in scheme.memory.items()}
    for step in steps:
        flip_bits(memory, step.flips)
    return memory


def flip_bits(memory: Memory, flips: Iterable[Flip]) -> None:
    """Flip stored bits in place; doing so again undoes it."""
    for plane, index, bit in flips:
        words = memory[plane]
        words[index] ^= words.dtype.type(1 << bit)
