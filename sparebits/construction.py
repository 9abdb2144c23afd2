"""Models without weights: torchvision's and timm's architectures, and the user's own."""

import importlib
import sys
from pathlib import Path

from torch import nn

from sparebits.errors import InputError, nearest
from sparebits.weights import torchvision_models, weights_enum


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

    if name not in torchvision_models():
        raise InputError(f"architecture torchvision:{name} is unknown{nearest(name, torchvision_models())}")
    return models.get_model_builder(name)


def _timm_builder(source: str, name: str, folder: str):
    import timm

    if not timm.is_model(name):
        raise InputError(f"architecture timm:{name} is unknown{nearest(name, timm.list_models())}")
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


def published_arguments(architecture: str, enum) -> dict:
    """Construction arguments that torchvision's published weights were trained with.

    GoogLeNet and InceptionV3 rescale their input themselves (`transform_input`); without it they run, but wrongly.
    GoogLeNet's auxiliary heads are dropped as torchvision does it; InceptionV3 keeps its head.
    """
    arguments = {"num_classes": len(enum.meta["categories"])}
    if architecture.startswith("torchvision:vit_") and "min_size" in enum.meta:
        arguments |= {"image_size": enum.meta["min_size"][0]}
    if architecture == "torchvision:googlenet":
        arguments |= {"transform_input": True, "aux_logits": False, "init_weights": False}
    if architecture == "torchvision:inception_v3":
        arguments |= {"transform_input": True, "aux_logits": True, "init_weights": False}
    return arguments


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
