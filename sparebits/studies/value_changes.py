"""Changes of stored values that no single flip makes, to tell the size of a change from the bit that makes it.

*Same change*: a flip changes a value by d; another value of its tensor, drawn at random, is changed by d too. Its bits
differ in another pattern and it is another share of the value. If the size of a change is all that matters, both fail
equally often.

*Chosen change*: a value drawn from all of the network goes up or down by a size drawn from many orders of magnitude.
Flips leave most of these out: a binary32 value between 2^-7 and 2 grows by a flip at most 16 times, or 2^128 times.
"""

import numpy as np
import pandas as pd

from sparebits.engine.runs import FaultRuns
from sparebits.evaluation import Evaluator
from sparebits.faults.flips import Flips
from sparebits.parameters import FlatParameters, doubles_of, nearest_words

SAME, CHOSEN = "same change", "chosen change"
SIZES = (-2.0, 4.0)
"""Decimal logarithms of the smallest and the largest chosen change, in root mean squares of the value's tensor."""


def tensor_sizes(parameters: FlatParameters) -> dict[str, float]:
    """Root mean square of each tensor's values: the unit in which changes of different layers compare.

    For weights, whose mean is about 0, it is the standard deviation; it is of use for BatchNorm's scales and variances.
    """
    return {
        tensor.name: float(np.sqrt(np.mean(doubles_of(parameters.golden[tensor.span], parameters.fmt) ** 2)))
        for tensor in parameters.tensors
        if tensor.values
    }


def same_changes(parameters: FlatParameters, flips: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """For each flip another value of its tensor that is to change by as much.

    Flips without a finite change have none, nor have those whose tensor holds one value only.

    Args:
        flips: of single bits of parameters, a row each, as `run_single_faults` gives them.

    Returns:
        flip (its trial), tensor, index, change.
    """
    values = flips["tensor"].map({tensor.name: tensor.values for tensor in parameters.tensors}).to_numpy()
    with np.errstate(invalid="ignore"):
        change = (flips["after"] - flips["before"]).to_numpy()
    # Any of the others, each equally likely.
    steps = 1 + (random.random(len(flips)) * (values - 1)).astype(np.int64)
    index = (flips["index"].to_numpy() + steps) % values
    plan = {"flip": flips["trial"].to_numpy(), "tensor": flips["tensor"].to_numpy(), "index": index, "change": change}
    return pd.DataFrame(plan)[np.isfinite(change) & (values > 1)]


def chosen_changes(parameters: FlatParameters, count: int, random: np.random.Generator) -> pd.DataFrame:
    """Values drawn from all of the network's, with replacement, and by how much each is to change.

    A tensor of zeros has no unit of size, so none of its values is drawn.

    Returns:
        flip (-1), tensor, index, change.
    """
    sizes = tensor_sizes(parameters)
    tensors = [tensor for tensor in parameters.tensors if sizes.get(tensor.name)]
    words = random.integers(sum(tensor.values for tensor in tensors), size=count)
    ends = np.cumsum([tensor.values for tensor in tensors])
    owners = np.searchsorted(ends, words, side="right")
    names = [tensors[owner].name for owner in owners]
    steps = 10 ** random.uniform(*SIZES, size=count) * random.choice([-1.0, 1.0], size=count)
    index = words - (ends - [tensor.values for tensor in tensors])[owners]
    change = steps * np.array([sizes[name] for name in names])
    return pd.DataFrame({"flip": -1, "tensor": names, "index": index, "change": change})


def run_changes(
    evaluator: Evaluator, plan: pd.DataFrame, golden: np.ndarray, indices: np.ndarray, memory_mb: int
) -> pd.DataFrame:
    """What comes of changes, one a trial; those that lead beyond the largest number of the format are left out.

    Args:
        evaluator: of the network.
        plan: a row a change: tensor, index of the value in it, change, and what else is to be told.
        golden: classes of the golden run, for all images.
        indices: of the images to use.
        memory_mb: for the engine.

    Returns:
        the plan without `change`, and: before, after (the nearest number of the format), bits (that differ), images,
        changed, nans, lost, gained, drop_pp, format.
    """
    parameters, fmt = evaluator.parameters, evaluator.parameters.fmt
    starts = plan["tensor"].map({tensor.name: tensor.start for tensor in parameters.tensors}).to_numpy()
    places = starts + plan["index"].to_numpy()
    words = parameters.golden[places]
    before = doubles_of(words, fmt)
    hit = nearest_words(before + plan["change"].to_numpy(), fmt)
    after = doubles_of(hit, fmt)
    fits = np.isfinite(after)
    plan, places, masks = plan[fits], places[fits], (words ^ hit)[fits]
    flips = [_flips(place, mask, len(parameters.golden)) for place, mask in zip(places, masks, strict=True)]
    found = FaultRuns(evaluator, indices, memory_mb).predict(flips)
    golden, labels = golden[indices], evaluator.images.labels[indices]
    lost = ((golden == labels) & (found.predicted != labels)).sum(axis=1)
    gained = ((golden != labels) & (found.predicted == labels)).sum(axis=1)
    return plan.drop(columns="change").assign(
        before=before[fits],
        after=after[fits],
        bits=np.bitwise_count(masks),
        images=len(indices),
        changed=(found.predicted != golden).sum(axis=1),
        nans=found.nan.sum(axis=1),
        lost=lost,
        gained=gained,
        drop_pp=100 * (lost - gained) / len(indices),
        format=fmt.name,
    )


def _flips(place: int, mask: np.unsignedinteger, words: int) -> Flips:
    """Those of one word; of none where the change is lost in rounding."""
    hit = [place] if mask else []
    return Flips(np.array(hit, dtype=np.int64), np.array([mask] * len(hit), dtype=mask.dtype), words)
