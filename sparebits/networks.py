"""Networks: from an entry of the config to one safetensors file, and from that file to a model."""

import importlib
import json
import pickle
import sys
import urllib.error
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sparebits.config import is_weights_file
from sparebits.errors import InputError
from sparebits.files import whole_file
from sparebits.parameters import FlatParameters, parameter_tensors

HEADER = "sparebits"
"""Key of the safetensors metadata under which a prepared network says how to build its architecture."""


# --- architectures ---------------------------------------------------------------------------------------------------


def build_architecture(architecture: str, arguments: dict, folder: str) -> nn.Module:
    """Build an untrained model in evaluation mode.

    Args:
        architecture: "torchvision:NAME", "timm:NAME" or "module:callable".
        arguments: keyword arguments of the callable.
        folder: where a Python file named as `module` is looked for first (that of the config file).

    Raises:
        InputError: if there is no such architecture, or it does not take the arguments.
    """
    source, _, name = architecture.partition(":")
    builder = _BUILDERS.get(source, _user_callable)(source, name, folder)
    try:
        model = builder(**arguments)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"architecture {architecture} cannot be built with arguments {arguments}: {error}") from None
    if not isinstance(model, nn.Module):
        raise InputError(f"architecture {architecture} gives a {type(model).__name__}, not a torch.nn.Module")
    return model.eval()


def _torchvision_builder(source: str, name: str, folder: str):
    from torchvision import models

    if name not in _torchvision_models():
        raise InputError(f"architecture torchvision:{name} is unknown{_nearest(name, _torchvision_models())}")
    return models.get_model_builder(name)


def _torchvision_models() -> list[str]:
    from torchvision import models

    return models.list_models(module=models)


def _timm_builder(source: str, name: str, folder: str):
    import timm

    if not timm.is_model(name):
        raise InputError(f"architecture timm:{name} is unknown{_nearest(name, timm.list_models())}")
    return lambda **arguments: timm.create_model(name, **{"pretrained": False, **arguments})


def _user_callable(source: str, name: str, folder: str):
    importlib.invalidate_caches()
    sys.path.insert(0, str(Path(folder).resolve()))
    try:
        module = importlib.import_module(source)
    except Exception as error:
        raise InputError(
            f"architecture {source}:{name}: {source} cannot be imported, also not from {folder}: {error}"
        ) from None
    finally:
        sys.path.pop(0)
    builder = getattr(module, name, None)
    if not callable(builder):
        raise InputError(f"architecture {source}:{name}: {module.__file__} has no callable {name}")
    return builder


_BUILDERS = {"torchvision": _torchvision_builder, "timm": _timm_builder}


def _nearest(name: str, names: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def published_arguments(architecture: str, enum) -> dict:
    """Construction arguments that torchvision's published weights were trained with.

    GoogLeNet and InceptionV3 rescale their input themselves (`transform_input`); without it they run, but wrongly.
    GoogLeNet's auxiliary heads are dropped as torchvision does it; InceptionV3 keeps its head.
    """
    arguments = {"num_classes": len(enum.meta["categories"])}
    if architecture == "torchvision:googlenet":
        arguments |= {"transform_input": True, "aux_logits": False, "init_weights": False}
    if architecture == "torchvision:inception_v3":
        arguments |= {"transform_input": True, "aux_logits": True, "init_weights": False}
    return arguments


# --- weights ---------------------------------------------------------------------------------------------------------


def weights_enum(weights: str, architecture: str):
    """The torchvision enum that `weights` names or, for a local file, that is published under its file name; else None.

    Raises:
        InputError: if `weights` is neither a file name nor an enum.
    """
    from torchvision import models

    if not is_weights_file(weights):
        try:
            return models.get_weight(weights)
        except (ValueError, AttributeError, KeyError):
            raise InputError(
                f"weights {weights} are neither a .safetensors, .pth or .pt file nor a torchvision enum "
                "such as ResNet50_Weights.IMAGENET1K_V2"
            ) from None
    source, _, name = architecture.partition(":")
    if source != "torchvision" or name not in _torchvision_models():
        return None
    published = models.get_model_weights(name)
    return next((enum for enum in published if Path(enum.url).stem == Path(weights).stem), None)


def resolve_arguments(network: dict) -> dict:
    """The construction arguments of a network: those of its torchvision weights, overridden by the config's own.

    Raises:
        InputError: for a GoogLeNet or InceptionV3 whose weights do not tell whether to set `transform_input`.
    """
    architecture, arguments = network["architecture"], network["arguments"]
    enum = weights_enum(network["weights"], architecture)
    if enum is not None:
        return published_arguments(architecture, enum) | arguments
    if architecture in ("torchvision:googlenet", "torchvision:inception_v3"):
        missing = {"transform_input", "aux_logits"} - set(arguments)
        if missing:
            raise InputError(
                f"{architecture} with weights {network['weights']}: the file name is none that torchvision publishes, "
                f"so say in `arguments` what its training used for {' and '.join(sorted(missing))} (torchvision's own "
                "weights: transform_input: true)"
            )
    return arguments


def read_weights(weights: str, architecture: str) -> dict[str, torch.Tensor]:
    """Read a state dict from a file or, by its enum, from torchvision's cache or server.

    A `state_dict` wrapper and a `module.` prefix are taken off. Pickles are read with `weights_only=True`.

    Raises:
        InputError: if the file is missing, truncated or not a state dict, or a download fails.
    """
    if is_weights_file(weights):
        state = _read_weights_file(Path(weights))
    else:
        state = _download(weights_enum(weights, architecture))
    state = _unwrap(state, weights)
    if architecture == "torchvision:googlenet":
        state = {name: value for name, value in state.items() if not name.startswith(("aux1.", "aux2."))}
    return state


def _read_weights_file(path: Path) -> dict:
    if not path.is_file():
        raise InputError(f"{path}: the weights file does not exist")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} holds more than weights or is damaged, it is not unpickled: {reason}") from None
    except (safetensors.SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read as weights; it may be truncated: {error}") from None


def _download(enum) -> dict:
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(enum.url).name
    try:
        return enum.get_state_dict(progress=False, check_hash=True)
    except (urllib.error.URLError, OSError) as error:
        raise InputError(
            f"weights {enum} cannot be downloaded ({error}). Connect to a network, put the file at {file}, "
            f"or give the path of a local {file.name} as weights"
        ) from None
    except RuntimeError as error:
        raise InputError(f"{file}: {error}. Remove the file, so that it is downloaded again") from None


def _unwrap(state, weights: str) -> dict[str, torch.Tensor]:
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(f"{weights} holds no state dict (tensors by name), nor one under the key state_dict")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return state


# --- prepared networks -----------------------------------------------------------------------------------------------


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
    state = read_weights(network["weights"], network["architecture"])
    _check_fit(model, state, network)
    dtype = getattr(torch, network["dtype"])
    stored = {}
    names = {tensor.name for tensor in parameter_tensors(model)}
    for name, value in state.items():
        if name in names:
            _check_values(name, value, dtype, network)
            value = value.to(dtype)
        elif value.is_floating_point():
            continue  # the second name of a tied tensor
        stored[name] = value.contiguous()
    header = {"architecture": network["architecture"], "arguments": arguments, "folder": folder}
    return _with_state(model, stored, dtype), stored, header


def _check_fit(model: nn.Module, state: dict, network: dict) -> None:
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
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
    model.load_state_dict(stored, strict=False)
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
