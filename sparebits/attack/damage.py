"""Accuracy after ever more flips of an attack, up to where the network answers by chance."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import count

import numpy as np

from sparebits.attack.steps import Step, count_code_words, count_flips, memory_after
from sparebits.evaluation import Evaluator
from sparebits.schemes.clipping import clippable_modules, clipped
from sparebits.schemes.stored import Reading, StoredNetwork
from sparebits.statistics.intervals import wilson_interval
from sparebits.statistics.paired_images import compare_with_golden

_RUNGS_OF_A_DECADE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


def rungs() -> Iterator[int]:
    """Numbers of flips after which accuracy is measured: 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, …, without end."""
    for decade in count():
        yield from (int(step * 10**decade) for step in _RUNGS_OF_A_DECADE if (step * 10**decade).is_integer())


def chance_hits(labels: np.ndarray) -> int:
    """Hits at or below which a network answers by chance.

    Whatever a network that does not look at the image answers, on average it has at most the hits of the one that
    always answers the most frequent class. What cannot be told from its share on so many images, up to the upper end of
    the Wilson 95 % interval, is chance too.
    """
    most = int(np.unique(labels, return_counts=True)[1].max())
    return int(len(labels) * wilson_interval(most, len(labels))[1])


class DamageMeter:
    """Measures the memory of a scheme after steps of an attack, always on the same images."""

    def __init__(self, evaluator: Evaluator, golden: np.ndarray, indices: np.ndarray):
        """Prepare.

        Args:
            evaluator: of the network.
            golden: classes of the golden run, for all images.
            indices: of the images that accuracy is measured on.
        """
        self._evaluator, self._indices = evaluator, indices
        self._golden, self._labels = golden[indices], evaluator.images.labels[indices]
        self._modules = clippable_modules(evaluator.parameters.model)
        self.chance_hits = chance_hits(self._labels)
        self._untouched: tuple[StoredNetwork, Reading, np.ndarray] | None = None

    def golden_hits(self) -> int:
        """Hits of the golden run."""
        return int(np.count_nonzero(self._golden == self._labels))

    def row(self, scheme: StoredNetwork, steps: Sequence[Step]) -> dict:
        """What JSON can hold: flips, an outcome (compare_with_golden), at_chance (0, 1), code_words, format."""
        predicted = self._predict(scheme, scheme.read(memory_after(scheme, steps)))
        outcome = compare_with_golden(predicted[None], self._golden, self._labels).iloc[0].to_dict()
        outcome |= {name: int(outcome[name]) for name in ("images", "hits", "lost", "gained")}
        return {
            "flips": count_flips(steps),
            **outcome,
            "at_chance": int(outcome["hits"] <= self.chance_hits),
            "code_words": count_code_words(scheme, steps),
            "format": self._evaluator.parameters.fmt.name,
        }

    def _predict(self, scheme: StoredNetwork, reading: Reading) -> np.ndarray:
        """Classes, uint16 (images,); those of a reading as if nothing had been hit are known after the first time."""
        if self._untouched is None or self._untouched[0] is not scheme:
            untouched = scheme.read(scheme.memory)
            self._untouched = scheme, untouched, self._run(untouched)
        _, untouched, predicted = self._untouched
        if np.array_equal(reading.words, untouched.words) and _same_bounds(reading, untouched):
            return predicted
        return self._run(reading)

    def _run(self, reading: Reading) -> np.ndarray:
        model = self._evaluator.parameters.model
        with nullcontext() if reading.bounds is None else clipped(model, self._modules, reading.bounds):
            return self._evaluator.predict(reading.words, self._indices)


def _same_bounds(one: Reading, other: Reading) -> bool:
    if one.bounds is None or other.bounds is None:
        return one.bounds is other.bounds
    return np.array_equal(one.bounds, other.bounds)


def follow(meter: DamageMeter, scheme: StoredNetwork, attack: Iterable[Step]) -> list[dict]:
    """Rows of DamageMeter.row, by flips: without any, at the rungs, and around the one at which chance is reached.

    Accuracy is measured after the first step that reaches a rung. Once it is at chance the attack ends, and the number
    of steps since the last rung is bisected, so that the first row at chance has a step less than a row that is not.
    Accuracy may recover in between: it is the crossing that is found, not its only one. An attack that ends before has
    a row for all of its steps.
    """
    rows = [meter.row(scheme, [])]
    steps: list[Step] = []
    measured, heights = 0, rungs()
    height = next(heights)
    if rows[0]["at_chance"]:
        return rows
    for step in attack:
        steps.append(step)
        flips = count_flips(steps)
        if flips < height:
            continue
        while height <= flips:
            height = next(heights)
        rows.append(meter.row(scheme, steps))
        if rows[-1]["at_chance"]:
            break
        measured = len(steps)
    if rows[-1]["flips"] < count_flips(steps):
        rows.append(meter.row(scheme, steps))
    low, high = measured, len(steps)
    while rows[-1]["at_chance"] and high - low > 1:
        middle = (low + high) // 2
        rows.append(meter.row(scheme, steps[:middle]))
        low, high = (low, middle) if rows[-1]["at_chance"] else (middle, high)
        rows.sort(key=lambda row: row["flips"])
    return rows
