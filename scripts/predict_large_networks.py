"""Predict what protection does for networks of millions of values, by exact probabilities and measured costs."""

import argparse
from pathlib import Path

import pandas as pd

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.large_networks import predict, words_of_architecture

ARCHITECTURES = ("torchvision:mobilenet_v3_small", "torchvision:resnet50")
"""Of 2.6 and 25.6 million values."""


def main(arguments: argparse.Namespace) -> None:
    costs = [pd.read_csv(Path(arguments.results) / network / "failed_words.csv") for network in arguments.networks]
    tables = [
        predict(architecture.partition(":")[2], words_of_architecture(architecture), arguments.bers, costs)
        for architecture in ARCHITECTURES
    ]
    write_table(arguments.output, pd.concat(tables, ignore_index=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder with a folder of tables for each network")
    parser.add_argument("--networks", nargs="+", required=True, help="those whose costs were measured")
    parser.add_argument("--bers", type=float, nargs="+", required=True, help="bit error rates")
    parser.add_argument("--output", required=True, help="large_networks.csv")
    run(main, parser)
