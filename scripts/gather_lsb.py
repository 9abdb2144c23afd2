"""Put the shares of a sweep of low bits together, into the table and predictions that one job would have written."""

import argparse

import pandas as pd

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.networks import load_network
from sparebits.predictions import read_predictions, write_predictions
from sparebits.stages import lsb_variants, tabulate


def main(arguments: argparse.Namespace) -> None:
    parameters = load_network(arguments.network)
    golden = pd.read_csv(arguments.golden)
    ids, predictions, indices = read_predictions(arguments.parts)
    variants = {variant.id: variant for variant in lsb_variants(parameters, arguments.bits, arguments.fill_seed)}
    predicted, labels = golden["predicted"].to_numpy(), golden["label"].to_numpy()
    found = tabulate([variants[name] for name in ids], predictions, predicted, labels, indices, parameters.fmt)
    write_predictions(arguments.predictions, ids, predictions, indices, len(golden))
    write_table(arguments.output, found.table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--golden", required=True, help="golden.csv")
    parser.add_argument("--parts", nargs="+", required=True, help="predictions of the shares, in their order (.npz)")
    parser.add_argument("--bits", type=int, nargs="+", required=True, help="those of the sweep")
    parser.add_argument("--fill-seed", type=int, required=True, help="of the random fill")
    parser.add_argument("--predictions", required=True, help="predicted classes of every variant (.npz)")
    parser.add_argument("--output", required=True, help="lsb.csv")
    run(main, parser)
