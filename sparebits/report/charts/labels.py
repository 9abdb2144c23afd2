"""Labels that stand beside what they name without covering each other."""

import numpy as np


def apart(places: np.ndarray, step: float) -> np.ndarray:
    """Ascending places, moved as little as it takes to stand `step` apart: groups that touch are centred."""
    groups: list[tuple[float, int]] = []
    for place in places:
        groups.append((float(place), 1))
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < step * (groups[-1][1] + groups[-2][1]) / 2:
            (first, many), (second, more) = groups[-2], groups[-1]
            groups[-2:] = [((first * many + second * more) / (many + more), many + more)]
    if not groups:
        return np.array([])
    return np.concatenate([centre + step * (np.arange(size) - (size - 1) / 2) for centre, size in groups])
