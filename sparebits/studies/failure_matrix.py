"""Which images fail under which single faults: all that runs of any batch size can see."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparebits.campaign.journal import Journal
from sparebits.engine.runs import FaultRuns
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, batches
from sparebits.faults.draws import draw_bits
from sparebits.faults.flips import Flips
from sparebits.faults.targets import Target
from sparebits.parameters import FlatParameters
from sparebits.studies.altered_images import StudyImages

_CHUNK = 2048
"""Images that all faults are run on, and what comes of it kept, before the next: what a kill can lose."""


@dataclass(frozen=True)
class BitFaults:
    """Single flipped bits of parameters, equally many words at each bit of the same field, a bit a stratum.

    Attributes:
        indices: of the words, int64 (faults,).
        bits: of these words, int64 (faults,), descending.
    """

    indices: np.ndarray
    bits: np.ndarray

    def flips(self, parameters: FlatParameters) -> list[Flips]:
        """One fault each."""
        words, dtype = len(parameters.golden), parameters.golden.dtype
        return [Flips.at([index], [bit], words, dtype) for index, bit in zip(self.indices, self.bits, strict=True)]


@dataclass(frozen=True)
class FailureMatrix:
    """What every fault does to every image, in the order in which batches take the images.

    Attributes:
        failures: whether the class predicted is not the golden one, bool (faults, images).
        hits: predictions that are the label, int64 (faults,).
        golden_hits: of the untouched network.
        sources: number of the image that each image was made from, int64 (images,).
    """

    failures: np.ndarray
    hits: np.ndarray
    golden_hits: int
    sources: np.ndarray

    @cached_property
    def by_source(self) -> tuple[np.ndarray, np.ndarray]:
        """Failures of each fault, (faults, sources), and how many images there are, (sources,), by source image."""
        return counts_by_source(self.failures, self.sources)


def counts_by_source(failures: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`FailureMatrix.by_source` of some failures, bool (faults, images)."""
    _, place, sizes = np.unique(sources, return_inverse=True, return_counts=True)
    return np.stack([np.bincount(place, weights=row, minlength=len(sizes)) for row in failures]), sizes


def draw_bit_faults(
    parameters: FlatParameters, target: Target, faults: int, mantissa_faults: int, seed: int
) -> BitFaults:
    """Faults at each bit of a target, drawn without replacement and uniformly over its words.

    What is drawn for a bit depends on nothing but the seed and the bit; fewer are the first of more, as long as they
    are no more than half of the words.

    Args:
        faults: at the sign and at each bit of the exponent.
        mantissa_faults: at each bit of the mantissa, most of which do nothing.
        seed: of the draw.

    Raises:
        InputError: fewer than 2 faults of a bit are asked for, or it has fewer words.
    """
    fmt = parameters.fmt
    indices, bits = [], []
    for name, site in target.resolve(parameters.tensors, fmt).strata("bit").items():
        count = min(mantissa_faults if site.low < fmt.mantissa_bits else faults, site.bits_count)
        if count < 2:
            raise InputError(f"target {name}: a variance between faults needs at least 2 of them at each bit")
        found, at = site.locate(draw_bits(site.bits_count, count, np.random.default_rng([seed, site.low])))
        indices.append(found)
        bits.append(at.astype(np.int64))
    indices, bits = np.concatenate(indices), np.concatenate(bits)
    order = np.argsort(-bits, kind="stable")
    return BitFaults(indices[order], bits[order])


def measure_failures(
    evaluator: Evaluator,
    faults: BitFaults,
    study: StudyImages,
    golden: np.ndarray,
    memory_mb: int,
    journal: Journal | None = None,
) -> FailureMatrix:
    """Run every fault over all images of a study.

    Args:
        evaluator: of the network, over the images that hold those of the study.
        golden: classes that the untouched network predicts for them, (images,).
        memory_mb: for golden results of a batch.
        journal: where finished chunks are kept; those that it has are not run again.
    """
    flips = faults.flips(evaluator.parameters)
    labels, images = study.labels, len(study.indices)
    failures = np.empty((len(flips), images), dtype=bool)
    hits = np.zeros(len(flips), dtype=np.int64)
    done = {entry["first"]: entry for entry in (journal.entries if journal else [])}
    for chunk in batches(images, _CHUNK):
        entry = done.get(chunk.start)
        if entry is None:
            runs = FaultRuns(evaluator, study.indices[chunk], memory_mb)
            print(f"images from {chunk.start} on: faults run {runs.way}", flush=True)
            predicted = runs.predict(flips).predicted
            packed = np.packbits(predicted != golden[chunk], axis=1)
            entry = {"first": chunk.start, "failures": base64.b64encode(packed.tobytes()).decode()}
            entry["hits"] = (predicted == labels[chunk]).sum(axis=1).tolist()
            if journal:
                journal.append(entry)
        failures[:, chunk] = _unpacked(entry, chunk.stop - chunk.start)
        hits += entry["hits"]
    return FailureMatrix(failures, hits, int((golden == labels).sum()), study.sources)


def _unpacked(entry: Mapping, images: int) -> np.ndarray:
    packed = np.frombuffer(base64.b64decode(entry["failures"]), dtype=np.uint8)
    return np.unpackbits(packed.reshape(len(entry["hits"]), -1), axis=1, count=images).astype(bool)
