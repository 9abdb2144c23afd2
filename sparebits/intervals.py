"""The interval of a drop of accuracy, measured on the same images as the golden run."""

import numpy as np
from scipy.stats import norm


def drop_interval(lost, gained, images, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a difference of paired proportions, in percentage points (Agresti & Min 2005, Wald + 2).

    Half an image is added to each of the four cells of the paired table (hit or miss, before and after).

    Args:
        lost: golden hits that became misses, a number or an array.
        gained: golden misses that became hits.
        images: in all.
    """
    z = norm.ppf((1 + confidence) / 2)
    lost, gained, images = (np.asarray(number, dtype=float) for number in (lost, gained, images))
    total = images + 2
    difference = lost - gained
    half = z * np.sqrt(lost + gained + 1 - difference**2 / total)
    return 100 * np.maximum((difference - half) / total, -1), 100 * np.minimum((difference + half) / total, 1)
