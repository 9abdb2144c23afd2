"""Predictions under faults of the parameters, by the fastest way that gives those of the whole network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from tqdm import tqdm

from sparebits.engine.bounds import Bounds
from sparebits.engine.channels import ChannelRuns
from sparebits.engine.differences import differ
from sparebits.engine.fused import FusedRuns
from sparebits.engine.golden import GoldenBatch, StepKinds, step_kinds
from sparebits.engine.graph import Graph, NotTraceable
from sparebits.engine.leaving import Leaving, try_leaving
from sparebits.engine.suffix import SuffixRuns
from sparebits.evaluation import Evaluator, batches
from sparebits.faults.flips import Flips

MOST_IMAGES = 256
"""Of a batch: larger ones leave the caches and gain nothing."""


@dataclass(frozen=True)
class FaultyPredictions:
    """What a network predicts under faults.

    Attributes:
        predicted: classes, uint16 (faults, images).
        nan: whether a logit is NaN, bool (faults, images).
    """

    predicted: np.ndarray
    nan: np.ndarray


class FaultRuns:
    """Runs a network under one fault after the other, over the same images.

    Where the model's operations can be followed, a fault re-runs only what depends on it (see `suffix`); predictions
    are those of whole runs of the same batches, and so are logits, bit for bit, as long as no image has left.

    Attributes:
        graph: None where every fault runs the whole network.
        reason: why it does; else None.
        images_a_batch: so many that golden results stay within the memory allowed.
        smallest_batch: fewest images from which on no result depends on their number; None if no image may leave.
    """

    def __init__(self, evaluator: Evaluator, indices: np.ndarray, memory_mb: int, uses_bounds: bool = True):
        """Look at the model, and try out what is equal to what.

        Args:
            evaluator: of the network.
            indices: of the images.
            memory_mb: for the golden results of a batch.
            uses_bounds: whether images also leave where it is proven that their class cannot change.
        """
        self._evaluator, self._indices = evaluator, indices
        self._uses_bounds = uses_bounds and evaluator.device == "cpu"
        self.graph: Graph | None = None
        self.reason: str | None = None
        self.smallest_batch: int | None = None
        self._leaving = Leaving(None)
        self.images_a_batch = MOST_IMAGES
        evaluator.parameters.load(evaluator.parameters.golden)
        with torch.inference_mode():
            try:
                self._look_at_model(memory_mb)
            except NotTraceable as error:
                self.graph, self.reason = None, str(error)

    @property
    def way(self) -> str:
        """How faults are run, in words."""
        if self.graph is None:
            return f"the whole network for every fault: {self.reason}"
        leaving = "images leave once golden again" if self.smallest_batch else "all images to the end"
        return f"from the fault on, {leaving}"

    def predict(self, faults: Sequence[Flips]) -> FaultyPredictions:
        """Predictions under each of the faults."""
        predicted = np.empty((len(faults), len(self._indices)), dtype=np.uint16)
        nan = np.empty(predicted.shape, dtype=bool)
        parameters = self._evaluator.parameters
        parameters.load(parameters.golden)
        progress = tqdm(total=predicted.size, unit="inference", unit_scale=True, mininterval=2)
        suffix = self._suffix
        with torch.inference_mode(), progress:
            for batch in batches(len(self._indices), self.images_a_batch):
                inputs = self._evaluator.inputs(self._indices[batch])
                if suffix is not None:
                    suffix.start(GoldenBatch(self.graph, self._kinds, inputs))
                for number, flips in enumerate(faults):
                    if suffix is not None:
                        found = suffix.predict(flips.indices, flips.masks)
                    else:
                        found = self._run_whole(flips, inputs)
                    predicted[number, batch], nan[number, batch] = found
                    progress.update(len(inputs))
                if suffix is not None:
                    suffix.finish()
        return FaultyPredictions(predicted, nan)

    def _run_whole(self, flips: Flips, inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        parameters = self._evaluator.parameters
        with parameters.flipped(flips.indices, flips.masks):
            logits = parameters.model(inputs)
        return logits.argmax(dim=1).cpu().numpy(), logits.isnan().any(dim=1).cpu().numpy()

    def _look_at_model(self, memory_mb: int) -> None:
        if len(self._indices) < 3:
            raise NotTraceable("too few images to see how results depend on their number")
        evaluator = self._evaluator
        graph = Graph(evaluator.parameters.model)
        kinds = step_kinds(graph, evaluator.inputs(self._indices[:3]))
        allowed = int(memory_mb * 2**20 // max(1, kinds.bytes_an_image))
        self.images_a_batch = max(min(self.images_a_batch, allowed), 2)
        self._require_same_logits(graph)
        self._leaving = try_leaving(graph, kinds, self._a_batch_of_each_length(graph, kinds))
        self.graph, self._kinds = graph, kinds
        self.smallest_batch = self._leaving.smallest
        self._bounds = None
        if self._uses_bounds and self.smallest_batch:
            # Its shapes are all that is used here.
            self._bounds = Bounds(graph, kinds, GoldenBatch(graph, kinds, evaluator.inputs(self._indices[:2])))

    def _require_same_logits(self, graph: Graph) -> None:
        inputs = self._evaluator.inputs(self._indices[: self.images_a_batch])
        if differ(graph.run_all(inputs)[graph.last], self._evaluator.parameters.model(inputs)).any():
            raise NotTraceable("its operations one by one give other logits than the model")

    def _a_batch_of_each_length(self, graph: Graph, kinds: StepKinds) -> Iterator[GoldenBatch]:
        """Golden results, one after the other."""
        lengths: set[int] = set()
        for batch in batches(len(self._indices), self.images_a_batch):
            inputs = self._evaluator.inputs(self._indices[batch])
            if len(inputs) not in lengths:
                lengths.add(len(inputs))
                golden = GoldenBatch(graph, kinds, inputs)
                yield golden
                del golden

    @cached_property
    def _suffix(self) -> SuffixRuns | None:
        if self.graph is None:
            return None
        parameters = self._evaluator.parameters
        return SuffixRuns(
            self.graph,
            parameters,
            ChannelRuns(self.graph),
            self._bounds,
            self.smallest_batch,
            self._leaving.whole,
            FusedRuns(self.graph),
        )
