"""Measure rounding and LSB alteration together: the thesis' pair, and the pair that frees most bits."""

import argparse

import pandas as pd

from sparebits.bit_classes import network_free_bits
from sparebits.choices import Choice, find_depth, find_floor
from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, stage_parser
from sparebits.files import write_table
from sparebits.predictions import write_predictions
from sparebits.stages import measure_combined


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    fmt, tolerance_pp = evaluator.parameters.fmt, arguments.tolerance_pp
    golden = pd.read_csv(arguments.golden)["predicted"].to_numpy()
    choice = Choice(
        floor=find_floor(pd.read_csv(arguments.rounding), tolerance_pp),
        depth=find_depth(pd.read_csv(arguments.lsb), fmt, tolerance_pp),
    )
    free_bits = network_free_bits(pd.read_csv(arguments.tensors), fmt)
    indices = evaluator.images.sample(arguments.limit, arguments.seed)
    found = measure_combined(evaluator, choice, free_bits, golden, indices, tolerance_pp)
    write_predictions(arguments.predictions, found.ids, found.predictions, found.indices, len(golden))
    write_table(arguments.output, found.table)


if __name__ == "__main__":
    parser = stage_parser(__doc__)
    parser.add_argument("--lsb", required=True, help="lsb.csv")
    parser.add_argument("--rounding", required=True, help="rounding.csv")
    parser.add_argument("--tensors", required=True, help="tensors.csv")
    parser.add_argument("--tolerance-pp", type=float, required=True)
    run(main, parser)
