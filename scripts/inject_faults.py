"""Measure the chosen scheme, the thesis' and the unprotected network under the same fault maps."""

import argparse
import json

import pandas as pd

from sparebits.campaign import run_campaign
from sparebits.choices import thesis_choice
from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.protection.plan import plan_from_dict


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    with open(arguments.selection, encoding="utf-8") as file:
        plan = plan_from_dict(json.load(file)["plan"])
    table = run_campaign(
        evaluator,
        plan=plan,
        thesis=thesis_choice(pd.read_csv(arguments.combined)),
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        indices=other_images(arguments, evaluator, arguments.limit),
        bers=arguments.bers,
        trials=arguments.trials,
        seed=arguments.seed,
    )
    write_table(arguments.output, table)


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--combined", required=True, help="combined.csv, for the thesis' choice")
    parser.add_argument("--bers", type=float, nargs="+", required=True, help="bit error rates")
    parser.add_argument("--trials", type=int, required=True, help="fault maps at each")
    parser.add_argument("--output", required=True, help="campaign.csv")
    run(main, parser)
