"""Count the zeros and ones of each bit, by kind."""

import argparse

from sparebits.census import bit_census
from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.networks import load_network


def main(arguments: argparse.Namespace) -> None:
    write_table(arguments.output, bit_census(load_network(arguments.network)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--output", required=True, help="bits.csv")
    run(main, parser)
