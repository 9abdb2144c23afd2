"""A model that keeps its parameters as stored words and decodes them on access (thesis 7.1)."""

import copy
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from sparebits.errors import InputError
from sparebits.parameters import ParameterTensor, parameter_tensors, words_of
from sparebits.protection.encoding import estimated_ber, protect_words
from sparebits.protection.scheme import Scheme
from sparebits.protection.stored_groups import Counts, StoredGroup
from sparebits.protection.stored_modules import OriginalKeys, StoredTensor

Model = TypeVar("Model", bound=nn.Module)


def protect_module(model: Model, scheme: Scheme, decode_every: int = 1) -> Model:
    """Encode a model's parameter tensors in place; from now on it keeps their stored words and decodes them on access.

    Flips in the stored words are corrected whenever these are decoded: before a module's forward pass,
    for this pass (decode_every = 1), or once for several forward passes of the whole model. Words beyond repair become
    what their group's policy says; for posterior means the whole model is decoded once more in that pass, to estimate
    the bit error rate. Decoding leaves the stored words as they are.

    `model.protection` has the stored words and counts of corrected and detected words. `model.state_dict()` has the
    stored words, as bit patterns under the original keys, and loads into a model protected by the same scheme.

    Args:
        model: in evaluation mode, with its ordinary values; its parameters are frozen.
        scheme: fitted to the model's words.
        decode_every: forward passes of the model for which decoded values serve; above 1 they are kept in memory.

    Returns:
        the model.

    Raises:
        InputError: the scheme is not of this model or format, or the model is in training mode, parametrized or
            protected already; it is then as it was.
    """
    if isinstance(decode_every, bool) or not isinstance(decode_every, int) or decode_every < 1:
        raise InputError(f"decode_every is a number of forward passes, 1 or more; got {decode_every!r}")
    _check_model(model)
    tensors = parameter_tensors(model)
    state = model.state_dict(keep_vars=True)
    _check_scheme(scheme, tensors, state, model)
    golden = np.concatenate([words_of(state[tensor.name]) for tensor in tensors])
    stored = protect_words(scheme, golden, tensors)

    protection = ModuleProtection(scheme, tensors, decode_every)
    # Before the hooks of owners, as the model may be one itself.
    model.register_forward_pre_hook(protection.begin_pass)
    model.register_forward_hook(protection.end_pass, always_call=True)
    _attach(model, protection, _places(model, state))
    spans = {tensor.name: tensor.span for tensor in tensors}
    for group in protection.groups:
        for name, place in zip(group.tensors, group.stored, strict=True):
            group.write(place, stored[spans[name]])
        group.encoded = True
    model.protection = protection
    return model


class ModuleProtection:
    """The protection of a model, `model.protection`: its scheme, its stored words and what decoding them found.

    Attributes:
        scheme: by which the words are stored.
        tensors: the model's parameter tensors; their spans say where each lies in `stored_words` and in masks.
        decode_every: forward passes of the model for which decoded values serve.
        groups: one for each of the scheme's, in its order.
        clock: of the model's forward passes, int64 (), on the CPU: odd during one, and one more before and after each.
    """

    def __init__(self, scheme: Scheme, tensors: list[ParameterTensor], decode_every: int):
        self.scheme = scheme
        self.tensors = tensors
        self.decode_every = decode_every
        # A tensor, so that a compiled model counts as well.
        self.clock = torch.zeros((), dtype=torch.int64)
        self._ber_at: tuple[int, float] | None = None
        self.groups = tuple(StoredGroup(self, index) for index in range(len(scheme.groups)))

    @property
    def last(self) -> Counts:
        """Of the last decoding of each group, added up."""
        return sum((group.last for group in self.groups), Counts())

    @property
    def total(self) -> Counts:
        """Of every decoding since the model was protected, or since `reset_counts`."""
        return sum((group.total for group in self.groups), Counts())

    @property
    def passes(self) -> int:
        """Forward passes of the model that have begun."""
        return (int(self.clock) + 1) // 2

    @property
    def ber(self) -> float:
        """Bit error rate by the last decoding of each group; 0 before the first."""
        return estimated_ber([group.report for group in self.groups if group.report])

    def reset_counts(self) -> None:
        """Let all counts begin anew."""
        for group in self.groups:
            group.last = group.total = Counts()
            group.report = None

    def stored_words(self) -> np.ndarray:
        """A copy of all stored words, (values,), of the format's unsigned integer type."""
        stored = np.empty(sum(tensor.values for tensor in self.tensors), dtype=self.scheme.fmt.word_dtype)
        for tensor, place in self._places():
            stored[tensor.span] = words_of(place)
        return stored

    def flip(self, masks: np.ndarray) -> None:
        """Flip stored bits in place; the same masks undo it.

        Args:
            masks: (values,), of the format's unsigned integer type, such as `sparebits.faults.ber.ber_mask` gives.

        Raises:
            InputError: masks of another length or type.
        """
        fmt, values = self.scheme.fmt, sum(tensor.values for tensor in self.tensors)
        if masks.shape != (values,) or masks.dtype != fmt.word_dtype:
            raise InputError(
                f"masks for this model are {fmt.word_dtype} of shape {(values,)}, one for every word; "
                f"got {masks.dtype} of shape {masks.shape}"
            )
        integers = getattr(torch, f"int{fmt.width}")
        for tensor, place in self._places():
            mask = torch.from_numpy(masks[tensor.span].view(f"int{fmt.width}").reshape(tensor.shape))
            place.detach().view(integers).bitwise_xor_(mask.to(place.device))

    def begin_pass(self, _module: torch.nn.Module, _args: tuple) -> None:
        """Hook of the model, before each of its forward passes."""
        self.clock.add_(1)

    def end_pass(self, _module: torch.nn.Module, _args: tuple, _output: object) -> None:
        """Hook of the model, after each of its forward passes."""
        self.clock.add_(1)

    def ber_at(self, clock: int) -> float:
        """Bit error rate by a decoding of all groups as they are now, not counted; made once in a forward pass."""
        if self._ber_at is None or self._ber_at[0] != clock or clock % 2 == 0:
            self._ber_at = clock, estimated_ber([group.inspect() for group in self.groups])
        return self._ber_at[1]

    def _places(self) -> Iterator[tuple[ParameterTensor, torch.Tensor]]:
        """Every tensor and where its stored words are."""
        stored = {name: place for group in self.groups for name, place in zip(group.tensors, group.stored, strict=True)}
        return ((tensor, stored[tensor.name]) for tensor in self.tensors)

    def __deepcopy__(self, memo: dict) -> "ModuleProtection":
        replica = object.__new__(type(self))
        memo[id(self)] = replica
        # Schemes never change, and decoders know their codes by identity.
        for shared in (self.scheme, *self.scheme.groups):
            memo[id(shared)] = shared
        replica.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return replica


def _attach(model: nn.Module, protection: ModuleProtection, places: dict[str, list[tuple[nn.Module, str]]]) -> None:
    """Parametrize every tensor, under each of its names, and let the owners decode a group together."""
    owned: dict[nn.Module, dict[str, tuple[StoredGroup, int]]] = {}
    for group in protection.groups:
        for index, name in enumerate(group.tensors):
            group.owners.append(places[name][0])
            for owner, last in places[name]:
                owned.setdefault(owner, {})[last] = group, index
    for owner, members in owned.items():
        OriginalKeys(owner, {last: group for last, (group, _) in members.items()})
        for group in dict.fromkeys(group for group, _ in members.values()):
            owner.register_forward_pre_hook(group.hold)
            owner.register_forward_hook(group.release, always_call=True)
        for last, (group, index) in members.items():
            getattr(owner, last).requires_grad_(False)
            # Unsafe: not decoded for a check of what has not been encoded yet.
            parametrize.register_parametrization(owner, last, StoredTensor(group, index, model), unsafe=True)
        owner.parametrizations.eval()


def _places(model: nn.Module, state: dict[str, torch.Tensor]) -> dict[str, list[tuple[nn.Module, str]]]:
    """By the first name of each tensor every module that has it, and its name there."""
    places: dict[int, tuple[str, list]] = {}
    for name, value in state.items():
        owner, _, last = name.rpartition(".")
        place = (model.get_submodule(owner), last)
        here = places.setdefault(id(value), (name, []))[1]
        # A module that occurs twice has a name for each occurrence.
        if place not in here:
            here.append(place)
    return dict(places.values())


def _check_model(model: nn.Module) -> None:
    if isinstance(getattr(model, "protection", None), ModuleProtection):
        raise InputError("the model is protected already")
    if hasattr(model, "protection"):
        raise InputError(f"{type(model).__name__} has an attribute `protection` of its own; rename it")
    for name, module in model.named_modules():
        where = name or type(model).__name__
        if module.training and [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            raise InputError(
                f"{where} is in training mode, and stored words cannot be trained: call model.eval() first"
            )
        if parametrize.is_parametrized(module):
            raise InputError(
                f"{where} is parametrized already; take that off by torch.nn.utils.parametrize.remove_parametrizations"
            )


def _check_scheme(
    scheme: Scheme, tensors: list[ParameterTensor], state: dict[str, torch.Tensor], model: nn.Module
) -> None:
    if not tensors:
        raise InputError(f"{type(model).__name__} has no parameters to protect")
    by_name = {tensor.name: tensor for tensor in tensors}
    unprotected = [name for name in by_name if name not in scheme.group_of]
    unknown = [name for name in scheme.group_of if name not in by_name]
    if unprotected or unknown:
        names = [f"{name} is not in the scheme" for name in unprotected]
        names += [f"{name} is not in the model" for name in unknown]
        more = f", and {len(names) - 5} more" if len(names) > 5 else ""
        raise InputError(f"the scheme is not of this {type(model).__name__}: {', '.join(names[:5])}{more}")
    for tensor in tensors:
        dtype = str(state[tensor.name].dtype).removeprefix("torch.")
        if dtype != scheme.fmt.dtype:
            raise InputError(
                f"{tensor.name} is {dtype}, the scheme is of {scheme.fmt.dtype}: convert the model before it is "
                "protected, or fit a scheme to its own words"
            )
    for group in scheme.groups:
        shapes = {by_name[name].shape for name in group.tensors}
        if len(shapes) > 1:
            raise InputError(f"the scheme takes {', '.join(group.tensors)} together, but they have the shapes {shapes}")
        owner = model.get_submodule(group.tensors[0].rpartition(".")[0])
        if group.eps is not None and getattr(owner, "eps", None) != group.eps:
            raise InputError(
                f"the scheme of {', '.join(group.tensors)} was fused with eps = {group.eps}, this model's is "
                f"{getattr(owner, 'eps', None)}"
            )
