"""Measure accuracy as ever more low bits are altered, in all parameters and in each kind."""

import argparse

import pandas as pd

from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, stage_parser
from sparebits.files import write_table
from sparebits.predictions import write_predictions
from sparebits.stages import lsb_variants, measure


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    golden = pd.read_csv(arguments.golden)["predicted"].to_numpy()
    variants = lsb_variants(evaluator.parameters, arguments.bits, arguments.fill_seed)
    found = measure(evaluator, variants, golden, evaluator.images.sample(arguments.limit, arguments.seed))
    write_predictions(arguments.predictions, found.ids, found.predictions, found.indices, len(golden))
    write_table(arguments.output, found.table)


if __name__ == "__main__":
    parser = stage_parser(__doc__)
    parser.add_argument("--bits", type=int, nargs="+", required=True, help="each altered together with all below it")
    parser.add_argument("--fill-seed", type=int, required=True, help="of the random fill")
    run(main, parser)
