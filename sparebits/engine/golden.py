"""What every step of a model gives for a batch of images, and which steps go by image."""

from dataclasses import dataclass
from typing import Any

import torch

from sparebits.engine.graph import Graph, NotTraceable, map_tensors, tensors_in

_PROBES = (2, 3)
"""Images that steps are tried on, to see how the shapes of their results depend on the number."""


@dataclass(frozen=True)
class StepKinds:
    """How the results of the steps depend on the images; sets of places.

    Attributes:
        numbers: hold no tensor, such as sizes.
        constants: tensors that are the same for all images, such as parameters.
        go_by_image: every step that is neither gives tensors of one row an image.
        bytes_an_image: of all results together.
    """

    numbers: frozenset[int]
    constants: frozenset[int]
    go_by_image: bool
    bytes_an_image: int


def step_kinds(graph: Graph, images: torch.Tensor) -> StepKinds:
    """Find out by running a few images.

    Args:
        images: at least three, (N, channels, height, width).

    Raises:
        NotTraceable: a step overwrites what another one gave, or takes numbers out of tensors.
    """
    few, more = (_checked_run(graph, images, count) for count in _PROBES)
    numbers, constants, go_by_image, size = set(), set(), True, 0
    seen = set()
    for step, first, second in zip(graph.steps, few, more, strict=True):
        tensors = list(zip(tensors_in(first), tensors_in(second), strict=True))
        if not tensors:
            numbers.add(step.place)
        elif step.node.op == "get_attr" or (
            step.inputs
            and all(place in constants or place in numbers for place in step.inputs)
            and all(a.shape == b.shape for a, b in tensors)
        ):
            constants.add(step.place)
        elif any((a.shape[:1], b.shape[:1]) != ((_PROBES[0],), (_PROBES[1],)) for a, b in tensors):
            go_by_image = False
        for _, tensor in tensors:
            if tensor.untyped_storage().data_ptr() not in seen:
                seen.add(tensor.untyped_storage().data_ptr())
                size += tensor.untyped_storage().nbytes() // _PROBES[1]
    return StepKinds(frozenset(numbers), frozenset(constants), go_by_image, size)


def _checked_run(graph: Graph, images: torch.Tensor, count: int) -> list[Any]:
    results: list[Any] = []
    # Not in inference mode, in which tensors do not count how often they were written.
    with torch.inference_mode(False), torch.no_grad():
        images = images[:count].clone()
        for step in graph.steps:
            before = [tensor._version for place in step.inputs for tensor in tensors_in(results[place])]
            results.append(graph.run(step.place, results.__getitem__, images))
            after = [tensor._version for place in step.inputs for tensor in tensors_in(results[place])]
            if before != after:
                raise NotTraceable(f"the operation {step.name} ({step.layer_type}) writes into a tensor")
            if step.inputs and not tensors_in(results[-1]) and step.layer_type in ("item", "tolist", "numpy"):
                raise NotTraceable(f"the operation {step.name} takes numbers out of a tensor")
    return results


class GoldenBatch:
    """What every step gives for one batch of images with untouched parameters.

    Attributes:
        images: how many.
        device: where they lie.
        results: of the steps, by place.
        predicted: classes, int64 (images,).
        nan: whether a logit of an image is NaN, (images,).
    """

    def __init__(self, graph: Graph, kinds: StepKinds, inputs: torch.Tensor):
        self.graph, self.kinds = graph, kinds
        self.images, self.device = len(inputs), inputs.device
        self.results = graph.run_all(inputs)
        logits = self.results[graph.last]
        self.predicted = logits.argmax(dim=1).cpu().numpy()
        self.nan = logits.isnan().any(dim=1).cpu().numpy()
        self._numbers: dict[tuple[int, int], Any] = {}

    def rows(self, place: int, rows: torch.Tensor | None) -> Any:
        """A step's result for some of the images, int64 indices, or for all."""
        result = self.results[place]
        if place in self.kinds.numbers:
            return self._number(place, self.images if rows is None else len(rows))
        if rows is None or place in self.kinds.constants:
            return result
        return map_tensors(result, lambda tensor: rows_of(tensor, rows))

    def _number(self, place: int, images: int) -> Any:
        """The result of a step without tensors for a number of images, which it may depend on."""
        if images == self.images:
            return self.results[place]
        if (place, images) not in self._numbers:

            def lookup(other: int) -> Any:
                if other in self.kinds.numbers:
                    return self._number(other, images)
                if other in self.kinds.constants:
                    return self.results[other]
                return map_tensors(self.results[other], lambda tensor: tensor[:images])

            self._numbers[place, images] = self.graph.run(place, lookup)
        return self._numbers[place, images]


def rows_of(tensor: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Some images of a tensor, in its own order of memory: index_select alone would leave the channels-last order."""
    if tensor.dim() == 4 and tensor.stride(1) == 1 and not tensor.is_contiguous():
        return tensor.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)
    return tensor.index_select(0, rows)
