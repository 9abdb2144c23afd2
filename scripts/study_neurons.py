"""Is a fault in a neuron worse than one in a weight, and where in the network is it worst?"""

import argparse

import pandas as pd

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.studies.neurons import compare_places, neuron_rates


def main(arguments: argparse.Namespace) -> None:
    faults = pd.read_csv(arguments.faults)
    write_table(arguments.comparisons, compare_places(faults, arguments.seed))
    write_table(arguments.output, neuron_rates(faults, arguments.seed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", required=True, help="study_faults.csv")
    parser.add_argument("--seed", type=int, required=True, help="of the bootstrap and of permutations")
    parser.add_argument("--comparisons", required=True, help="study_neurons_comparisons.csv")
    parser.add_argument("--output", required=True, help="study_neurons.csv")
    run(main, parser)
