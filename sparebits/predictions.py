"""Predicted classes of every variant, kept so that later questions need no inference."""

from pathlib import Path

import numpy as np

from sparebits.evaluation import NOT_EVALUATED
from sparebits.files import write_arrays
from sparebits.stages import Measured


def write_predictions(path: str | Path, found: Measured, images: int) -> None:
    """Write `variants` (ids) and `predictions`, uint16 (variants, images); images left out are NOT_EVALUATED."""
    predictions = np.full((len(found.ids), images), NOT_EVALUATED, dtype=np.uint16)
    predictions[:, found.indices] = found.predictions
    write_arrays(path, variants=np.array(found.ids), predictions=predictions)


def gather_predictions(parts: list[str | Path], output: str | Path) -> None:
    """Put the predictions of several stages over the same images into one file."""
    archives = [np.load(part) for part in parts]
    write_arrays(
        output,
        variants=np.concatenate([archive["variants"] for archive in archives]),
        predictions=np.concatenate([archive["predictions"] for archive in archives]),
    )
