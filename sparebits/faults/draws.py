"""Bits drawn from a population, uniformly and without replacement."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sparebits.errors import InputError
from sparebits.faults.entries import check_count
from sparebits.faults.sites import Site


def draw_bits(population: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Different numbers of range(population), every sequence of them equally likely.

    Up to half of the population, numbers are drawn with replacement and repeated ones dropped, so that a draw of fewer
    is the beginning of one of more; beyond, a permutation is cut off. Memory goes by the count, not by the population
    (numpy's `Generator.choice` takes 8 bytes a member of it from a fiftieth on).

    Args:
        population: up to 2^62.
        count: how many.
        random: where randomness comes from.

    Returns:
        int64 (count,), in the order in which they were drawn.

    Raises:
        InputError: more are asked for than there are.
    """
    check_count("population of a draw", population, least=0)
    check_count("bits to draw", count, least=0)
    if count > population:
        raise InputError(f"{count} different bits cannot be drawn from {population}")
    if 2 * count > population:
        return random.permutation(population)[:count]
    drawn = np.empty(0, dtype=np.int64)
    while len(drawn) < count:
        # As many as it takes on average to get from the numbers held to those wanted, and some more.
        expected = population * math.log((population - len(drawn)) / (population - count))
        more = random.integers(population, size=math.ceil(expected + 4 * math.sqrt(expected)) + 1, dtype=np.int64)
        drawn = _first_occurrences(np.concatenate([drawn, more]))
    return drawn[:count]


@dataclass(frozen=True, eq=False)
class StratifiedDraw:
    """Single faults drawn stratum by stratum.

    A mean over the whole site weights each stratum's mean with populations / populations.sum().

    Attributes:
        strata: names, (S,).
        populations: bits of each, int64 (S,).
        stratum: number of each fault's stratum, int64 (n,), ascending.
        indices: words that are hit, int64 (n,).
        bits: of these words, uint8 (n,).
    """

    strata: tuple[str, ...]
    populations: np.ndarray
    stratum: np.ndarray
    indices: np.ndarray
    bits: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Faults of each stratum, int64 (S,)."""
        return np.bincount(self.stratum, minlength=len(self.strata))


def draw_by_strata(strata: Mapping[str, Site], trials: int, random: np.random.Generator) -> StratifiedDraw:
    """Equally many single faults from each stratum, without replacement, or all its bits if it has fewer.

    Args:
        strata: such as `Site.strata` gives.
        trials: faults of a stratum.
        random: where randomness comes from.

    Raises:
        InputError: no stratum, or no trial, is asked for.
    """
    check_count("trials of a stratum", trials)
    if not strata:
        raise InputError("a stratified draw needs a stratum")
    populations = np.array([site.bits_count for site in strata.values()], dtype=np.int64)
    counts = np.minimum(populations, trials)
    located = [
        site.locate(draw_bits(site.bits_count, int(count), random))
        for site, count in zip(strata.values(), counts, strict=True)
    ]
    return StratifiedDraw(
        strata=tuple(strata),
        populations=populations,
        stratum=np.repeat(np.arange(len(counts)), counts),
        indices=np.concatenate([indices for indices, _ in located]),
        bits=np.concatenate([bits for _, bits in located]),
    )


def _first_occurrences(numbers: np.ndarray) -> np.ndarray:
    """The different numbers, in the order in which they occur first."""
    _, first = np.unique(numbers, return_index=True)
    return numbers[np.sort(first)]
