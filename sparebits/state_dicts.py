"""State dicts in local files, as safetensors or torch writes them."""

import pickle
from pathlib import Path

import torch
from safetensors.torch import load_file

from sparebits.errors import InputError


def read_state_dict(path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a .safetensors file or a torch pickle, out of a `state_dict` wrapper if there is one.

    Pickles are read with `weights_only=True`.

    Raises:
        InputError: if the file is missing, truncated or not a state dict.
    """
    return unwrap(_read_file(Path(path)), path)


def unwrap(content, origin: str | Path) -> dict[str, torch.Tensor]:
    """The state dict in what was read from `origin`: itself, or under its key `state_dict`.

    Raises:
        InputError: there is none.
    """
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise InputError(f"{origin} holds no state dict (tensors by name), nor one under the key state_dict")
    return content


def _read_file(path: Path) -> dict:
    if not path.is_file():
        raise InputError(f"{path}: the weights file does not exist")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} holds more than weights or is damaged, it is not unpickled: {reason}") from None
    except Exception as error:  # damaged files make the readers fail in many ways
        raise InputError(f"{path} cannot be read as weights; it may be truncated: {error}") from None
