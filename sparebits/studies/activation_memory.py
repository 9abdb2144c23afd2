"""How many bits of activations an inference holds, by two ways to lay out its buffers."""

from dataclasses import dataclass
from typing import Any

import torch

from sparebits.engine.activations import ActivationRuns
from sparebits.engine.graph import Graph, NotTraceable, tensors_in
from sparebits.evaluation import Evaluator

EVERY_MAP, ONE_BUFFER = "every map", "one buffer"
"""Each activation in memory of its own from the beginning of an inference to its end; one memory, as large as what has
to be held at once, whose parts are used again."""


@dataclass(frozen=True)
class ActivationMemory:
    """Bits that the activations of one inference take, the image included.

    Attributes:
        every_map: of all activations together, those of sparebits.engine.activations, which faults are drawn from.
        largest_live: of the most that has to be held at once while the operations run one after the other, none in
            place: what the running one takes and gives, and what later ones still need. Views count once. None if the
            model's operations cannot be followed.
        reason: why they cannot; else None.
    """

    every_map: int
    largest_live: int | None
    reason: str | None = None

    @property
    def by_layout(self) -> dict[str, int]:
        """Bits by EVERY_MAP and, where known, ONE_BUFFER."""
        known = {} if self.largest_live is None else {ONE_BUFFER: self.largest_live}
        return {EVERY_MAP: self.every_map, **known}


def activation_memory(evaluator: Evaluator) -> ActivationMemory:
    """Of an evaluator's network and images; two of these are run, for the shapes."""
    runs = ActivationRuns(evaluator)
    every_map = sum(region.values for region in runs.regions) * runs.fmt.width
    parameters = evaluator.parameters
    try:
        graph = Graph(parameters.model)
    except NotTraceable as error:
        return ActivationMemory(every_map, None, str(error))
    images = evaluator.inputs(torch.tensor([0, len(evaluator.images.labels) - 1]).numpy())
    weights = {_memory_of(value)[0] for value in parameters.model.state_dict().values()}
    with torch.inference_mode():
        return ActivationMemory(every_map, _largest_live(graph, images, weights))


def _largest_live(graph: Graph, images: torch.Tensor, weights: set[int]) -> int:
    """Most bits of one image that are held at once.

    Args:
        weights: addresses of memory that activations do not lie in.
    """
    last_use = [max(users, default=place) for place, users in enumerate(graph.users)]
    last_use[graph.last] = len(graph.steps)
    results: dict[int, Any] = {}
    largest = 0
    for step in graph.steps:
        results[step.place] = graph.run(step.place, results.__getitem__, images)
        held = dict(_memory_of(value) for result in results.values() for value in tensors_in(result))
        held = {address: size for address, size in held.items() if address not in weights}
        largest = max(largest, 8 * sum(held.values()) // len(images))
        results = {place: result for place, result in results.items() if last_use[place] > step.place}
    return largest


def _memory_of(value: torch.Tensor) -> tuple[int, int]:
    """Address and bytes of the memory in which a tensor lies, shared by its views."""
    storage = value.untyped_storage()
    return storage.data_ptr(), storage.nbytes()
