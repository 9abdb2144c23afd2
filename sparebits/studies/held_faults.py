"""Single faults held over all images: how many fail, and that the batch size plays no part in it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from sparebits.evaluation import Evaluator
from sparebits.faults.sites import owners_of, regions_of
from sparebits.parameters import doubles_of
from sparebits.statistics.clusters import clustered_rate
from sparebits.studies.altered_images import StudyImages
from sparebits.studies.failure_matrix import BitFaults, FailureMatrix, counts_by_source

WANTED_RATES = (0.5, 0.05)
"""Failure rates near which a fault is looked for that is really run in batches of every size."""


def fault_table(evaluator: Evaluator, faults: BitFaults, matrix: FailureMatrix, seed: int) -> pd.DataFrame:
    """Every fault over all images.

    Args:
        seed: of the draw of the faults.

    Returns:
        fault, tensor, index, bit, before, after, kind, layer_type, images, sources, failures, failure_rate, low, high
        (95 %, over source images), hits, golden_hits, seed.
    """
    parameters = evaluator.parameters
    regions = regions_of(parameters.tensors)
    words = parameters.golden[faults.indices]
    hit = words ^ (words.dtype.type(1) << faults.bits.astype(words.dtype))
    before, after = doubles_of(words, parameters.fmt), doubles_of(hit, parameters.fmt)
    rows = []
    for number, owner in enumerate(owners_of(faults.indices, regions)):
        region = regions[owner]
        rows.append(
            {
                **{"fault": number, "tensor": region.name, "index": int(faults.indices[number]) - region.start},
                **{"bit": int(faults.bits[number]), "before": before[number], "after": after[number]},
                **{"kind": region.kind, "layer_type": region.layer_type},
                **_rate(matrix.failures[number], matrix.sources),
                **{"hits": int(matrix.hits[number]), "golden_hits": matrix.golden_hits, "seed": seed},
            }
        )
    return pd.DataFrame(rows)


def chosen_faults(rates: np.ndarray) -> list[int]:
    """Numbers of the faults whose failure rates lie nearest to WANTED_RATES, each once."""
    chosen: list[int] = []
    for wanted in WANTED_RATES:
        nearest = np.argsort(np.abs(rates - wanted), kind="stable").tolist()
        chosen += [number for number in nearest if number not in chosen][:1]
    return chosen


def run_at_all_sizes(
    evaluator: Evaluator,
    faults: BitFaults,
    study: StudyImages,
    golden: np.ndarray,
    matrix: FailureMatrix,
    first_images: int,
    compared: Sequence[int],
) -> pd.DataFrame:
    """Some faults run by the whole network in batches of every power of two up to the largest compared, from 1 on.

    Batches of the engine have 2 images or more, as logits of single images differ in their last bits from those of
    larger batches; whether a class does is counted here.

    Args:
        golden: classes of the untouched network, in the order in which batches take the images.
        matrix: what the engine found, in batches of its own.
        first_images: so many of them, the first, are run in batches of sizes that are not compared.
        compared: batch sizes in which all images are run.

    Returns:
        fault, tensor, bit, batch_size, images, sources, failures, failure_rate, low, high (95 %, over source images),
        first_images, first_failures (of the images that are run at all sizes), differing (images that fail here and not
        in `matrix`, or the reverse).
    """
    parameters = evaluator.parameters
    parameters.load(parameters.golden)
    flips = faults.flips(parameters)
    first_images = min(max(first_images, max(compared)), len(golden))
    regions = regions_of(parameters.tensors)
    rows = []
    for number in chosen_faults(matrix.failures.mean(axis=1)):
        owner = owners_of(faults.indices[[number]], regions)[0]
        common = {"fault": number, "tensor": regions[owner].name, "bit": int(faults.bits[number])}
        for power in range(max(compared).bit_length()):
            size = 1 << power
            images = len(golden) if size in compared else first_images
            predicted = np.empty(images, dtype=np.int64)
            with torch.inference_mode(), parameters.flipped(flips[number].indices, flips[number].masks):
                for first in range(0, images, size):
                    batch = slice(first, min(first + size, images))
                    logits = parameters.model(evaluator.inputs(study.indices[batch]))
                    predicted[batch] = logits.argmax(dim=1).cpu().numpy()
            failures = predicted != golden[:images]
            found = _rate(failures, matrix.sources[:images])
            found |= {"first_images": first_images, "first_failures": int(failures[:first_images].sum())}
            differing = int((failures != matrix.failures[number, :images]).sum())
            rows.append({**common, "batch_size": size, **found, "differing": differing})
    return pd.DataFrame(rows)


def _rate(failures: np.ndarray, sources: np.ndarray) -> dict[str, float]:
    counts, sizes = counts_by_source(failures[None, :], sources)
    rate = clustered_rate(counts[0], sizes)
    found = {"images": len(failures), "sources": len(sizes), "failures": int(failures.sum())}
    return {**found, "failure_rate": rate.rate, "low": rate.low, "high": rate.high}
