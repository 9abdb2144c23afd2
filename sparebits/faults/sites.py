"""Sites: the bits of one memory that faults may hit, numbered 0, 1, 2, …"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sparebits.errors import InputError
from sparebits.parameters import ParameterTensor

STRATA = ("kind", "layer", "layer_type", "bit")
"""By what a site can be divided."""


@dataclass(frozen=True)
class Region:
    """One tensor of a memory of words.

    Attributes:
        name: of the tensor.
        kind: as ParameterTensor.kind; "activation" for what a module returns.
        layer: the module it belongs to; the tensor itself if it lies in no module.
        layer_type: of that module.
        start: index of its first word.
        values: words.
    """

    name: str
    kind: str
    layer: str
    layer_type: str
    start: int
    values: int

    @property
    def stop(self) -> int:
        return self.start + self.values


def regions_of(tensors: Iterable[ParameterTensor | Region]) -> list[Region]:
    """Parameter tensors as regions, by their start; those without values are left out."""
    regions = [tensor if isinstance(tensor, Region) else _region_of(tensor) for tensor in tensors]
    return sorted((region for region in regions if region.values), key=lambda region: region.start)


def owners_of(indices: np.ndarray, regions: Sequence[Region]) -> np.ndarray:
    """By word of a memory the number of the region that holds it, int64; regions come by their start."""
    return np.searchsorted([region.start for region in regions], indices, side="right") - 1


def activation_regions(outputs: Iterable[tuple[str, str, int]]) -> list[Region]:
    """What modules return, one after another in one memory.

    Args:
        outputs: name of the module, its type and how many values it returns.
    """
    regions, start = [], 0
    for name, layer_type, values in outputs:
        regions.append(Region(name, "activation", name, layer_type, start, values))
        start += values
    return regions


def _region_of(tensor: ParameterTensor) -> Region:
    layer = tensor.name.rpartition(".")[0] or tensor.name
    return Region(tensor.name, tensor.kind, layer, tensor.layer_type, tensor.start, tensor.values)


@dataclass(frozen=True, eq=False)
class Site:
    """The bits of a memory that faults may hit: a range of bits in each word of some spans.

    Ordinal number o is bit low + o % (high - low + 1) of the site's word number o // (high - low + 1).

    Attributes:
        name: text of the target, for tables and messages.
        regions: tensors, by their start.
        starts, stops: of the spans of words, int64 (spans,), ascending; neighbouring tensors are one span.
        low, high: bits of each word, both included.
        width: bits of a word.
        memory_words: words of the whole memory.
    """

    name: str
    regions: tuple[Region, ...]
    starts: np.ndarray
    stops: np.ndarray
    low: int
    high: int
    width: int
    memory_words: int

    @classmethod
    def over(cls, name: str, regions: Sequence[Region], low: int, high: int, width: int, memory_words: int) -> "Site":
        """The bits low..high of the words of some regions, which come by their start and do not overlap."""
        starts = np.array([region.start for region in regions], dtype=np.int64)
        stops = np.array([region.stop for region in regions], dtype=np.int64)
        gap = starts[1:] > stops[:-1]
        spans = starts[np.append(True, gap)], stops[np.append(gap, True)]
        return cls(name, tuple(regions), *spans, low, high, width, memory_words)

    @property
    def word_dtype(self) -> np.dtype:
        """The unsigned integer type that holds one word."""
        return np.dtype(f"uint{self.width}")

    @property
    def spans(self) -> list[slice]:
        """Its words in the memory, ascending."""
        return [slice(int(start), int(stop)) for start, stop in zip(self.starts, self.stops, strict=True)]

    @property
    def words(self) -> int:
        return int((self.stops - self.starts).sum())

    @property
    def bits_of_word(self) -> int:
        """Bits of each word that may be hit."""
        return self.high - self.low + 1

    @property
    def bits_count(self) -> int:
        """Bits that may be hit: the population of which faults are a sample."""
        return self.words * self.bits_of_word

    @property
    def has_whole_words(self) -> bool:
        """Whether every bit of its words may be hit."""
        return self.bits_of_word == self.width

    @property
    def is_whole_memory(self) -> bool:
        """Whether every bit of the memory may be hit."""
        return self.has_whole_words and self.words == self.memory_words

    @property
    def mask_of_bits(self) -> np.unsignedinteger:
        """A word whose set bits are those that may be hit."""
        return self.word_dtype.type(((1 << self.bits_of_word) - 1) << self.low)

    def locate(self, ordinals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the bits of these numbers lie; one to one.

        Args:
            ordinals: integers (n,) in 0..bits_count - 1.

        Returns:
            index of the word in the memory, int64 (n,), and bit, uint8 (n,).

        Raises:
            InputError: a number is out of range.
        """
        ordinals = np.asarray(ordinals, dtype=np.int64)
        if len(ordinals) and not 0 <= ordinals.min() <= ordinals.max() < self.bits_count:
            raise InputError(
                f"target {self.name}: its bits have the numbers 0 to {self.bits_count - 1}, "
                f"not {ordinals.min()} to {ordinals.max()}"
            )
        words, bits = np.divmod(ordinals, self.bits_of_word)
        ends = np.cumsum(self.stops - self.starts)
        span = np.searchsorted(ends, words, side="right")
        return words + (self.stops - ends)[span], (bits + self.low).astype(np.uint8)

    def restrict(self, mask: np.ndarray) -> np.ndarray:
        """The flips of a dense mask, (memory_words,), that lie in the site, as a new mask."""
        restricted = np.zeros_like(mask)
        for span in self.spans:
            restricted[span] = mask[span] & self.mask_of_bits
        return restricted

    def strata(self, by: str) -> dict[str, "Site"]:
        """The site divided into sites by one of STRATA, in the order of the memory; no bit is in two.

        Raises:
            InputError: it cannot be divided so.
        """
        if by not in STRATA:
            raise InputError(f"strata are by {', '.join(STRATA)}, not by {by!r}")
        if by == "bit":
            bits = range(self.low, self.high + 1)
            return {str(bit): self._part(f"bit {bit}", self.regions, bit, bit) for bit in bits}
        members: dict[str, list[Region]] = {}
        for region in self.regions:
            members.setdefault(getattr(region, by), []).append(region)
        text = by.replace("_", " ")
        return {key: self._part(f"{text} {key}", part, self.low, self.high) for key, part in members.items()}

    def check(self, stored: np.ndarray) -> None:
        """Raise InputError if these are not the memory's words: one-dimensional, unsigned integers of its width."""
        if stored.shape != (self.memory_words,) or stored.dtype != self.word_dtype:
            raise InputError(
                f"target {self.name} was resolved for {self.memory_words} words of {self.word_dtype}, "
                f"got {stored.dtype} {stored.shape}"
            )

    def _part(self, name: str, regions: Sequence[Region], low: int, high: int) -> "Site":
        whole = "" if self.name == "all" else f"{self.name}: "
        return Site.over(whole + name, regions, low, high, self.width, self.memory_words)


def whole_memory(words: np.ndarray) -> Site:
    """All bits of a memory that no tensors lie in, such as check words, (words,) of an unsigned integer type."""
    region = Region("memory", "other", "memory", "unknown", 0, len(words))
    return Site.over("all", [region], 0, 8 * words.itemsize - 1, 8 * words.itemsize, len(words))
