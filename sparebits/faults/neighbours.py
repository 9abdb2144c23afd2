"""Fault models that hit neighbouring cells of a declared address map.

Cells follow each other word after word of the flat buffer, within a word from bit 0 upwards: the address of a cell is
index * width + bit. Clusters see the memory as an array: row r holds the words r * row_words to
(r + 1) * row_words - 1, and the cells of a row follow each other in the same way.

All cells hit lie in the target, and every place where they do is equally likely.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sparebits.faults.base import FaultModel, generator_of
from sparebits.faults.flips import Flips
from sparebits.faults.sites import Site


@dataclass(frozen=True)
class _Runs:
    """Stretches of neighbouring places, none of which reaches into another; int64 (runs,) each.

    Attributes:
        starts: first place.
        lengths: places.
        repeats: how many of that length follow each other.
    """

    starts: np.ndarray
    lengths: np.ndarray
    repeats: np.ndarray

    def draw_start(self, length: int, random: np.random.Generator) -> int:
        """A place at which a stretch of that length may start; there must be one."""
        ends = np.cumsum(np.maximum(self.lengths - length + 1, 0) * self.repeats)
        chosen = random.integers(ends[-1])
        run = np.searchsorted(ends, chosen, side="right")
        room = self.lengths[run] - length + 1
        repeat, offset = divmod(chosen - (ends[run] - room * self.repeats[run]), room)
        return int(self.starts[run] + repeat * self.lengths[run] + offset)


class _Neighbours(FaultModel):
    """Neighbouring places of a site of whole words."""

    @abstractmethod
    def _runs(self, site: Site) -> _Runs:
        """Where they may lie."""

    @abstractmethod
    def _length(self) -> tuple[int, str]:
        """How many places are hit, and what they are called."""

    def _obstacle(self, site: Site) -> str | None:
        if not site.has_whole_words:
            return f"it hits neighbouring bits and needs a target without a range of bits, not {site.name}"
        length, places = self._length()
        longest = self._runs(site).lengths.max()
        if length > longest:
            return f"{length} {places} do not fit into target {site.name}, which has at most {longest} in a stretch"
        return None

    def _draw(self, site: Site, random: np.random.Generator) -> np.ndarray:
        """The places hit, int64 (length,)."""
        length, _ = self._length()
        start = self._runs(site).draw_start(length, random)
        return np.arange(start, start + length)


class _AdjacentBits(_Neighbours):
    """Neighbouring bits that all flip."""

    def _mask(self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int) -> Flips:
        indices, bits = np.divmod(self._draw(site, generator_of(seed, plane)), site.width)
        return Flips.at(indices, bits, len(stored), stored.dtype)


@dataclass(frozen=True)
class Burst(_AdjacentBits):
    """`length` adjacent bits flip, all of them, also across the borders of words and neighbouring tensors."""

    name: ClassVar[str] = "burst"

    length: int

    def __post_init__(self):
        self._check_count("length")

    def _length(self) -> tuple[int, str]:
        return self.length, "adjacent bits"

    def _runs(self, site: Site) -> _Runs:
        lengths = (site.stops - site.starts) * site.width
        return _Runs(site.starts * site.width, lengths, np.ones_like(lengths))


@dataclass(frozen=True)
class RowCluster(_AdjacentBits):
    """`cells` adjacent bits of one row of `row_words` words flip, all of them."""

    name: ClassVar[str] = "row_cluster"

    cells: int
    row_words: int

    def __post_init__(self):
        self._check_count("cells")
        self._check_count("row_words")

    def _length(self) -> tuple[int, str]:
        return self.cells, "adjacent bits of a row"

    def _runs(self, site: Site) -> _Runs:
        """Each span's rows: the end of one, whole ones, the beginning of one."""
        row_words = min(self.row_words, site.memory_words)
        first = -(-site.starts // row_words) * row_words
        last = site.stops // row_words * row_words
        # A span that lies inside one row is all end.
        inside = first > last
        first, last = np.where(inside, site.stops, first), np.where(inside, site.stops, last)
        starts = np.concatenate([site.starts, first, last])
        whole = np.full_like(first, row_words)
        lengths = np.concatenate([first - site.starts, whole, site.stops - last])
        ones = np.ones_like(first)
        repeats = np.concatenate([ones, (last - first) // row_words, ones])
        there = lengths * repeats > 0
        return _Runs(starts[there] * site.width, lengths[there] * site.width, repeats[there])


@dataclass(frozen=True)
class WipedWords(_Neighbours):
    """All bits of `words` neighbouring words become `value`, 0 or 1."""

    name: ClassVar[str] = "wiped_words"

    words: int
    value: int = 0

    def __post_init__(self):
        self._check_count("words")
        self._check_bit_value()

    def _length(self) -> tuple[int, str]:
        return self.words, "neighbouring words"

    def _runs(self, site: Site) -> _Runs:
        lengths = site.stops - site.starts
        return _Runs(site.starts, lengths, np.ones_like(lengths))

    def _mask(self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int) -> Flips:
        indices = self._draw(site, generator_of(seed, plane))
        masks = ~stored[indices] if self.value else stored[indices]
        differs = masks != 0
        return Flips(indices[differs], masks[differs], len(stored))


@dataclass(frozen=True)
class ColumnCluster(FaultModel):
    """The same bit of the same word of `cells` successive rows of `row_words` words flips in all of them."""

    name: ClassVar[str] = "column_cluster"

    cells: int
    row_words: int

    def __post_init__(self):
        self._check_count("cells")
        self._check_count("row_words")

    def _obstacle(self, site: Site) -> str | None:
        if len(self._first_words(site).starts):
            return None
        return (
            f"no {self.cells} successive rows of {self.row_words} words have a word of target {site.name} in the same "
            f"column; it has {site.words} of the {site.memory_words} words"
        )

    def _mask(self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int) -> Flips:
        random = generator_of(seed, plane)
        first = self._first_words(site).draw_start(1, random)
        bit = site.low + int(random.integers(site.bits_of_word))
        indices = first + np.arange(self.cells) * self.row_words
        return Flips.at(indices, np.full(self.cells, bit), len(stored), stored.dtype)

    def _first_words(self, site: Site) -> _Runs:
        """Words of the site from which on the next rows have one of the site, too."""
        starts, stops, rows = site.starts, site.stops, 1
        if (self.cells - 1) * self.row_words >= site.memory_words:
            starts, stops, rows = starts[:0], stops[:0], self.cells
        while rows < self.cells:
            # Words good for so many rows whose successors some rows on are good for as many.
            more = min(rows, self.cells - rows)
            shift = more * self.row_words
            starts, stops = _common(starts, stops, starts - shift, stops - shift)
            rows += more
        return _Runs(starts, stops - starts, np.ones_like(starts))


def _common(starts: np.ndarray, stops: np.ndarray, other_starts: np.ndarray, other_stops: np.ndarray):
    """The spans, as starts and stops, in which the spans of two ascending lists overlap."""
    edges = np.unique(np.concatenate([starts, stops, other_starts, other_stops]))
    begun, ended, other_begun, other_ended = (
        np.searchsorted(places, edges, side="right") for places in (starts, stops, other_starts, other_stops)
    )
    overlap = (begun > ended) & (other_begun > other_ended)
    changes = edges[np.diff(overlap, prepend=False)]
    return changes[::2], changes[1::2]
