"""Decode, resize and crop the images of a data set once."""

import argparse
import json

from sparebits.commandline import run
from sparebits.datasets import open_dataset
from sparebits.images import prepare_images, write_labels
from sparebits.transforms import Geometry


def main(arguments: argparse.Namespace) -> None:
    images = open_dataset(arguments.name, json.loads(arguments.dataset), arguments.seed)
    write_labels(images, arguments.labels)
    geometry = Geometry.from_slug(arguments.geometry)
    prepare_images(images, geometry, arguments.images, arguments.threads, source=arguments.dataset)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="of the data set in the config")
    parser.add_argument("--dataset", required=True, help="its entry in the config, as JSON")
    parser.add_argument("--seed", type=int, required=True, help="of the sample if there is a limit")
    parser.add_argument("--geometry", required=True, help="resizing and cropping, as in the output's folder name")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--images", required=True, help="array of pixels to write (.npy)")
    parser.add_argument("--labels", required=True, help="labels to write (.csv)")
    run(main, parser)
