"""Count what each scheme costs: memory, gates of every read, operations of dirty words."""

import argparse

import numpy as np
import pandas as pd

from sparebits.campaign.options import read_plan
from sparebits.choices import thesis_choice
from sparebits.commandline import run
from sparebits.costs.schemes import cost_table
from sparebits.files import write_table
from sparebits.networks import load_network
from sparebits.schemes.clipping import clippable_modules
from sparebits.schemes.registry import Settings, build_schemes


def main(arguments: argparse.Namespace) -> None:
    parameters = load_network(arguments.network, "cpu")
    settings = Settings(
        plan=read_plan(arguments.selection),
        choice=thesis_choice(pd.read_csv(arguments.combined)),
        gentle=read_plan(arguments.gentle),
        # What the bounds are does not matter here, only that they are stored.
        bounds=np.zeros((len(clippable_modules(parameters.model)), 2)),
    )
    table = cost_table(list(build_schemes(parameters, settings)), parameters.tensors, arguments.ber)
    write_table(arguments.output, table.assign(format=parameters.fmt.name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--gentle", required=True, help="selection_gentle.json")
    parser.add_argument("--combined", required=True, help="combined.csv, for the thesis' choice")
    parser.add_argument("--ber", type=float, required=True, help="bit error rate of the expected operations")
    parser.add_argument("--output", required=True, help="costs.csv")
    run(main, parser)
