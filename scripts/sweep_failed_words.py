"""Measure what code words beyond repair cost, by role, policy and fraction."""

import argparse

import pandas as pd

from sparebits.commandline import run
from sparebits.evaluation_options import calibration_images, open_evaluator, protection_parser
from sparebits.files import write_table
from sparebits.selection.failed_words import failed_word_variants
from sparebits.selection.layout_stage import roles_of
from sparebits.selection.losses import measure_losses


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    parameters = evaluator.parameters
    variants = [
        variant
        for role in roles_of(parameters.tensors)
        for variant in failed_word_variants(parameters, role, arguments.ber, arguments.seed)
    ]
    golden = pd.read_csv(arguments.golden)["predicted"].to_numpy()
    calibration = calibration_images(arguments, evaluator, arguments.limit)
    write_table(arguments.output, measure_losses(evaluator, variants, golden, calibration))


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--ber", type=float, required=True, help="bit error rate that posterior means assume")
    parser.add_argument("--output", required=True, help="failed_words.csv")
    run(main, parser)
