"""Count the exponent fields by kind, and find the group of each tensor."""

import argparse

from sparebits.census import exponent_census, tensor_census
from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.networks import load_network


def main(arguments: argparse.Namespace) -> None:
    parameters = load_network(arguments.network)
    write_table(arguments.exponents, exponent_census(parameters))
    write_table(arguments.tensors, tensor_census(parameters))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--exponents", required=True, help="exponents.csv")
    parser.add_argument("--tensors", required=True, help="tensors.csv")
    run(main, parser)
