"""Seeds of fault maps: those that choices are made on are never those that results are reported on."""

SELECTION, CAMPAIGN = 0, 1
"""What maps are for."""

MAPS_OF_A_PURPOSE = 1_000_000


def first_seed(seed: int, purpose: int) -> int:
    """Seed of the first fault map of a purpose; the following maps have the following seeds."""
    return (2 * seed + purpose) * MAPS_OF_A_PURPOSE
