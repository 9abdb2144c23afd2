"""The experiment's config: defaults from the schema, and every error that shows without looking at its files."""

import copy
import math
from importlib.util import find_spec
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators

from sparebits.errors import InputError
from sparebits.formats import FORMATS, FloatFormat

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"


def load_config(path: str | Path) -> dict:
    """Read and resolve a config file.

    Raises:
        InputError: if it is no YAML mapping or `resolve_config` finds anything wrong.
    """
    try:
        config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}") from None
    return resolve_config(config)


def resolve_config(config: dict) -> dict:
    """A copy of the config with every default filled in.

    Raises:
        InputError: names the key, what was found, what was expected and what to do.
    """
    if not isinstance(config, dict):
        raise InputError("the config is not a mapping of keys to values")
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    _check_plain(config)
    config = _fill_defaults(copy.deepcopy(config), schema, schema)
    errors = sorted(_Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        raise InputError("config: " + "\nconfig: ".join(_describe(error) for error in errors))
    _check_datasets(config)
    _check_networks(config, "networks", config["networks"])
    _check_networks(config, "studies.networks", config["studies"]["networks"])
    _check_bits(config)
    _check_studies(config)
    return config


def with_study_networks(config: dict) -> dict:
    """The resolved config as if the networks that only the studies compare were among the others."""
    return {**config, "networks": config["networks"] | config["studies"]["networks"]}


def format_of(config: dict, network: str) -> FloatFormat:
    """The format of a network's words."""
    return FORMATS[config["networks"][network]["dtype"]]


def bits_to_sweep(config: dict, network: str) -> list[int]:
    """The bits of the LSB sweep, ascending."""
    bits = config["lsb"]["bits"]
    return list(range(format_of(config, network).width)) if bits == "all" else sorted(bits)


def is_weights_file(weights: str) -> bool:
    """Whether `weights` names a file; otherwise it names a torchvision enum such as ResNet50_Weights.IMAGENET1K_V2."""
    return Path(weights).suffix in {".safetensors", ".pth", ".pt"}


# JSON Schema takes 256.0 for an integer; options of scripts do not.
_Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def _check_plain(value, path: str = "top level") -> None:
    """Only what JSON knows as well: YAML also reads dates, NaN and infinity, which are mostly unquoted text."""
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                raise InputError(f"config: {path}: the key {key!r} is not text; put it into quotes")
            _check_plain(child, key if path == "top level" else f"{path}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _check_plain(child, f"{path}.{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"config: {path}: {value} is not a finite number")
    elif not isinstance(value, str | int | float | None):
        raise InputError(f"config: {path}: {value!r} is a {type(value).__name__}; put it into quotes if text is meant")


def _fill_defaults(value, schema: dict, root: dict):
    schema = _follow(schema, root)
    for option in schema.get("oneOf", []):
        if option.get("type") == "object" and isinstance(value, dict):
            schema = option
    if not isinstance(value, dict):
        return value
    filled = {}
    properties = schema.get("properties", {})
    for key, child in properties.items():
        child = _follow(child, root)
        if key in value or "default" in child:
            filled[key] = _fill_defaults(value.get(key, copy.deepcopy(child.get("default"))), child, root)
    others = schema.get("additionalProperties")
    for key in value:
        if key not in properties:
            filled[key] = _fill_defaults(value[key], others, root) if isinstance(others, dict) else value[key]
    return filled


def _follow(schema: dict, root: dict) -> dict:
    if "$ref" not in schema:
        return schema
    target = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _describe(error) -> str:
    path = ".".join(map(str, error.absolute_path)) or "top level"
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema["properties"]))
        known = ", ".join(error.schema["properties"])
        return f"{path}: unknown key {', '.join(unknown)}; known keys are {known}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{path}: the key {', '.join(missing)} is missing"
    if error.validator == "oneOf":
        candidates = [inner for inner in error.context if inner.validator != "const" and _same_shape(inner, error)]
        if candidates:
            return "; ".join(_describe(inner) for inner in candidates)
    expected = _follow(error.schema, {}).get("description", "") if isinstance(error.schema, dict) else ""
    return f"{path}: {error.message}" + (f" ({expected})" if expected else "")


def _same_shape(inner, outer) -> bool:
    """Whether an alternative failed for what it holds and not for being another type altogether."""
    return inner.validator != "type" or list(inner.absolute_path) != list(outer.absolute_path)


def _check_datasets(config: dict) -> None:
    for name, dataset in config["datasets"].items():
        where = f"config: datasets.{name}"
        kind, path = dataset["kind"], dataset.get("path")
        if kind == "digits":
            unused = sorted({"path", "labels"} & set(dataset))
            if unused:
                raise InputError(f"{where}.{unused[0]}: scikit-learn's digits need none; remove the key")
        elif path is None:
            raise InputError(f"{where}: the key path is missing; kind {kind} needs a folder")
        transform = dataset["transform"]
        if transform != "weights":
            _check_transform(f"{where}.transform", transform)


def _check_transform(where: str, transform: dict) -> None:
    mean, std = transform["mean"], transform["std"]
    if len(mean) != len(std) or len(mean) == 2:
        raise InputError(f"{where}: mean and std have one value each (grey) or three each (RGB); got {mean} and {std}")
    if min(std) <= 0:
        raise InputError(f"{where}.std: {std} must be above 0")


def _check_networks(config: dict, section: str, networks: dict) -> None:
    for name, network in networks.items():
        where = f"config: {section}.{name}"
        if network["dataset"] not in config["datasets"]:
            known = ", ".join(config["datasets"])
            raise InputError(f"{where}.dataset: {network['dataset']} is not among datasets ({known})")
        weights = network["weights"]
        if not is_weights_file(weights) and "_Weights." not in weights:
            raise InputError(
                f"{where}.weights: {weights} is neither a .safetensors, .pth or .pt file nor a torchvision enum "
                "such as ResNet50_Weights.IMAGENET1K_V2"
            )
        _check_module(where, network["architecture"].partition(":")[0])
        if config["datasets"][network["dataset"]]["transform"] == "weights":
            _check_weights_transform(where, network)


def _check_bits(config: dict) -> None:
    for name, network in config["networks"].items():
        width = format_of(config, name).width
        outside = [bit for bit in bits_to_sweep(config, name) if bit >= width]
        if outside:
            raise InputError(
                f"config: lsb.bits: {outside[0]} lies outside the {width}-bit words of networks.{name} "
                f"({network['dtype']}); use 0 to {width - 1}"
            )


def _check_studies(config: dict) -> None:
    studies = config["studies"]
    again = sorted(set(config["networks"]) & set(studies["networks"]))
    if again:
        raise InputError(f"config: studies.networks.{again[0]}: networks has one of this name; choose another name")
    sizes = studies["batch_sizes"]
    for key, size in [("images", sizes["images"]), *(("compared", size) for size in sizes["compared"])]:
        if size & (size - 1):
            raise InputError(f"config: studies.batch_sizes.{key}: {size} is no power of two")
    if max(sizes["compared"]) > sizes["images"]:
        raise InputError(
            f"config: studies.batch_sizes.compared: batches of {max(sizes['compared'])} images are more than the "
            f"{sizes['images']} of studies.batch_sizes.images"
        )
    for name, weights in studies["formats"]["trained"].items():
        where = f"config: studies.formats.trained.{name}"
        if name not in config["networks"]:
            raise InputError(f"{where}: {name} is not among networks ({', '.join(config['networks'])})")
        if not Path(weights).is_file():
            raise InputError(f"{where}: there is no file {weights}")


def _check_module(where: str, source: str) -> None:
    if source in ("torchvision", "timm") and find_spec(source) is None:
        raise InputError(f"{where}.architecture: the package {source} is not installed")


def _check_weights_transform(where: str, network: dict) -> None:
    if not network["architecture"].startswith("torchvision:"):
        raise InputError(
            f"{where}: its data set has `transform: weights`, which only torchvision's weights know; "
            "write the transform out for this network's data set"
        )
