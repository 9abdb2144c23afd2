"""Attack every scheme by chosen bit flips, and measure how many bring the network to chance."""

import argparse

import pandas as pd

from sparebits.attack.attacks import run_attacks
from sparebits.campaign.journal import Journal
from sparebits.campaign.options import FILES, read_settings
from sparebits.campaign.setup import setup_of
from sparebits.commandline import run
from sparebits.evaluation_options import calibration_images, open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.schemes.registry import build_schemes

OPTIONS = ("calibration", "limit", "seed", "seeds", "flips", "mean", "std", "device")


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    files = {name: getattr(arguments, name) for name in FILES}
    journal = Journal(arguments.output, setup_of(__file__, files, {name: getattr(arguments, name) for name in OPTIONS}))
    table = run_attacks(
        evaluator,
        schemes=build_schemes(evaluator.parameters, read_settings(arguments, evaluator)),
        attack_indices=calibration_images(arguments, evaluator),
        indices=other_images(arguments, evaluator, arguments.limit),
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        seeds=[arguments.seed + number for number in range(arguments.seeds)],
        most_flips=arguments.flips,
        journal=journal,
    )
    write_table(arguments.output, table)
    journal.finish()


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--gentle", required=True, help="selection_gentle.json")
    parser.add_argument("--combined", required=True, help="combined.csv, for the thesis' choice")
    parser.add_argument("--seeds", type=int, required=True, help="attackers, each with images of its own")
    parser.add_argument("--flips", type=int, required=True, help="budget of an attack")
    parser.add_argument("--output", required=True, help="attack.csv")
    run(main, parser)
