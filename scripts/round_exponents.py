"""Measure accuracy with every exponent below a floor rounded up to it, for each floor."""

import argparse

import pandas as pd

from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, stage_parser
from sparebits.files import write_table
from sparebits.predictions import write_predictions
from sparebits.stages import measure, rounding_variants


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    golden = pd.read_csv(arguments.golden)["predicted"].to_numpy()
    variants = rounding_variants(evaluator.parameters)
    found = measure(evaluator, variants, golden, evaluator.images.sample(arguments.limit, arguments.seed))
    write_predictions(arguments.predictions, found.ids, found.predictions, found.indices, len(golden))
    write_table(arguments.output, found.table)


if __name__ == "__main__":
    run(main, stage_parser(__doc__))
