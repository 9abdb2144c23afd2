"""Inject faults into the unprotected network, one at a time, and say what each does."""

import argparse
import json

import pandas as pd

from sparebits.campaign.injections import injection_from_dict
from sparebits.campaign.journal import Journal
from sparebits.campaign.setup import setup_of
from sparebits.campaign.single_faults import run_single_faults
from sparebits.commandline import run
from sparebits.evaluation_options import evaluation_parser, open_evaluator
from sparebits.files import write_table


def main(arguments: argparse.Namespace) -> None:
    entries = json.loads(arguments.injections)
    injections = [injection_from_dict(name, entry) for name, entry in entries.items()]
    evaluator = open_evaluator(arguments)
    files = {name: getattr(arguments, name) for name in ("network", "labels", "golden", "engine")}
    options = {name: getattr(arguments, name) for name in ("limit", "seed", "tolerance_pp", "mean", "std", "device")}
    journal = Journal(arguments.output, setup_of(__file__, files, {**options, "injections": entries}))
    table = run_single_faults(
        evaluator,
        injections,
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        indices=evaluator.images.sample(arguments.limit, arguments.seed),
        tolerance_pp=arguments.tolerance_pp,
        memory_mb=arguments.memory_mb,
        seed=arguments.seed,
        journal=journal,
    )
    write_table(arguments.output, table)
    journal.finish()


if __name__ == "__main__":
    parser = evaluation_parser(__doc__)
    parser.add_argument("--golden", required=True, help="golden.csv")
    parser.add_argument("--limit", type=int, help="number of images, a seeded sample; all by default")
    parser.add_argument("--seed", type=int, required=True, help="of faults and of the sample")
    parser.add_argument("--injections", required=True, help="faults.injections of the config, as JSON")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop that is not critical")
    parser.add_argument("--memory-mb", type=int, required=True, help="for golden results of a batch")
    parser.add_argument("--output", required=True, help="faults.csv")
    run(main, parser)
