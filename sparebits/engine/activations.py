"""Inference with transient faults: bits of an activation, or of the image, that flip during one inference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from sparebits.engine.graph import Graph, NotTraceable
from sparebits.engine.runs import FaultyPredictions
from sparebits.evaluation import Evaluator, batches
from sparebits.faults.flips import Flips
from sparebits.faults.sites import Region, owners_of
from sparebits.formats import FORMATS, FloatFormat
from sparebits.parameters import layer_type_of

_MOVES = {
    *("getitem", "view", "reshape", "flatten", "permute", "transpose", "contiguous", "chunk", "split", "squeeze"),
    *("unsqueeze", "expand", "size", "getattr", "dropout", "stochastic_depth"),
    *("Flatten", "Identity", "Dropout", "Dropout2d", "StochasticDepth"),
}
"""Operations that only hand on what others gave: the same memory, which is not to be hit twice."""


@dataclass(frozen=True)
class TransientFault:
    """Cells of the activations of one inference that hold the wrong bits.

    Attributes:
        image: number of the image.
        cells: which, as flips of a memory that holds the activations of one image one after another, each flattened
            channel by channel.
        stuck: the value that they are stuck at, 0 or 1; None if they flip.
    """

    image: int
    cells: Flips
    stuck: int | None = None


@dataclass(frozen=True)
class TransientPredictions:
    """What comes of transient faults, one inference each.

    Attributes:
        predictions: classes, (faults, 1), and whether a logit is NaN.
        before, after: the values that were hit, float64 (words,), of one fault after the other, in the order of its
            cells.
    """

    predictions: FaultyPredictions
    before: np.ndarray
    after: np.ndarray


class ActivationRuns:
    """Runs a network with transient faults, many of them in one batch: every image has its own.

    Activations are the image itself and what every operation that computes gives, found by torch.fx; where that cannot
    follow the model, the image and what every module without parts gives, if it is called once.

    Attributes:
        fmt: format of the activations, in which the network computes.
        regions: of the activations, in the order in which they arise; one memory, of one inference.
        reason: why only modules are hit; else None.
    """

    def __init__(self, evaluator: Evaluator):
        self._evaluator = evaluator
        self.fmt: FloatFormat = FORMATS[str(evaluator.parameters.compute_dtype).removeprefix("torch.")]
        evaluator.parameters.load(evaluator.parameters.golden)
        self.reason: str | None = None
        model = evaluator.parameters.model
        try:
            self._tap: _GraphTap | _ModuleTap = _GraphTap(Graph(model))
            self._regions = self._found()
        except NotTraceable as error:
            self.reason = str(error)
            self._tap = _ModuleTap(model)
            self._regions = self._found()
        self.regions = list(self._regions.values())

    def predict(self, faults: Sequence[TransientFault]) -> TransientPredictions:
        """Predictions of each fault's image under it."""
        predicted = np.empty((len(faults), 1), dtype=np.uint16)
        nan = np.empty((len(faults), 1), dtype=bool)
        ends = np.cumsum([0, *(len(fault.cells.indices) for fault in faults)])
        before, after = np.full(ends[-1], np.nan), np.full(ends[-1], np.nan)
        self._evaluator.parameters.load(self._evaluator.parameters.golden)
        with torch.inference_mode():
            for batch in batches(len(faults), self._evaluator.engine.batch_size):
                hits = self._hits(faults[batch], ends[batch.start])

                def change(place: Any, value: torch.Tensor, hits=hits) -> torch.Tensor:
                    if place not in hits:
                        return value
                    value, was, became = _with_faults(value, hits[place], self.fmt)
                    before[hits[place].numbers], after[hits[place].numbers] = was, became
                    return value

                images = np.array([fault.image for fault in faults[batch]])
                logits = self._tap.run(self._evaluator.inputs(images), change)
                predicted[batch, 0] = logits.argmax(dim=1).cpu().numpy()
                nan[batch, 0] = logits.isnan().any(dim=1).cpu().numpy()
        return TransientPredictions(FaultyPredictions(predicted, nan), before, after)

    def _hits(self, faults: Sequence[TransientFault], first: int) -> dict[Any, "_Hits"]:
        """What is hit in a batch, by place in the model; `first` is the number of its first word."""
        rows = np.repeat(np.arange(len(faults)), [len(fault.cells.indices) for fault in faults])
        indices = np.concatenate([fault.cells.indices for fault in faults])
        # As `value & keep ^ change`: flips keep all bits, stuck cells lose theirs first.
        masks = [fault.cells.masks for fault in faults]
        keeps = [
            ~mask if fault.stuck is not None else ~np.zeros_like(mask)
            for fault, mask in zip(faults, masks, strict=True)
        ]
        changes = [np.zeros_like(mask) if fault.stuck == 0 else mask for fault, mask in zip(faults, masks, strict=True)]
        keeps, changes = np.concatenate(keeps), np.concatenate(changes)
        owners = owners_of(indices, self.regions)
        numbers = first + np.arange(len(indices))
        found = {}
        for owner in np.unique(owners):
            of, start = owners == owner, self.regions[owner].start
            hits = _Hits(numbers[of], rows[of], indices[of] - start, keeps[of], changes[of])
            found[list(self._regions)[owner]] = hits
        return found

    def _found(self) -> dict[Any, Region]:
        """By place in the model the activations of one image."""
        found: dict[Any, Region] = {}
        start = 0

        def note(place: Any, value: torch.Tensor) -> torch.Tensor:
            nonlocal start
            name, layer_type = self._tap.label(place)
            kind = "input" if layer_type == "input" else "activation"
            values = value[0].numel()
            found[place] = Region(name, kind, name, layer_type, start, values)
            start += values
            return value

        ends = np.array([0, len(self._evaluator.images.labels) - 1])
        with torch.inference_mode():
            self._tap.run(self._evaluator.inputs(ends), note)
        return found


class _GraphTap:
    """Gives every activation of a traced model away to be changed, step by step."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._last_use = [max(users, default=place) for place, users in enumerate(graph.users)]

    def label(self, place: int) -> tuple[str, str]:
        step = self._graph.steps[place]
        return step.name, step.layer_type

    def run(self, images: torch.Tensor, change) -> torch.Tensor:
        """The logits, after `change(place, value)` of every activation."""
        results: dict[int, Any] = {}
        for step in self._graph.steps:
            value = self._graph.run(step.place, results.__getitem__, images)
            computes = step.layer_type not in _MOVES and step.node.op != "get_attr"
            if computes and isinstance(value, torch.Tensor) and _goes_by_image(value, images):
                value = change(step.place, value)
            results[step.place] = value
            for used in step.inputs:
                if self._last_use[used] <= step.place and used != self._graph.last:
                    results.pop(used, None)
        return results[self._graph.last]


class _ModuleTap:
    """Gives the images and what every module without parts gives away to be changed, by hooks."""

    def __init__(self, model: nn.Module):
        self._model = model
        self._names = {module: name for name, module in model.named_modules() if not list(module.children())}

    def label(self, place: str) -> tuple[str, str]:
        if place == "input":
            return place, place
        return place, layer_type_of(self._model.get_submodule(place))

    def run(self, images: torch.Tensor, change) -> torch.Tensor:
        """The logits, after `change(place, value)` of every activation."""
        seen: set[str] = set()

        def hook(module: nn.Module, inputs, output):
            name = self._names[module]
            computes = type(module).__name__ not in _MOVES
            if name in seen or not computes or not isinstance(output, torch.Tensor):
                return output
            seen.add(name)
            return change(name, output) if _goes_by_image(output, images) else output

        handles = [module.register_forward_hook(hook) for module in self._names]
        try:
            return self._model(change("input", images))
        finally:
            for handle in handles:
                handle.remove()


def _goes_by_image(value: torch.Tensor, images: torch.Tensor) -> bool:
    return value.is_floating_point() and value.dim() > 1 and len(value) == len(images)


@dataclass(frozen=True)
class _Hits:
    """Values of one activation that are hit: their numbers in the batch, images, indices, and what becomes of bits."""

    numbers: np.ndarray
    rows: np.ndarray
    indices: np.ndarray
    keeps: np.ndarray
    changes: np.ndarray


def _with_faults(value: torch.Tensor, hit: _Hits, fmt: FloatFormat) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """The activation with faults, and the values that were hit before and after; the tensor given stays."""
    value = value.clone()
    places = (hit.rows, *np.unravel_index(hit.indices, tuple(value.shape[1:])))
    at = tuple(torch.from_numpy(place).to(value.device) for place in places)
    keeps, changes = (
        torch.from_numpy(words.view(f"int{fmt.width}")).to(value.device) for words in (hit.keeps, hit.changes)
    )
    was = value[at]
    became = ((was.view(keeps.dtype) & keeps) ^ changes).view(was.dtype)
    value[at] = became
    return value, was.double().cpu().numpy(), became.double().cpu().numpy()
