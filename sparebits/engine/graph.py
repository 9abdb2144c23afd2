"""A model as a graph of operations, each of which can be run by itself on any of the images."""

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import fx, nn
from torch.fx.node import map_aggregate, map_arg
from torch.nn import functional

from sparebits.errors import InputError
from sparebits.parameters import layer_type_of

_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}


class NotTraceable(InputError):
    """A model whose operations cannot be followed one by one; the message says why."""


@dataclass(frozen=True, eq=False)
class Step:
    """One operation.

    Attributes:
        place: in the order of execution.
        name: of the module that it calls, else of the operation, such as "add_3".
        layer_type: class of the module, as ParameterTensor.layer_type says it, else the operation, such as "add"; the
            images are an "input".
        module: what it calls, or None.
        inputs: places of the steps whose results it takes.
        node: of torch.fx.
    """

    place: int
    name: str
    layer_type: str
    module: nn.Module | None
    inputs: tuple[int, ...]
    node: fx.Node

    @property
    def is_relu(self) -> bool:
        """Whether it sets what is below zero to zero, and nothing else."""
        return isinstance(self.module, nn.ReLU) or self.node.target in (functional.relu, torch.relu)

    @property
    def is_addition(self) -> bool:
        """Whether it adds two results, and nothing else."""
        is_sum = self.node.target in (operator.add, operator.iadd, torch.add)
        return is_sum and len(self.node.args) == 2 and not self.node.kwargs


class Graph:
    """The operations of a model in evaluation mode, in the order of execution.

    In-place operations are run out of place, so that no step overwrites what another one gave; results are the same.

    Attributes:
        steps: first the images, last the logits.
    """

    def __init__(self, model: nn.Module):
        """Trace a model.

        Raises:
            NotTraceable: torch.fx cannot follow it, it takes more than the images, or it writes into tensors.
        """
        try:
            traced = fx.Tracer().trace(model)
        except Exception as error:  # whatever the model's own code raises when it meets a symbol in place of a tensor
            raise NotTraceable(f"torch.fx cannot trace {type(model).__name__}: {error}") from None
        self._modules = dict(model.named_modules())
        self._model = model
        nodes = [node for node in traced.nodes if node.op != "output"]
        if sum(node.op == "placeholder" for node in nodes) != 1:
            raise NotTraceable(f"{type(model).__name__} takes more than the images")
        places = {node: place for place, node in enumerate(nodes)}
        self._places = places
        self._calls = [self._call_of(node) for node in nodes]
        self.steps = [self._step(node, places) for node in nodes]
        result = next(node for node in traced.nodes if node.op == "output").args[0]
        if not isinstance(result, fx.Node):
            raise NotTraceable(f"{type(model).__name__} gives no tensor of logits")
        self.last = places[result]

    def run(self, place: int, lookup: Callable[[int], Any], images: torch.Tensor | None = None) -> Any:
        """The result of a step.

        Args:
            lookup: gives the results of its inputs, by place.
            images: of the first step.
        """
        node = self.steps[place].node
        if node.op == "placeholder":
            return images
        args, kwargs = map_arg((node.args, node.kwargs), lambda other: lookup(self._places[other]))
        return self._calls[place](*args, **kwargs)

    def run_all(self, images: torch.Tensor) -> list[Any]:
        """The results of all steps, by place."""
        results: list[Any] = []
        for step in self.steps:
            results.append(self.run(step.place, results.__getitem__, images))
        return results

    @cached_property
    def users(self) -> list[tuple[int, ...]]:
        """By place, the places of the steps that take its result."""
        users: list[list[int]] = [[] for _ in self.steps]
        for step in self.steps:
            for place in step.inputs:
                users[place].append(step.place)
        return [tuple(places) for places in users]

    def reached_from(self, places: Sequence[int], without: Collection[int] = ()) -> list[int]:
        """Places of the steps whose results depend on some others, these included, in the order of execution.

        Args:
            without: places of steps that hand nothing on.
        """
        reached = set(places)
        for step in self.steps:
            if step.place not in without and reached.intersection(step.inputs):
                reached.add(step.place)
        return sorted(reached)

    def readers_of(self, tensors: Sequence[str]) -> list[int]:
        """Places of the steps that read some of the model's parameter tensors, by any of their names."""
        places = {place for name in tensors for place in self._readers.get(id(self._tensors[name]), ())}
        return sorted(places)

    @cached_property
    def _tensors(self) -> dict[str, torch.Tensor]:
        return self._model.state_dict(keep_vars=True)

    @cached_property
    def _readers(self) -> dict[int, list[int]]:
        """By the identity of each tensor, which may have several names, the steps that read it."""
        readers: dict[int, list[int]] = {}
        for step in self.steps:
            if step.module is not None:
                read = step.module.state_dict(keep_vars=True).values()
            elif step.node.op == "get_attr":
                read = [self._attribute(step.node.target)]
            else:
                continue
            for value in read:
                readers.setdefault(id(value), []).append(step.place)
        return readers

    def _attribute(self, target: str) -> Any:
        value = self._model
        for part in target.split("."):
            value = getattr(value, part)
        return value

    def _call_of(self, node: fx.Node) -> Callable | None:
        _refuse_writing(node)
        if node.op == "call_module":
            module = self._modules[node.target]
            for part in module.modules():
                if getattr(part, "inplace", False):
                    part.inplace = False
            return module
        if node.op == "get_attr":
            return lambda: self._attribute(node.target)
        if node.op == "call_method":
            name = node.target if node.target.startswith("__") else node.target.rstrip("_")
            return lambda tensor, *args, **kwargs: getattr(tensor, name)(*args, **kwargs)
        function = _OUT_OF_PLACE.get(node.target, node.target)
        if node.kwargs.get("inplace"):
            return lambda *args, inplace, **kwargs: function(*args, **kwargs)
        return function

    def _step(self, node: fx.Node, places: dict[fx.Node, int]) -> Step:
        module = self._modules[node.target] if node.op == "call_module" else None
        if module is not None:
            name, layer_type = node.target, layer_type_of(module)
        elif node.op == "placeholder":
            name = layer_type = "input"
        else:
            name, layer_type = node.name, str(getattr(node.target, "__name__", node.target)).strip("_")
        inputs = tuple(sorted(places[other] for other in node.all_input_nodes))
        return Step(places[node], name, layer_type, module, inputs, node)


def _refuse_writing(node: fx.Node) -> None:
    """Raise NotTraceable for an operation that writes into a tensor and has no twin here that does not."""
    name = getattr(node.target, "__name__", str(node.target))
    if node.op == "call_function":
        writes = node.target is operator.setitem or (name.endswith("_") and not name.endswith("__"))
        writes |= name in ("ior", "iand", "ixor", "ilshift", "irshift", "ipow", "imod", "imatmul", "ifloordiv")
    else:
        twin = name.rstrip("_")
        writes = node.op == "call_method" and name.endswith("_") and not name.startswith("__")
        writes = writes and (name in ("copy_", "fill_", "zero_", "set_") or not hasattr(torch.Tensor, twin))
    if writes or "out" in node.kwargs:
        raise NotTraceable(f"the operation {node.name} ({name}) writes into a tensor")


def tensors_in(result: Any) -> list[torch.Tensor]:
    """The tensors of a step's result, which may be a tuple of them or hold none."""
    found: list[torch.Tensor] = []
    map_aggregate(result, lambda part: found.append(part) if isinstance(part, torch.Tensor) else None)
    return found


def map_tensors(result: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """A step's result with each of its tensors replaced."""
    if isinstance(result, torch.Tensor):
        return function(result)
    return map_aggregate(result, lambda part: function(part) if isinstance(part, torch.Tensor) else part)
