"""Measure copies without low mantissa bits, under the same faults as copies of all bits and codes in place."""

import argparse
import json
from pathlib import Path

import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.options import read_plan
from sparebits.campaign.setup import setup_of
from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.studies.replication import COPIES, run_replication

FILES = ("network", "labels", "golden", "engine", "selection", "gentle")
OPTIONS = ("calibration", "limit", "seed", "copies", "dropped", "bers", "trials", "mean", "std", "device")


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    gentle_ber = json.loads(Path(arguments.gentle).read_text(encoding="utf-8"))["ber"]
    files = {name: getattr(arguments, name) for name in FILES}
    options = {name: getattr(arguments, name) for name in OPTIONS}
    journal = Journal(arguments.output, setup_of(__file__, files, options))
    table = run_replication(
        evaluator,
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        indices=other_images(arguments, evaluator, arguments.limit),
        plans=(read_plan(arguments.selection), read_plan(arguments.gentle), gentle_ber),
        copies=arguments.copies,
        dropped=arguments.dropped,
        bers=arguments.bers,
        trials=arguments.trials,
        seed=arguments.seed,
        journal=journal,
    )
    write_table(arguments.output, table)
    journal.finish()


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--gentle", required=True, help="selection_gentle.json")
    parser.add_argument("--copies", type=int, nargs="+", required=True, choices=COPIES, help="in all")
    parser.add_argument("--dropped", type=int, nargs="+", required=True, help="low mantissa bits that copies lack")
    parser.add_argument("--bers", type=float, nargs="+", required=True, help="bit error rates")
    parser.add_argument("--trials", type=int, required=True, help="fault maps at each")
    parser.add_argument("--output", required=True, help="study_replication.csv")
    run(main, parser)
