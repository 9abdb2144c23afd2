"""What every way of storing data words in blocks answers, and what repairing found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sparebits.long_codes.partition import Partition


@dataclass(frozen=True)
class BlockReport:
    """What decoding found in some blocks.

    Attributes:
        blocks: that were looked at.
        corrected_bits: flips that were undone.
        corrected_blocks: that had any.
        failed: numbers of the blocks beyond repair, int64, ascending; their stored words are as they were.
    """

    blocks: int
    corrected_bits: int
    corrected_blocks: int
    failed: np.ndarray


def joined(reports: Sequence[BlockReport]) -> BlockReport:
    """The report of several runs of blocks, in their order."""
    return BlockReport(
        sum(report.blocks for report in reports),
        sum(report.corrected_bits for report in reports),
        sum(report.corrected_blocks for report in reports),
        np.concatenate([np.empty(0, dtype=np.int64), *(report.failed for report in reports)]),
    )


def report_of(flips: np.ndarray, first: int) -> BlockReport:
    """The report of blocks from `first` on, by the flips undone in each: int64 (blocks,), -1 beyond repair."""
    corrected = flips[flips > 0]
    return BlockReport(len(flips), int(corrected.sum()), len(corrected), np.flatnonzero(flips < 0) + first)


class Storage(Protocol):
    """Data words of `data_bits` bits, one for each word of a memory, stored in blocks of consecutive words.

    Attributes:
        mode: as the command line names it.
        code: for tables.
        words: of the memory, and as many data words.
        data_bits: of each.
        dtype: of stored words, unsigned integers.
        partition: the blocks, in words.
        longest: words that a block has at most.
    """

    mode: str
    code: str
    words: int
    data_bits: int
    dtype: np.dtype
    partition: Partition
    longest: int

    def encode(self, data: np.ndarray) -> np.ndarray:
        """Data words (words,), unsigned integers below 2^data_bits, as stored words (words,)."""

    def repair(self, stored: np.ndarray, first: int = 0, last: int | None = None) -> BlockReport:
        """Correct the stored words of blocks first..last - 1 in place. Results do not depend on the number of threads.

        Args:
            stored: words of these blocks alone, of `dtype`, contiguous.
            last: all blocks from `first` on if None.
        """

    def data_of(self, stored: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What repaired words hold.

        Args:
            stored: (words,), repaired.
            failed: blocks that could not be.

        Returns:
            data words (words,), and the ascending indices, int64, of those that are lost: their content means nothing.
        """
