"""The change that a bit flip makes, made at another place: how much of a fault's harm is size, how much is position?

A flip of bit b in a value w changes it by d. Adding d to another value of the same tensor changes it by as much, but by
other bits, mostly several, and by another share of the value. If only the size of a change matters, both fail equally
often.
"""

import numpy as np
import pandas as pd

from sparebits.engine.runs import FaultRuns
from sparebits.evaluation import Evaluator
from sparebits.faults.flips import Flips
from sparebits.parameters import doubles_of, nearest_words


def run_same_changes(
    evaluator: Evaluator,
    faults: pd.DataFrame,
    golden: np.ndarray,
    indices: np.ndarray,
    memory_mb: int,
    seed: int,
) -> pd.DataFrame:
    """A trial for each flip: another value of its tensor, drawn at random, changes by as much.

    Flips without a finite change have none, nor have those whose tensor holds one value only, nor those whose change
    leads beyond the format.

    Args:
        evaluator: of the network.
        faults: flips of single bits of parameters, a row each, as `run_single_faults` gives them.
        golden: classes of the golden run, for all images.
        indices: of the images to use.
        memory_mb: for the engine.
        seed: of the draw.

    Returns:
        a row a trial: trial (that of the flip), tensor, index, before, after, bits (that differ), images, changed, nans,
        lost, gained, drop_pp, seed, format.
    """
    parameters, fmt = evaluator.parameters, evaluator.parameters.fmt
    tensors = {tensor.name: tensor for tensor in parameters.tensors}
    with np.errstate(invalid="ignore"):
        changes = (faults["after"] - faults["before"]).to_numpy()
    sizes = faults["tensor"].map(lambda name: tensors[name].values).to_numpy()
    chosen = np.isfinite(changes) & (sizes > 1)
    rows, changes, sizes = faults[chosen], changes[chosen], sizes[chosen]
    own = rows["index"].to_numpy()
    # Any of the others, each equally likely.
    others = (own + 1 + (np.random.default_rng(seed).random(len(rows)) * (sizes - 1)).astype(np.int64)) % sizes
    places = rows["tensor"].map(lambda name: tensors[name].start).to_numpy() + others
    words = parameters.golden[places]
    before = doubles_of(words, fmt)
    with np.errstate(over="ignore"):
        hit = nearest_words(before + changes, fmt)
    fits = np.isfinite(doubles_of(hit, fmt))
    rows, others, places, words, before, hit = (
        part[fits] for part in (rows, others, places, words, before, hit)
    )
    masks = words ^ hit
    found = FaultRuns(evaluator, indices, memory_mb).predict(
        [_flips(place, mask, len(parameters.golden)) for place, mask in zip(places, masks, strict=True)]
    )
    golden, labels = golden[indices], evaluator.images.labels[indices]
    lost = ((golden == labels) & (found.predicted != labels)).sum(axis=1)
    gained = ((golden != labels) & (found.predicted == labels)).sum(axis=1)
    return pd.DataFrame(
        {
            "trial": rows["trial"].to_numpy(),
            "tensor": rows["tensor"].to_numpy(),
            "index": others,
            "before": before,
            "after": doubles_of(hit, fmt),
            "bits": np.bitwise_count(masks),
            "images": len(indices),
            "changed": (found.predicted != golden).sum(axis=1),
            "nans": found.nan.sum(axis=1),
            "lost": lost,
            "gained": gained,
            "drop_pp": 100 * (lost - gained) / len(indices),
            "seed": seed,
            "format": fmt.name,
        }
    )


def _flips(place: int, mask: np.unsignedinteger, words: int) -> Flips:
    """Those of one word; of none where the change is lost in rounding."""
    hit = mask != 0
    return Flips(np.array([place] if hit else [], dtype=np.int64), np.array([mask] if hit else [], dtype=mask.dtype), words)
