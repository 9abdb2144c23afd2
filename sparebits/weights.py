"""The weights that a config names, from a local file or as torchvision publishes them."""

import re
from pathlib import Path

import torch

from sparebits.config import is_weights_file
from sparebits.downloads import download
from sparebits.errors import InputError
from sparebits.state_dicts import read_state_dict, unwrap


def torchvision_models() -> list[str]:
    """Names of torchvision's image classification models."""
    from torchvision import models

    return models.list_models(module=models)


def weights_enum(weights: str, architecture: str):
    """The torchvision enum that `weights` names or, for a local file, that is published under its file name; else None.

    Raises:
        InputError: if `weights` is neither a file name nor an enum.
    """
    source, _, name = architecture.partition(":")
    if is_weights_file(weights) and source != "torchvision":
        return None
    from torchvision import models

    if not is_weights_file(weights):
        try:
            return models.get_weight(weights)
        except (ValueError, AttributeError, KeyError):
            raise InputError(
                f"weights {weights} are neither a .safetensors, .pth or .pt file nor a torchvision enum "
                "such as ResNet50_Weights.IMAGENET1K_V2"
            ) from None
    if name not in torchvision_models():
        return None
    published = models.get_model_weights(name)
    return next((enum for enum in published if Path(enum.url).stem == Path(weights).stem), None)


def read_weights(weights: str, architecture: str) -> dict[str, torch.Tensor]:
    """Read a state dict from a file or, by its enum, from torchvision's cache or server.

    A `state_dict` wrapper and a `module.` prefix are taken off. Pickles are read with `weights_only=True`.

    Raises:
        InputError: if the file is missing, truncated or not a state dict, or a download fails.
    """
    state = read_state_dict(weights) if is_weights_file(weights) else _published(weights_enum(weights, architecture))
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    if architecture.startswith("torchvision:densenet"):
        # Published before torch forbade dots in the names of modules; torchvision renames likewise.
        state = {_DENSENET_NAME.sub(r"\1\2", name): value for name, value in state.items()}
    return state


def cached_file(enum) -> Path:
    """Where torch keeps the weights of a torchvision enum once they are downloaded."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(enum.url).name


def where_to_put(enum) -> str:
    """What to do with the weights of an enum where nothing can be downloaded, as the end of a sentence."""
    file = cached_file(enum)
    return f"put the file at {file}, or give the path of a local {file.name} as weights"


_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")


def _published(enum) -> dict:
    """The state dict of a torchvision enum, from the cache or, into it, from the server."""
    file = cached_file(enum)
    if file.is_file():
        return read_state_dict(file)
    with download(f"weights {enum}", where_to_put(enum)):
        state = enum.get_state_dict(progress=False, check_hash=True)
    return unwrap(state, str(enum))
