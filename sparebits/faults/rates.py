"""Fault models that give every bit a probability: dense masks, made of the numbers U of sparebits.faults.ber.

So whatever else differs, the maps of a seed nest: in every rate, in time, and in the target.
"""

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numba
import numpy as np

from sparebits.blocks import map_blocks
from sparebits.faults.base import FaultModel
from sparebits.faults.ber import GAMMA, STUCK_VALUES, ber_mask, mix64, stream_key
from sparebits.faults.entries import check_seed
from sparebits.faults.sites import Site

_MASK64 = (1 << 64) - 1


class _Rates(FaultModel):
    """Every bit of a site by itself."""

    def _mask(self, stored: np.ndarray, site: Site, seed: int, plane: int) -> np.ndarray:
        check_seed(seed)
        mask = np.zeros_like(stored)
        for span in site.spans:
            mask[span] = self._flip(stored[span], span.start, seed, plane)
            if not site.has_whole_words:
                mask[span] &= site.mask_of_bits
        return mask

    @abstractmethod
    def _flip(self, words: np.ndarray, start: int, seed: int, plane: int) -> np.ndarray:
        """Masks of words at consecutive addresses, of which `start` is the first."""


@dataclass(frozen=True)
class BitErrorRate(_Rates):
    """Every bit flips with probability `ber`, independently of the others."""

    name: ClassVar[str] = "ber"

    ber: float

    def __post_init__(self):
        self._check_rate("ber")

    def _flip(self, words: np.ndarray, start: int, seed: int, plane: int) -> np.ndarray:
        return ber_mask(seed, plane, len(words), 8 * words.itemsize, self.ber, start)


@dataclass(frozen=True)
class Asymmetric(_Rates):
    """A stored 1 becomes 0 with probability `p10`, a stored 0 becomes 1 with probability `p01`.

    With p10 = p01 the mask is that of BitErrorRate.
    """

    name: ClassVar[str] = "asymmetric"

    p10: float
    p01: float

    def __post_init__(self):
        self._check_rate("p10")
        self._check_rate("p01")

    def _flip(self, words: np.ndarray, start: int, seed: int, plane: int) -> np.ndarray:
        if 1 in (self.p10, self.p01):
            # The threshold of 1 takes more than 64 bits.
            ones, zeros = (BitErrorRate(p)._flip(words, start, seed, plane) for p in (self.p10, self.p01))
            return (ones & words) | (zeros & ~words)
        below_one, below_zero = (np.uint64(math.ceil(math.ldexp(p, 64))) for p in (self.p10, self.p01))
        masks = np.zeros_like(words)

        def flip_blocks(blocks: Iterator[slice]) -> list[tuple[int, None]]:
            for block in blocks:
                first = _state(seed, plane, start + block.start)
                _flip_by_value(first, below_one, below_zero, words[block], masks[block])
            return []

        map_blocks(flip_blocks, len(words))
        return masks


@dataclass(frozen=True)
class AccumulatingStuckAt(_Rates):
    """Cells become stuck for good: with probability `rate` in each of `intervals`, at 0 or 1, equally likely.

    So a cell is stuck with probability 1 - (1 - rate)^intervals, and flips if it stores the other value. The value at
    which the cell of bit b at address a would be stuck is bit b of the number U(seed, STUCK_VALUES + plane, a, 0): maps
    nest in time.
    """

    name: ClassVar[str] = "accumulating_stuck_at"

    rate: float
    intervals: int

    def __post_init__(self):
        self._check_rate("rate")
        self._check_count("intervals", least=0)

    @property
    def share(self) -> float:
        """Probability that a cell is stuck."""
        if self.rate == 1 or self.intervals < 2:
            return self.rate * min(self.intervals, 1)
        return -math.expm1(self.intervals * math.log1p(-self.rate))

    def _flip(self, words: np.ndarray, start: int, seed: int, plane: int) -> np.ndarray:
        masks = ber_mask(seed, plane, len(words), 8 * words.itemsize, self.share, start)

        def stick_blocks(blocks: Iterator[slice]) -> list[tuple[int, None]]:
            for block in blocks:
                _stick(_state(seed, STUCK_VALUES + plane, start + block.start), words[block], masks[block])
            return []

        map_blocks(stick_blocks, len(words))
        return masks


def hits_every_memory(model: FaultModel) -> bool:
    """Whether the model gives every stored bit a probability, so that it is defined for whatever else is stored too."""
    return isinstance(model, _Rates)


def _state(seed: int, plane: int, address: int) -> np.uint64:
    """What is mixed into the number of bit 0 of an address."""
    return np.uint64((stream_key(int(seed), int(plane)) + (address << 6) * GAMMA) & _MASK64)


@numba.njit(cache=True, nogil=True)
def _flip_by_value(first, below_one, below_zero, stored, masks):
    """Sets the bits of each mask whose number is below the threshold of what is stored."""
    gamma = np.uint64(GAMMA)
    width = np.uint64(8 * masks.itemsize)
    for index in range(len(masks)):
        state = first + (np.uint64(index) << np.uint64(6)) * gamma
        ones, zeros = np.uint64(0), np.uint64(0)
        for bit in range(width):
            number = mix64(state + np.uint64(bit) * gamma)
            ones |= np.uint64(number < below_one) << np.uint64(bit)
            zeros |= np.uint64(number < below_zero) << np.uint64(bit)
        word = np.uint64(stored[index])
        masks[index] = (ones & word) | (zeros & ~word)


@numba.njit(cache=True, nogil=True)
def _stick(first, stored, masks):
    """Keeps of the stuck cells those that store another value than the one at which they are stuck."""
    for index in range(len(masks)):
        values = mix64(first + (np.uint64(index) << np.uint64(6)) * np.uint64(GAMMA))
        masks[index] = np.uint64(masks[index]) & (values ^ np.uint64(stored[index]))
