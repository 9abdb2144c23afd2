"""Predictions of a network, golden or altered, over prepared images."""

import csv
import mmap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sparebits.engine.choice import Engine
from sparebits.errors import InputError
from sparebits.margins import margins_of
from sparebits.parameters import FlatParameters
from sparebits.predictions import NOT_EVALUATED
from sparebits.sampling import nested_sample


@dataclass(frozen=True)
class PreparedImages:
    """Images ready for inference, as written by `sparebits.images`.

    Attributes:
        pixels: uint8 (images, height, width, channels), memory-mapped.
        ids, labels: of each image.
        mean, std: normalisation, one value a channel, of pixels in 0..1.
    """

    pixels: np.ndarray
    ids: list[str]
    labels: np.ndarray
    mean: list[float]
    std: list[float]

    @classmethod
    def open(cls, array: str | Path, labels: str | Path, mean: list[float], std: list[float]) -> "PreparedImages":
        """Map the array of pixels and read the labels beside it."""
        with open(labels, newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        classes = np.array([int(row["label"]) for row in rows])
        return cls(np.load(array, mmap_mode="r"), [row["image_id"] for row in rows], classes, mean, std)

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """Pixels of some images, uint8 (len(indices), height, width, channels).

        Pages of the file that are read for it do not stay in this process' memory; the system may keep them cached.
        """
        pixels = self.pixels[indices]
        if isinstance(self.pixels, np.memmap) and self.pixels.mode == "r":
            self.pixels._mmap.madvise(mmap.MADV_DONTNEED)
        return pixels

    def sample(self, limit: int | None, seed: int) -> np.ndarray:
        """Ascending indices of the images a stage uses: all, or a seeded sample; samples of one seed nest."""
        if limit is None or limit >= len(self.labels):
            return np.arange(len(self.labels))
        return np.sort(nested_sample(len(self.labels), limit, seed))


class Evaluator:
    """Runs a network, with its own words or with others, over prepared images.

    Attributes:
        parameters, images: of the network and what it runs over.
        engine: how it runs: batches, order of memory, compiled or not.
        device: torch's name of it.
    """

    def __init__(self, parameters: FlatParameters, images: PreparedImages, engine: Engine, device: str = "cpu"):
        self.parameters = parameters
        self.images = images
        self.engine = engine
        self.device = device
        self._compiled: Callable[[torch.Tensor], torch.Tensor] | None = None
        shape = (1, -1, 1, 1)
        self._mean = torch.tensor(images.mean, dtype=parameters.compute_dtype, device=device).view(shape)
        self._std = torch.tensor(images.std, dtype=parameters.compute_dtype, device=device).view(shape)

    def predict(self, words: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Predicted classes, uint16 (len(indices),), of a network with these words.

        NaN logits follow torch.argmax, for which NaN is the largest.

        Raises:
            InputError: if the network does not take these images, or has a class number beyond uint16.
        """
        predicted = np.empty(len(indices), dtype=np.uint16)
        for batch, logits in self._batches_of_logits(words, indices):
            predicted[batch] = logits.argmax(dim=1).cpu().numpy()
        return predicted

    def predict_with_margins(
        self, words: np.ndarray, indices: np.ndarray, classes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `predict`, and how far the logit of a class lies above all others.

        Args:
            words: (values,).
            indices: of the images.
            classes: of each of these images the class in question, (len(indices),).

        Returns:
            predicted classes, uint16, and margins, float64, both (len(indices),); see margins.margins_of.
        """
        predicted, margins = np.empty(len(indices), dtype=np.uint16), np.empty(len(indices))
        for batch, logits in self._batches_of_logits(words, indices):
            predicted[batch] = logits.argmax(dim=1).cpu().numpy()
            margins[batch] = margins_of(logits.cpu().numpy(), classes[batch])
        return predicted, margins

    def prepare(self, evaluations: int) -> None:
        """Compile the network, once, if so many inferences of an image are worth it."""
        if self._compiled is None and self.engine.is_worth_compiling(evaluations):
            self._compiled = torch.compile(self.parameters.model, dynamic=False)

    def _batches_of_logits(self, words: np.ndarray, indices: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
        """Which of the images, and their logits, for a network with these words."""
        self.parameters.load(words)
        for batch in batches(len(indices), self.engine.batch_size):
            yield batch, self.logits(indices[batch])

    def logits(self, indices: np.ndarray) -> torch.Tensor:
        """Logits (len(indices), classes) of the words loaded last."""
        inputs = self.inputs(indices)
        with torch.inference_mode():
            if self._compiled is None:
                return self.parameters.model(inputs)
            # Of one size always, as every other one would be compiled anew.
            missing = self.engine.batch_size - len(inputs)
            return self._compiled(torch.cat([inputs, inputs[:1].expand(missing, -1, -1, -1)]))[: len(inputs)]

    def inputs(self, indices: np.ndarray) -> torch.Tensor:
        """Normalised images (len(indices), channels, height, width), in the engine's order of memory."""
        pixels = torch.from_numpy(self.images.batch(indices)).to(self.device)
        inputs = pixels.permute(0, 3, 1, 2).to(self.parameters.compute_dtype).div_(255).sub_(self._mean).div_(self._std)
        return inputs.contiguous(memory_format=getattr(torch, self.engine.memory_format))

    def check(self) -> None:
        """Run two images, to find out before any long work whether network, images and labels go together.

        Raises:
            InputError: if the network does not take the images, or a label lies outside its classes.
        """
        try:
            logits = self.logits(np.array([0, len(self.images.labels) - 1]))
        except (RuntimeError, ValueError, IndexError) as error:
            shape = "x".join(map(str, self.images.pixels.shape[1:]))
            raise InputError(
                f"the network does not take images of {shape} (height x width x channels): {error}"
            ) from None
        if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
            raise InputError("the network gives no logits of shape (images, classes)")
        classes = logits.shape[1]
        if classes > NOT_EVALUATED:
            raise InputError(
                f"the network has {classes} classes; predictions are stored in 16 bits, for up to {NOT_EVALUATED}"
            )
        outside = np.flatnonzero(self.images.labels >= classes)
        if len(outside):
            first = outside[0]
            raise InputError(
                f"image {self.images.ids[first]} has label {self.images.labels[first]}, but the network has only the "
                f"classes 0 to {classes - 1}; {len(outside)} images are labelled so. Correct the labels or the network"
            )


def batches(count: int, size: int) -> list[slice]:
    """Slices of nearly equal length, at most `size`, that cover range(count).

    Logits of small batches differ in their last bits from those of large ones (measured: up to 15 images). Equal
    lengths keep the last batch from being small, whatever sample of the images a stage uses.
    """
    bounds = np.linspace(0, count, num=-(-count // size) + 1).round().astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(bounds)]


@dataclass(frozen=True)
class Variant:
    """One alteration of the whole network.

    Attributes:
        id: its name in predictions.npz.
        columns: what identifies it in its stage's table.
        words: gives the altered words, computed only when it is its turn.
    """

    id: str
    columns: dict
    words: Callable[[], np.ndarray]


def predict_variants(
    evaluator: Evaluator, variants: Iterable[Variant], indices: np.ndarray, evaluations: int | None = None
) -> np.ndarray:
    """Predicted classes, uint16 (variants, images), of each variant in turn; shows progress.

    Args:
        evaluator: runs them.
        variants: each with words of its own.
        indices: of the images.
        evaluations: inferences of an image in the whole stage, by which it is compiled or not; those here by default.
    """
    variants = list(variants)
    evaluator.prepare(len(variants) * len(indices) if evaluations is None else evaluations)
    predictions = np.empty((len(variants), len(indices)), dtype=np.uint16)
    for row, variant in enumerate(tqdm(variants, unit="variant", mininterval=2)):
        predictions[row] = evaluator.predict(variant.words(), indices)
    return predictions
