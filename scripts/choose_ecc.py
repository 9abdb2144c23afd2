"""Count data and spare bits, and size the thesis' codes, by group of tensors."""

import argparse

import pandas as pd

from sparebits.bit_classes import choose_ecc
from sparebits.choices import thesis_choice
from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.formats import format_named


def main(arguments: argparse.Namespace) -> None:
    tensors = pd.read_csv(arguments.tensors)
    choice = thesis_choice(pd.read_csv(arguments.combined))
    write_table(arguments.output, choose_ecc(tensors, choice, format_named(tensors["format"].iloc[0])))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensors", required=True, help="tensors.csv")
    parser.add_argument("--combined", required=True, help="combined.csv")
    parser.add_argument("--output", required=True, help="ecc.csv")
    run(main, parser)
