"""Find out, before any work, whether every network, its weights and its images go together."""

import argparse
import json
import sys
from pathlib import Path

from sparebits.checks import check_images, check_network
from sparebits.errors import InputError
from sparebits.transforms import geometry_of


def main(arguments: argparse.Namespace) -> None:
    config = json.loads(arguments.config)
    problems = []
    unprepared = set()
    for network, entry in config["networks"].items():
        try:
            check_network(config, network, arguments.folder)
            folder = Path(arguments.images) / entry["dataset"] / geometry_of(config, network).slug
            if not (folder / "images.npy").exists():
                unprepared.add(entry["dataset"])
        except InputError as error:
            problems.append(f"networks.{network}: {error}")
    for dataset in sorted(unprepared):
        try:
            check_images(config, dataset)
        except InputError as error:
            problems.append(f"datasets.{dataset}: {error}")
    if problems:
        sys.exit("error: " + "\nerror: ".join(problems))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the resolved config, as JSON")
    parser.add_argument("--folder", required=True, help="where Python files named by an architecture are looked for")
    parser.add_argument("--images", required=True, help="folder of prepared images; what is there was decoded before")
    main(parser.parse_args())
