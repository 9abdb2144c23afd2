"""Put the answers to the research notes' questions onto one page that opens offline, and into a small table."""

import argparse

from sparebits.commandline import run
from sparebits.report.studies.page import build_studies


def main(arguments: argparse.Namespace) -> None:
    build_studies(
        arguments.results,
        arguments.networks,
        arguments.further,
        tolerance_pp=arguments.tolerance_pp,
        template=arguments.template,
        captions=arguments.captions,
        report=arguments.report,
        figures=arguments.figures,
        answers=arguments.answers,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder with a folder of tables for each network")
    parser.add_argument("--networks", nargs="+", required=True, help="in the order of the page")
    parser.add_argument("--further", nargs="*", default=[], help="networks that only activations are compared over")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop accepted, percentage points")
    parser.add_argument("--template", required=True, help="the page's Jinja template")
    parser.add_argument("--captions", nargs="+", required=True, help="texts of the sections (.txt)")
    parser.add_argument("--report", required=True, help="the page (.html)")
    parser.add_argument("--figures", required=True, help="folder for the figures (.svg)")
    parser.add_argument("--answers", required=True, help="the answers as a table (.csv)")
    run(main, parser)
