"""Lay a network's results beside the thesis' tables of it."""

import argparse
import json
from pathlib import Path

import pandas as pd

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.published.comparison import compare_network, verdicts
from sparebits.published.networks import published_weights
from sparebits.published.tables import read_published


def main(arguments: argparse.Namespace) -> None:
    network = json.loads(arguments.network)
    rows = compare_network(
        published=read_published(arguments.reference),
        architecture=network["architecture"].partition(":")[2],
        weights=published_weights(network),
        tables={Path(table).stem: pd.read_csv(table) for table in arguments.tables},
        dataset=arguments.dataset,
        transform=json.loads(arguments.transform),
    )
    write_table(arguments.output, rows)
    print(verdicts(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", required=True, help="folder of the published tables")
    parser.add_argument("--network", required=True, help="the network's entry in the config, as JSON")
    parser.add_argument("--tables", nargs="+", required=True, help="results of the network (.csv)")
    parser.add_argument("--dataset", required=True, help="kind of its data set")
    parser.add_argument("--transform", required=True, help="of its images, as JSON")
    parser.add_argument("--output", required=True, help="published.csv")
    run(main, parser)
