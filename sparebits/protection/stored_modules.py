"""Modules of a protected model: parametrizations that decode, and state dicts whose keys are the original ones."""

import re
from collections.abc import Callable

import torch
from torch import nn

from sparebits.errors import InputError
from sparebits.protection.stored_groups import StoredGroup


class StoredTensor(nn.Module):
    """Parametrization of one tensor: its `original` keeps stored words, and access decodes them."""

    def __init__(self, group: StoredGroup, index: int, model: nn.Module):
        """The tensor is the group's `index`-th; `model` is the one that is protected."""
        super().__init__()
        self.group = group
        self.index = index
        # In a tuple, or the model would be a child of its own parametrization.
        self._model = (model,)
        super().train(False)

    def forward(self, _stored: torch.Tensor) -> torch.Tensor:
        """Its decoded values."""
        return self.group.values()[self.index]

    def right_inverse(self, values: torch.Tensor) -> torch.Tensor:
        """Stored words of values that are assigned to the tensor; saturated at the largest of its layout."""
        return self.group.encode(self.index, values) if self.group.encoded else values

    def train(self, mode: bool = True) -> "StoredTensor":
        if mode:
            # torch has switched some modules by now.
            self._model[0].eval()
            raise InputError(
                f"{self._name} holds stored words, which cannot be trained: train the model before it is protected. "
                "It is left in evaluation mode"
            )
        return super().train(mode)

    def _apply(self, fn: Callable, recurse: bool = True) -> "StoredTensor":
        dtype = getattr(torch, self.group.group.layouts[0].fmt.dtype)
        wanted = fn(torch.empty(0, dtype=dtype)).dtype
        if wanted != dtype:
            raise InputError(
                f"{self._name} holds stored words as bit patterns of {dtype}: a conversion to {wanted} would destroy "
                "them. Convert the model before it is protected, and fit a scheme to the converted one"
            )
        self.group.forget()
        return super()._apply(fn, recurse)

    @property
    def _name(self) -> str:
        return self.group.tensors[self.index]


class OriginalKeys:
    """Hooks of a module that owns stored tensors: its state dict has the keys it had before, in their order."""

    def __init__(self, module: nn.Module, groups: dict[str, StoredGroup]):
        """To be made before the tensors are registered; the groups by the tensors' names in the module."""
        self.order = list(module.state_dict())
        self.groups = groups
        module.register_state_dict_post_hook(self)
        module.register_load_state_dict_pre_hook(self.before_load)
        module.register_load_state_dict_post_hook(self.after_load)

    def __call__(self, module: nn.Module, state: dict, prefix: str, local_metadata: dict) -> None:
        """Rename in place what the module has just put into a state dict."""
        own = {_original_key(key[len(prefix) :]): state.pop(key) for key in list(state) if key.startswith(prefix)}
        state.update({prefix + key: own.pop(key) for key in self.order if key in own})
        state.update({prefix + key: value for key, value in own.items()})
        metadata = getattr(state, "_metadata", {})
        for key in [key for key in metadata if key.startswith(f"{prefix}parametrizations")]:
            del metadata[key]

    def before_load(
        self, module: nn.Module, state: dict, prefix: str, metadata, strict, missing, unexpected, errors: list[str]
    ) -> None:
        """Rename back what is about to be loaded; words of another dtype are refused, as they would be converted."""
        for name, group in self.groups.items():
            if prefix + name not in state:
                continue
            value, dtype = state.pop(prefix + name), module.parametrizations[name].original.dtype
            if value.dtype == dtype:
                state[f"{prefix}parametrizations.{name}.original"] = value
            else:
                errors.append(f"{prefix}{name} holds stored words as bit patterns of {dtype}, got {value.dtype}.")
            group.forget()

    def after_load(self, module: nn.Module, incompatible) -> None:
        """Name missing tensors as the state dict does."""
        incompatible.missing_keys[:] = map(_original_key, incompatible.missing_keys)


def _original_key(key: str) -> str:
    return re.sub(r"(^|\.)parametrizations\.([^.]+)\.original$", r"\1\2", key)
