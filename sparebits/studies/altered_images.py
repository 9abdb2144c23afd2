"""As many images as a study asks for: those of the data set, and where it has too few, turned and shifted ones."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from sparebits.evaluation import PreparedImages
from sparebits.sampling import nested_sample

LARGEST_TURN = 12.0
"""In degrees, and below of a side: within what the shipped networks were trained on, see sparebits.training."""
LARGEST_SHIFT = 0.08
_CHUNK = 256
"""Images that are altered at a time, which bounds the memory."""


@dataclass(frozen=True)
class StudyImages:
    """Images in the order in which batches take them.

    Attributes:
        images: among which they are.
        indices: of each in them, int64 (count,).
        sources: number of the data set's image that each is or was made from, int64 (count,).
        altered: how many were turned and shifted.
    """

    images: PreparedImages
    indices: np.ndarray
    sources: np.ndarray
    altered: int

    @property
    def labels(self) -> np.ndarray:
        """Of each, int64 (count,)."""
        return self.images.labels[self.indices]


@contextmanager
def study_images(images: PreparedImages, count: int, seed: int, folder: str | Path) -> Iterator[StudyImages]:
    """`count` images in a seeded order: a sample of the data set's, each once, or all of them and alterations.

    Altered images are written into a file without a name that is mapped into memory and goes with the block: it can be
    made anew from the seed in seconds, and is no result. Their order is random, as a data set may be sorted by class.

    Args:
        images: the prepared ones of the data set.
        count: how many are needed.
        seed: of the sample, the alterations and the order.
        folder: where there is room for the file, count x the bytes of an image.
    """
    available = len(images.labels)
    if available >= count:
        chosen = nested_sample(available, count, seed)
        yield StudyImages(images, chosen, chosen, 0)
        return
    sources = np.resize(np.arange(available), count)
    order = nested_sample(count, count, seed)
    with tempfile.TemporaryFile(dir=folder) as file:
        pixels = np.memmap(file, dtype=np.uint8, mode="w+", shape=(count, *images.pixels.shape[1:]))
        for first in range(0, count, available):
            last = min(first + available, count)
            write_altered(pixels[first:last], images.pixels, first // available, seed)
        ids = [f"{images.ids[source]}/{number // available}" for number, source in enumerate(sources)]
        made = replace(images, pixels=pixels, ids=ids, labels=images.labels[sources])
        yield StudyImages(made, order, sources[order], count - available)


def write_altered(target: np.ndarray, pixels: np.ndarray, copy: int, seed: int) -> None:
    """Write a copy of images, each turned and shifted by amounts of its own.

    Angles are uniform up to LARGEST_TURN either way, shifts up to LARGEST_SHIFT of either side; what comes into view
    repeats the border. Values between pixels are bilinear, rounded to whole numbers.

    Args:
        target: to write into, uint8 (up to as many, height, width, channels).
        pixels: of the images, uint8 (images, height, width, channels).
        copy: its number; copy 0 is the images as they are.
        seed: of the alterations; those of a copy depend on it and the copy's number only.
    """
    if copy == 0:
        target[:] = pixels[: len(target)]
        return
    generator = np.random.default_rng([seed, copy])
    angles = np.deg2rad(generator.uniform(-LARGEST_TURN, LARGEST_TURN, len(pixels)))
    # In torch's units a side is 2 long.
    shifts = generator.uniform(-2 * LARGEST_SHIFT, 2 * LARGEST_SHIFT, (len(pixels), 2))
    height, width = pixels.shape[1:3]
    cos, sin = np.cos(angles), np.sin(angles)
    across = np.stack([cos, -sin * height / width, shifts[:, 0]], axis=1)
    down = np.stack([sin * width / height, cos, shifts[:, 1]], axis=1)
    matrices = torch.from_numpy(np.stack([across, down], axis=1)).float()
    for first in range(0, len(target), _CHUNK):
        part = slice(first, min(first + _CHUNK, len(target)))
        chunk = torch.from_numpy(np.array(pixels[part])).permute(0, 3, 1, 2).float()
        grid = functional.affine_grid(matrices[part], list(chunk.shape), align_corners=False)
        altered = functional.grid_sample(chunk, grid, padding_mode="border", align_corners=False)
        target[part] = altered.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
