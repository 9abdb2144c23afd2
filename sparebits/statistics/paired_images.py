"""Variants of a network against the golden run on the same images."""

import numpy as np
import pandas as pd
from scipy.special import bdtr, ndtri

from sparebits.statistics.intervals import wilson_interval


def mcnemar_exact(lost, gained) -> np.ndarray:
    """Exact two-sided p-value of McNemar's test (1947): are hits lost and gained with equal probability?

    Twice the smaller tail of the binomial distribution of the discordant images, at most 1.
    """
    lost, gained = np.asarray(lost), np.asarray(gained)
    return np.minimum(1.0, 2 * bdtr(np.minimum(lost, gained), lost + gained, 0.5))


def drop_interval(lost, gained, images, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a difference of paired proportions, in percentage points (Agresti & Min 2005, Wald + 2).

    Half an image is added to each of the four cells of the paired table (hit or miss, before and after).

    Args:
        lost: golden hits that became misses, a number or an array.
        gained: golden misses that became hits.
        images: in all.
    """
    z = ndtri((1 + confidence) / 2)
    lost, gained, images = (np.asarray(number, dtype=float) for number in (lost, gained, images))
    total = images + 2
    difference = lost - gained
    half = z * np.sqrt(lost + gained + 1 - difference**2 / total)
    return 100 * np.maximum((difference - half) / total, -1), 100 * np.minimum((difference + half) / total, 1)


def compare_with_golden(predicted: np.ndarray, golden: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Each variant's hits beside the golden run's on the same images.

    Args:
        predicted: classes (variants, images).
        golden: classes of the golden run (images,).
        labels: (images,).

    Returns:
        a row a variant: images, hits, accuracy, low, high (Wilson 95 %), drop_pp, lost, gained, p_value (McNemar).
    """
    golden_hit = golden == labels
    hit = predicted == labels
    images = len(labels)
    hits = hit.sum(axis=1)
    lost = (golden_hit & ~hit).sum(axis=1)
    gained = (~golden_hit & hit).sum(axis=1)
    low, high = wilson_interval(hits, images)
    return pd.DataFrame(
        {
            "images": images,
            "hits": hits,
            "accuracy": hits / images,
            "low": low,
            "high": high,
            "drop_pp": 100 * (lost - gained) / images,
            "lost": lost,
            "gained": gained,
            "p_value": mcnemar_exact(lost, gained),
        }
    )
