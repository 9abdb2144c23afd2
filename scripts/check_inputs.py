"""Find out, before any work, whether all that the jobs to come need is there and goes together."""

import argparse
import json
import sys
from pathlib import Path

from sparebits.checks import check_device, check_images, check_network
from sparebits.datasets import open_dataset
from sparebits.errors import InputError
from sparebits.evaluation import PreparedImages
from sparebits.missing import missing_inputs
from sparebits.transforms import geometry_of, transform_of


def main(arguments: argparse.Namespace) -> None:
    config = json.loads(arguments.config)
    problems = missing_inputs(config, arguments.networks, arguments.datasets)
    if arguments.evaluated and not arguments.elsewhere:
        problems += problem_of("", check_device, config["evaluation"]["device"])
    if not problems:
        problems = misfits(config, arguments)
    if problems:
        sys.exit("error: " + "\nerror: ".join("\n".join(problems).splitlines()))


def misfits(config: dict, arguments: argparse.Namespace) -> list[str]:
    """What is there and does not go together."""
    problems, images = [], {}
    for name in arguments.datasets:
        try:
            images[name] = open_dataset(name, config["datasets"][name], config["seed"])
        except InputError as error:
            problems.append(str(error))
    for network in arguments.networks:
        dataset = config["networks"][network]["dataset"]
        if network not in arguments.evaluated or (dataset in arguments.datasets and dataset not in images):
            found = None
        else:
            found = images.get(dataset) or prepared(config, network, Path(arguments.images))
        problems += problem_of(f"networks.{network}: ", check_network, config, network, arguments.folder, found)
    for name, found in images.items():
        problems += problem_of(f"datasets.{name}: ", check_images, found)
    return problems


def prepared(config: dict, network: str, folder: Path) -> PreparedImages:
    """A network's images as an earlier run prepared them."""
    transform = transform_of(config, network)
    folder = folder / config["networks"][network]["dataset"] / geometry_of(config, network).slug
    return PreparedImages.open(folder / "images.npy", folder / "labels.csv", transform["mean"], transform["std"])


def problem_of(where: str, check, *arguments) -> list[str]:
    try:
        check(*arguments)
    except InputError as error:
        return [f"{where}{error}"]
    return []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the resolved config, as JSON")
    parser.add_argument("--folder", required=True, help="where Python files named by an architecture are looked for")
    parser.add_argument("--images", required=True, help="folder of prepared images")
    parser.add_argument("--networks", nargs="*", default=[], help="those with jobs to come")
    parser.add_argument("--evaluated", nargs="*", default=[], help="those that will run over images")
    parser.add_argument("--datasets", nargs="*", default=[], help="those whose images will be prepared")
    parser.add_argument("--elsewhere", action="store_true", help="jobs run on machines with devices of their own")
    main(parser.parse_args())
