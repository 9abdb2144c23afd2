"""Fault models that hit a number of cells, all sets of that many equally likely."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sparebits.faults.base import FaultModel, generator_of
from sparebits.faults.draws import draw_bits
from sparebits.faults.flips import Flips
from sparebits.faults.sites import Site


@dataclass(frozen=True)
class _Cells(FaultModel):
    """`count` different cells of a site."""

    count: int

    def __post_init__(self):
        self._check_count("count")

    def _obstacle(self, site: Site) -> str | None:
        if self.count > site.bits_count:
            return f"{self.count} different bits are more than the {site.bits_count} of target {site.name}"
        return None

    def _draw(self, site: Site, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Word and bit of each cell, in the order in which they were drawn."""
        return site.locate(draw_bits(site.bits_count, self.count, random))


@dataclass(frozen=True)
class MultipleBits(_Cells):
    """Exactly `count` different bits flip. Of one seed, the bits of a lower count are among those of a higher one.

    The latter holds up to half of the site's bits (sparebits.faults.draws.draw_bits).
    """

    name: ClassVar[str] = "multiple_bits"

    def _mask(self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int) -> Flips:
        return Flips.at(*self._draw(site, generator_of(seed, plane)), len(stored), stored.dtype)


@dataclass(frozen=True)
class SingleBit(FaultModel):
    """One bit flips."""

    name: ClassVar[str] = "single_bit"

    def _mask(self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int) -> Flips:
        return MultipleBits(1).mask(stored, site, seed, plane)


@dataclass(frozen=True)
class StuckAt(_Cells):
    """`count` different cells are stuck at a value: those that store the other one flip, the rest is masked.

    The cells of a seed are those of MultipleBits, whatever the value.
    """

    name: ClassVar[str] = "stuck_at"

    value: int

    def __post_init__(self):
        super().__post_init__()
        self._check_bit_value()

    def _mask(self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int) -> Flips:
        indices, bits = self._draw(site, generator_of(seed, plane))
        differs = (stored[indices] >> bits.astype(stored.dtype)) & stored.dtype.type(1) != self.value
        return Flips.at(indices[differs], bits[differs], len(stored), stored.dtype)
