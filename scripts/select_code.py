"""Choose layouts and codes: a shortlist by expected loss, the finalists measured, the best taken."""

import argparse
import json

import pandas as pd

from sparebits.choices import thesis_choice
from sparebits.commandline import run
from sparebits.evaluation_options import calibration_images, open_evaluator, other_images, protection_parser
from sparebits.files import write_table, write_text
from sparebits.selection.expected_loss import role_options
from sparebits.selection.selection import select


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    calibration = calibration_images(arguments, evaluator, arguments.limit)
    common = {
        "options": role_options(pd.read_csv(arguments.layouts), pd.read_csv(arguments.failed_words)),
        "thesis": thesis_choice(pd.read_csv(arguments.combined)),
        "golden": pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        "calibration": calibration,
        "others": other_images(arguments, evaluator),
        "trials": arguments.trials,
        "seed": arguments.seed,
    }
    selected = select(evaluator, ber=arguments.ber, tolerance_pp=arguments.tolerance_pp, **common)
    write_table(arguments.finalists, selected.finalists)
    write_table(arguments.frontier, selected.frontier)
    write_text(arguments.selection, json.dumps(selected.description, indent=2) + "\n")
    gentle = select(
        evaluator, ber=arguments.gentle_ber, tolerance_pp=arguments.gentle_tolerance_pp, gentle=True, **common
    )
    write_text(arguments.gentle, json.dumps(gentle.description, indent=2) + "\n")


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--layouts", required=True, help="layouts.csv")
    parser.add_argument("--failed-words", required=True, help="failed_words.csv")
    parser.add_argument("--combined", required=True, help="combined.csv, for the thesis' choice")
    parser.add_argument("--ber", type=float, required=True, help="bit error rate that the choice is made for")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop without faults")
    parser.add_argument("--trials", type=int, required=True, help="fault maps for each finalist")
    parser.add_argument("--gentle-ber", type=float, required=True, help="a low rate that a second choice is made for")
    parser.add_argument("--gentle-tolerance-pp", type=float, required=True, help="its largest drop without faults")
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--gentle", required=True, help="selection_gentle.json, the second choice")
    parser.add_argument("--finalists", required=True, help="finalists.csv, their trials")
    parser.add_argument("--frontier", required=True, help="frontier.csv")
    run(main, parser)
