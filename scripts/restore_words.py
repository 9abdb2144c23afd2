"""Measure what codes over many words restore of a network, beside a code of single words and a published scheme."""

import argparse

import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.options import add_campaign_options, campaign_setup, read_settings
from sparebits.campaign.restoration import compared_schemes, run_restoration
from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.outcomes import best_published


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    rival = best_published(pd.read_csv(arguments.campaign))
    own = {"claim_trials": arguments.claim_trials, "rival": rival}
    journal = Journal(arguments.output, campaign_setup(__file__, arguments, own))
    settings = read_settings(arguments, evaluator, clips=rival is not None and "range restriction" in rival)
    table = run_restoration(
        evaluator,
        schemes=list(compared_schemes(evaluator.parameters, settings, rival)),
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        indices=other_images(arguments, evaluator, arguments.limit),
        bers=arguments.bers,
        trials=arguments.trials,
        claim_trials=arguments.claim_trials,
        seed=arguments.seed,
        journal=journal,
    )
    write_table(arguments.output, table)
    journal.finish()


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    add_campaign_options(parser)
    parser.add_argument("--campaign", required=True, help="campaign.csv, for the best published scheme")
    parser.add_argument("--claim-trials", type=int, required=True, help="of a mode at the rate it is meant for")
    run(main, parser)
