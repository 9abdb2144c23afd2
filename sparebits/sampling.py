"""Seeded samples."""

import numpy as np


def nested_sample(population: int, size: int, seed: int) -> np.ndarray:
    """The first `size` of a seeded permutation of range(population), so that samples of one seed contain each other."""
    return np.random.default_rng([seed, population]).permutation(population)[:size]
