"""Measure what codes over single 16-bit words, and over several together, hold of a network in 16-bit formats."""

import argparse

from sparebits.campaign.journal import Journal
from sparebits.campaign.setup import setup_of
from sparebits.commandline import run
from sparebits.evaluation_options import calibration_images, open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.studies.short_words import SCHEMES, Settings, run_short_words

FORMATS = ("float16", "bfloat16")
FILES = ("network", "labels", "engine")
OPTIONS = ("calibration", "limit", "seed", "formats", "schemes", "bers", "trials", "mean", "std", "device")


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    files = {name: getattr(arguments, name) for name in FILES}
    options = {name: getattr(arguments, name) for name in OPTIONS}
    journal = Journal(arguments.output, setup_of(__file__, files, options))
    settings = Settings(tuple(arguments.schemes), tuple(arguments.bers), arguments.trials, arguments.seed)
    table = run_short_words(
        evaluator,
        arguments.formats,
        calibration_images(arguments, evaluator, arguments.limit),
        other_images(arguments, evaluator, arguments.limit),
        settings,
        journal,
    )
    write_table(arguments.output, table)
    journal.finish()


if __name__ == "__main__":
    parser = protection_parser(__doc__)
    parser.add_argument("--formats", nargs="+", required=True, choices=FORMATS)
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), choices=SCHEMES)
    parser.add_argument("--bers", type=float, nargs="+", required=True, help="bit error rates")
    parser.add_argument("--trials", type=int, required=True, help="fault maps at each")
    parser.add_argument("--output", required=True, help="study_formats_protection.csv")
    run(main, parser)
