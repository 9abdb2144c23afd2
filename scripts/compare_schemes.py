"""Compare the chosen scheme with the others, trial by trial under the same fault maps."""

import argparse

import pandas as pd

from sparebits.campaign.held import independent_flips
from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.statistics.scheme_comparison import compare_schemes


def main(arguments: argparse.Namespace) -> None:
    campaign = independent_flips(pd.read_csv(arguments.campaign))
    table = compare_schemes(campaign, "chosen", arguments.seed)
    write_table(arguments.output, table.assign(format=campaign["format"].iloc[0]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="campaign.csv")
    parser.add_argument("--seed", type=int, required=True, help="of the resampling")
    parser.add_argument("--output", required=True, help="comparison.csv")
    run(main, parser)
