"""Seeded samples."""

import numpy as np


def nested_sample(population: int, size: int, seed: int) -> np.ndarray:
    """The first `size` of a seeded permutation of range(population), so that samples of one seed contain each other."""
    return np.random.default_rng([seed, population]).permutation(population)[:size]


def calibration_split(population: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A seeded share of range(population) and all others, each in the order of `nested_sample`'s permutation.

    So the first of either part are a sample of it, and samples of one seed contain each other. Both parts have at least
    one member.
    """
    order = nested_sample(population, population, seed)
    size = min(max(1, round(share * population)), population - 1)
    return order[:size], order[size:]
