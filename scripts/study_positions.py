"""Is it the bit that is hit, or the size of the change, that decides whether a fault of a parameter does harm?"""

import argparse

import numpy as np
import pandas as pd

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.networks import load_network
from sparebits.studies.activation_functions import activation_of
from sparebits.studies.fault_plan import POSITION, faults_for
from sparebits.studies.positions import position_curves, position_rates, position_tests, sized
from sparebits.studies.value_changes import tensor_sizes


def main(arguments: argparse.Namespace) -> None:
    parameters = load_network(arguments.network)
    fmt, units = parameters.fmt, tensor_sizes(parameters)
    flips, changes = (
        sized(trials, units, arguments.tolerance_pp)
        for trials in (faults_for(pd.read_csv(arguments.faults), POSITION), pd.read_csv(arguments.changes))
    )
    random = np.random.default_rng(arguments.seed)
    about = {
        "architecture": type(parameters.model).__name__,
        "activation": activation_of(parameters.model),
        "seed": arguments.seed,
        "format": fmt.name,
    }
    rates = position_rates(flips, changes, fmt, random)
    write_table(arguments.curves, position_curves(flips, changes, random).assign(**about))
    write_table(arguments.tests, position_tests(flips, changes, fmt).assign(**about))
    write_table(arguments.output, rates.assign(**about))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--faults", required=True, help="study_faults.csv")
    parser.add_argument("--changes", required=True, help="study_changes.csv")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop that is not critical")
    parser.add_argument("--seed", type=int, required=True, help="of the bootstrap")
    parser.add_argument("--curves", required=True, help="study_positions_curves.csv")
    parser.add_argument("--tests", required=True, help="study_positions_tests.csv")
    parser.add_argument("--output", required=True, help="study_positions.csv")
    run(main, parser)
