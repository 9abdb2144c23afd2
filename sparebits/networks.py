"""Networks: from an entry of the config to one safetensors file, and from that file to a model."""

import json
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sparebits.construction import build_architecture, resolve_arguments
from sparebits.errors import InputError
from sparebits.files import whole_file
from sparebits.parameters import FlatParameters, parameter_tensors
from sparebits.weights import read_weights

HEADER = "sparebits"
"""Key of the safetensors metadata under which a prepared network says how to build its architecture."""


def assemble(network: dict, folder: str) -> tuple[nn.Module, dict[str, torch.Tensor], dict]:
    """Build a network's architecture and put its weights into the dtype that the config asks for.

    Args:
        network: an entry of `networks` in the config, defaults filled in.
        folder: that of the config file.

    Returns:
        the model in its compute dtype, its state dict in the stored dtype (tied tensors once), and its header.

    Raises:
        InputError: if anything about the architecture or the weights is wrong.
    """
    arguments = resolve_arguments(network)
    model = build_architecture(network["architecture"], arguments, folder)
    state = _without_auxiliary_heads(read_weights(network["weights"], network["architecture"]), arguments)
    first_names = _first_names(model)
    state = {first_names.get(name, name): value for name, value in state.items()}
    _check_fit(model, state, network)
    dtype = getattr(torch, network["dtype"])
    for tensor in parameter_tensors(model):
        _check_values(tensor.name, state[tensor.name], dtype, network)
        state[tensor.name] = state[tensor.name].to(dtype)
    stored = {name: value.contiguous() for name, value in state.items()}
    header = {"architecture": network["architecture"], "arguments": arguments, "folder": folder}
    return _with_state(model, stored, dtype), stored, header


def _without_auxiliary_heads(state: dict, arguments: dict) -> dict:
    """Without the heads that GoogLeNet and InceptionV3 have for training only, if they are built without them."""
    if arguments.get("aux_logits") is not False:
        return state
    return {name: value for name, value in state.items() if not name.startswith(("aux1.", "aux2.", "AuxLogits."))}


def _first_names(model: nn.Module) -> dict[str, str]:
    """By every name in the model's state dict the first name of the same tensor; they differ where tensors are tied."""
    first_of = {}
    return {name: first_of.setdefault(id(value), name) for name, value in model.state_dict(keep_vars=True).items()}


def _check_fit(model: nn.Module, state: dict, network: dict) -> None:
    first_names = _first_names(model)
    expected = {n: tuple(value.shape) for n, value in model.state_dict().items() if first_names[n] == n}
    # Counters of training steps are of no use to inference, and old checkpoints lack them.
    missing = [n for n in expected if n not in state and not n.endswith("num_batches_tracked")]
    unknown = [n for n in state if n not in expected]
    misfits = [n for n in expected if n in state and tuple(state[n].shape) != expected[n]]
    lines = [f"{n} {expected[n]} is missing" for n in missing]
    lines += [f"{n} {tuple(state[n].shape)} is unknown to the architecture" for n in unknown]
    lines += [f"{n} is {tuple(state[n].shape)}, expected {expected[n]}" for n in misfits]
    if lines:
        shown = "\n  ".join(lines[:20]) + (f"\n  ... and {len(lines) - 20} more" if len(lines) > 20 else "")
        raise InputError(f"weights {network['weights']} do not fit {network['architecture']}:\n  {shown}")


def _check_values(name: str, value: torch.Tensor, dtype: torch.dtype, network: dict) -> None:
    nans = int(value.isnan().sum())
    if nans:
        raise InputError(
            f"weights {network['weights']}: {nans} of {value.numel()} values of {name} are NaN; train or export anew"
        )
    overflows = int((value.isfinite() & ~value.to(dtype).isfinite()).sum())
    if overflows:
        raise InputError(
            f"weights {network['weights']}: {overflows} values of {name} are too large for "
            f"{network['dtype']}; choose another dtype"
        )


def _with_state(model: nn.Module, stored: dict[str, torch.Tensor], dtype: torch.dtype) -> nn.Module:
    if dtype == torch.float64:
        model = model.double()
    # Copied one by one: load_state_dict would ask for versions of modules, which safetensors files do not keep.
    for name, value in model.state_dict().items():
        if name in stored:
            value.copy_(stored[name])
    return model.eval()


def save_network(stored: dict[str, torch.Tensor], header: dict, path: str | Path) -> None:
    """Write a prepared network: its state dict, and in the metadata how to build the architecture."""
    with whole_file(path) as temporary:
        save_file(stored, temporary, metadata={HEADER: json.dumps(header, sort_keys=True)})


def load_network(path: str | Path, device: str = "cpu") -> FlatParameters:
    """Load a prepared network, ready to compute on `device`."""
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER])
    stored = load_file(path)
    model = build_architecture(header["architecture"], header["arguments"], header["folder"])
    dtype = next(value.dtype for value in stored.values() if value.is_floating_point())
    return FlatParameters(_with_state(model, stored, dtype), stored, device)
