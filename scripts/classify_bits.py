"""Say of each bit of each tensor whether it is invariant, forced, irrelevant or to be protected."""

import argparse

import pandas as pd

from sparebits.bit_classes import classify_bits
from sparebits.choices import thesis_choice
from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.formats import format_named


def main(arguments: argparse.Namespace) -> None:
    tensors, bits = pd.read_csv(arguments.tensors), pd.read_csv(arguments.bits)
    choice = thesis_choice(pd.read_csv(arguments.combined))
    write_table(arguments.output, classify_bits(tensors, bits, choice, format_named(tensors["format"].iloc[0])))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensors", required=True, help="tensors.csv")
    parser.add_argument("--bits", required=True, help="bits.csv")
    parser.add_argument("--combined", required=True, help="combined.csv")
    parser.add_argument("--output", required=True, help="bit_classes.csv")
    run(main, parser)
