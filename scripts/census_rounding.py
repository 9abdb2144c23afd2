"""Count what rounding to each floor would modify, and the exponent bits that the largest exponent leaves free."""

import argparse

from sparebits.bit_classes import free_bits_table
from sparebits.census import rounding_census, tensor_census
from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.networks import load_network


def main(arguments: argparse.Namespace) -> None:
    parameters = load_network(arguments.network)
    write_table(arguments.modified, rounding_census(parameters))
    write_table(arguments.free_bits, free_bits_table(tensor_census(parameters), parameters.fmt))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--modified", required=True, help="modified.csv")
    parser.add_argument("--free-bits", required=True, help="free_bits.csv")
    run(main, parser)
