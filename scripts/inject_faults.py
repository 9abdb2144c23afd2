"""Measure the chosen scheme, the thesis' and the unprotected network under the same faults."""

import argparse
import json

import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.schemes import fault_from_dict, run_campaign
from sparebits.campaign.setup import setup_of
from sparebits.choices import thesis_choice
from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.protection.plan import plan_from_dict


def main(arguments: argparse.Namespace) -> None:
    entries = json.loads(arguments.faults)
    faults = [fault_from_dict(entry) for entry in entries]
    evaluator = open_evaluator(arguments)
    with open(arguments.selection, encoding="utf-8") as file:
        plan = plan_from_dict(json.load(file)["plan"])
    files = {
        name: getattr(arguments, name) for name in ("network", "labels", "golden", "engine", "selection", "combined")
    }
    names = ("calibration", "limit", "seed", "bers", "trials", "mean", "std", "device")
    options = {name: getattr(arguments, name) for name in names}
    journal = Journal(arguments.output, setup_of(__file__, files, {**options, "faults": entries}))
    table = run_campaign(
        evaluator,
        plan=plan,
        thesis=thesis_choice(pd.read_csv(arguments.combined)),
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        indices=other_images(arguments, evaluator, arguments.limit),
        bers=arguments.bers,
        trials=arguments.trials,
        seed=arguments.seed,
        journal=journal,
        faults=faults,
    )
    write_table(arguments.output, table)
    journal.finish()


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--combined", required=True, help="combined.csv, for the thesis' choice")
    parser.add_argument("--bers", type=float, nargs="+", required=True, help="bit error rates")
    parser.add_argument("--faults", default="[]", help="campaign.faults of the config, as JSON")
    parser.add_argument("--trials", type=int, required=True, help="fault maps at each")
    parser.add_argument("--output", required=True, help="campaign.csv")
    run(main, parser)
