"""Measure what layout, code and policy each contribute, under the same faults as the campaign."""

import argparse

import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.options import add_campaign_options, campaign_setup, read_settings
from sparebits.campaign.schemes import run_campaign
from sparebits.commandline import run
from sparebits.evaluation_options import open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.schemes.ablation import ablation_schemes


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    journal = Journal(arguments.output, campaign_setup(__file__, arguments, {}))
    schemes = dict(ablation_schemes(evaluator.parameters, read_settings(arguments, evaluator, clips=False)))
    table = run_campaign(
        evaluator,
        schemes=list(schemes.values()),
        golden=pd.read_csv(arguments.golden)["predicted"].to_numpy(),
        indices=other_images(arguments, evaluator, arguments.limit),
        bers=arguments.bers,
        trials=arguments.trials,
        claim_trials=arguments.trials,
        seed=arguments.seed,
        journal=journal,
    )
    parts = pd.DataFrame(
        [{"scheme": part.name, **{f"{key}_part": value for key, value in part._asdict().items()}} for part in schemes]
    )
    write_table(arguments.output, table.merge(parts, on="scheme"))
    journal.finish()


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    add_campaign_options(parser)
    run(main, parser)
