"""Put the predictions of all stages of a network into one file."""

import argparse

from sparebits.commandline import run
from sparebits.predictions import gather_predictions


def main(arguments: argparse.Namespace) -> None:
    gather_predictions(arguments.parts, arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", required=True, help="predictions of each stage (.npz)")
    parser.add_argument("--output", required=True, help="predictions.npz")
    run(main, parser)
