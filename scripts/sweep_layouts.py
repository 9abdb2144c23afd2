"""Measure what each word layout costs without faults, role by role."""

import argparse

import pandas as pd

from sparebits.commandline import run
from sparebits.evaluation_options import calibration_images, open_evaluator, protection_parser
from sparebits.files import write_table
from sparebits.protection.windows import batchnorm_eps, windows_of, words_of_window
from sparebits.selection.layout_stage import layout_variants, roles_of
from sparebits.selection.losses import measure_losses
from sparebits.selection.options import layout_options


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    parameters = evaluator.parameters
    windows = windows_of(parameters)
    options = [
        option
        for role in roles_of(parameters.tensors)
        for option in layout_options(role, parameters.fmt, windows if role == "weights" else ("tensor",))
    ]
    words = {window: words_of_window(window, parameters) for window in windows}
    variants = layout_variants(parameters, options, words, batchnorm_eps(parameters.model))
    golden = pd.read_csv(arguments.golden)["predicted"].to_numpy()
    calibration = calibration_images(arguments, evaluator, arguments.limit)
    write_table(arguments.output, measure_losses(evaluator, variants, golden, calibration))


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--output", required=True, help="layouts.csv")
    run(main, parser)
