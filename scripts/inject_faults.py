"""Measure all schemes under the same faults: ours, the published ones, and the unprotected network."""

import argparse
import json

import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.options import add_campaign_options, campaign_setup, read_settings
from sparebits.campaign.schemes import fault_from_dict, run_campaign
from sparebits.campaign.word_counts import word_counts
from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.schemes.registry import build_schemes


def main(arguments: argparse.Namespace) -> None:
    entries = json.loads(arguments.faults)
    faults = [fault_from_dict(entry) for entry in entries]
    evaluator = open_evaluator(arguments)
    own = {"faults": entries, "claim_trials": arguments.claim_trials, "every_policy": arguments.every_policy}
    own["gentle_ber"] = arguments.gentle_ber
    journal = Journal(arguments.output, campaign_setup(__file__, arguments, own))
    settings = read_settings(arguments, evaluator)
    schemes = list(build_schemes(evaluator.parameters, settings, arguments.every_policy))
    table = run_campaign(
        evaluator,
        schemes=schemes,
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        indices=other_images(arguments, evaluator, arguments.limit),
        bers=arguments.bers,
        trials=arguments.trials,
        claim_trials=arguments.claim_trials,
        seed=arguments.seed,
        journal=journal,
        faults=faults,
        gentle_ber=arguments.gentle_ber,
    )
    write_table(arguments.word_counts, word_counts(table, schemes))
    write_table(arguments.output, table)
    journal.finish()


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    add_campaign_options(parser)
    parser.add_argument("--faults", default="[]", help="further faults, as JSON")
    parser.add_argument("--claim-trials", type=int, required=True, help="of the chosen scheme and its best rival")
    parser.add_argument("--gentle-ber", type=float, required=True, help="that the gentle scheme was chosen for")
    parser.add_argument("--word-counts", required=True, help="word_counts.csv: what became of code words")
    parser.add_argument("--every-policy", action="store_true", help="schemes that detect also with the other policies")
    run(main, parser)
