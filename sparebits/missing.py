"""What a config names and is not there: all of it told at once, before anything is read or downloaded."""

from collections.abc import Iterable
from pathlib import Path

from sparebits.config import is_weights_file
from sparebits.datasets import DOWNLOADS
from sparebits.downloads import unreachable
from sparebits.errors import InputError
from sparebits.weights import cached_file, weights_enum, where_to_put


def missing_inputs(config: dict, networks: Iterable[str], datasets: Iterable[str]) -> list[str]:
    """A sentence for each file or folder that is not there and cannot be downloaded either.

    Args:
        config: resolved.
        networks: entries whose weights are needed.
        datasets: entries whose images are needed.
    """
    problems = [_missing_weights(name, config["networks"][name]) for name in networks]
    problems += [_missing_images(name, config["datasets"][name]) for name in datasets]
    return [problem for problem in problems if problem]


def _missing_weights(name: str, network: dict) -> str | None:
    where, weights = f"networks.{name}.weights", network["weights"]
    if is_weights_file(weights):
        return None if Path(weights).is_file() else f"{where}: there is no file {weights}"
    try:
        enum = weights_enum(weights, network["architecture"])
    except InputError as error:
        return f"{where}: {error}"
    reason = None if cached_file(enum).is_file() else unreachable(enum.url)
    return reason and (
        f"{where}: {weights} cannot be downloaded ({reason}). Connect to a network, or {where_to_put(enum)}"
    )


def _missing_images(name: str, dataset: dict) -> str | None:
    kind, path, labels = dataset["kind"], Path(dataset.get("path", ".")), dataset.get("labels")
    if kind in DOWNLOADS:
        source = DOWNLOADS[kind]
        reason = None if source.is_in(path) else unreachable(source.url())
        return reason and (
            f"datasets.{name}: {source.title} is not in {path} and cannot be downloaded ({reason}). Connect to a "
            f"network, or {source.remedy.format(path=path)}"
        )
    if kind == "digits":
        return None
    problems = []
    if not path.is_dir():
        problems.append(f"datasets.{name}.path: there is no folder {path}; put {_contents(kind, labels)} there")
    elif not any(path.iterdir()):
        problems.append(f"datasets.{name}.path: the folder {path} is empty; put {_contents(kind, labels)} there")
    if labels and not Path(labels).is_file():
        problems.append(f"datasets.{name}.labels: there is no file {labels}; put {_LABELS[kind]} there")
    return "\n".join(problems) or None


_LABELS = {
    "imagenet": "a line for each image, in their order, with anything, a semicolon and the class index",
    "image_folder": "a CSV with the columns file and label",
}


def _contents(kind: str, labels: str | None) -> str:
    """What the folder of a data set should hold."""
    if kind == "image_folder":
        return "the images" if labels else "a folder of images a class"
    if labels:
        return "ImageNet's validation images (ILSVRC2012_val_00000001.JPEG, ...)"
    return "ImageNet's validation images, a folder for each WordNet id (n01440764, ...)"
