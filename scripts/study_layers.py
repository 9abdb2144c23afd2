"""Is a layer type, or a place in the network, more fragile than others under one flipped bit?"""

import argparse

import pandas as pd

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.formats import format_named
from sparebits.studies.layers import compare_layers, layer_rates


def main(arguments: argparse.Namespace) -> None:
    faults, tensors = pd.read_csv(arguments.faults), pd.read_csv(arguments.tensors)
    fmt = format_named(tensors["format"].iloc[0])
    write_table(arguments.comparisons, compare_layers(faults, tensors, fmt, arguments.tolerance_pp))
    write_table(arguments.output, layer_rates(faults, tensors, fmt, arguments.tolerance_pp, arguments.seed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", required=True, help="study_faults.csv")
    parser.add_argument("--tensors", required=True, help="tensors.csv")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop that is not critical")
    parser.add_argument("--seed", type=int, required=True, help="of the bootstrap")
    parser.add_argument("--comparisons", required=True, help="study_layers_comparisons.csv")
    parser.add_argument("--output", required=True, help="study_layers.csv")
    run(main, parser)
