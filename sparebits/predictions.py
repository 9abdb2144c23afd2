"""Predicted classes of every variant, kept so that later questions need no inference."""

from pathlib import Path

import numpy as np

from sparebits.files import write_arrays

NOT_EVALUATED = np.iinfo(np.uint16).max
"""Stands for an image that a stage with a limit left out; so a network has fewer classes than that."""


def write_predictions(
    path: str | Path, ids: list[str], predictions: np.ndarray, indices: np.ndarray, images: int
) -> None:
    """Write `variants` (ids) and `predictions`, uint16 (variants, images).

    Args:
        ids: names of the variants.
        predictions: classes, uint16 (variants, len(indices)).
        indices: of the images that were used; the others become NOT_EVALUATED.
        images: how many there are.
    """
    all_images = np.full((len(ids), images), NOT_EVALUATED, dtype=np.uint16)
    all_images[:, indices] = predictions
    write_arrays(path, variants=np.array(ids), predictions=all_images)


def gather_predictions(parts: list[str | Path], output: str | Path) -> None:
    """Put the predictions of several stages over the same images into one file."""
    archives = [np.load(part) for part in parts]
    write_arrays(
        output,
        variants=np.concatenate([archive["variants"] for archive in archives]),
        predictions=np.concatenate([archive["predictions"] for archive in archives]),
    )


def read_predictions(parts: list[str | Path]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Predictions of one stage that was split over several files.

    Returns:
        ids of the variants, file by file; predicted classes, uint16 (variants, images used); ascending indices of the
        images used.

    Raises:
        ValueError: the files are not about the same images.
    """
    archives = [np.load(part) for part in parts]
    ids = np.concatenate([archive["variants"] for archive in archives])
    predictions = np.concatenate([archive["predictions"] for archive in archives])
    evaluated = predictions != NOT_EVALUATED
    if not (evaluated == evaluated[0]).all():
        raise ValueError(f"{', '.join(map(str, parts))} are not about the same images")
    return ids.tolist(), predictions[:, evaluated[0]], np.flatnonzero(evaluated[0])
