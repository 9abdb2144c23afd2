"""Put the results of all networks into one page that opens offline, and its figures into a folder."""

import argparse

from sparebits.commandline import run
from sparebits.report.many_words.measurements import read_measurements
from sparebits.report.page import build_report
from sparebits.report.published import read_comparisons
from sparebits.report.results import read_results


def main(arguments: argparse.Namespace) -> None:
    build_report(
        results=[read_results(arguments.results, network, arguments.extent) for network in arguments.networks],
        measured=read_measurements(arguments.block_failures, arguments.inner_words, arguments.scrub_times),
        tolerance_pp=arguments.tolerance_pp,
        title=arguments.title,
        template=arguments.template,
        captions=arguments.captions,
        report=arguments.report,
        figures=arguments.figures,
        comparisons=read_comparisons(arguments.published),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder with a folder of tables for each network")
    parser.add_argument("--extent", default="", help="of the campaign: nothing, or _full")
    parser.add_argument("--networks", nargs="+", required=True, help="in the order of the report")
    parser.add_argument("--block-failures", required=True, help="block_failures.csv")
    parser.add_argument("--inner-words", required=True, help="inner_words.csv")
    parser.add_argument("--scrub-times", required=True, help="what benchmarks/scrub.py measured once")
    parser.add_argument("--published", nargs="*", default=[], help="published.csv of the networks that are the thesis'")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop accepted, percentage points")
    parser.add_argument("--title", default="Spare bits", help="of the page")
    parser.add_argument("--template", required=True, help="the page's Jinja template")
    parser.add_argument("--captions", nargs="+", required=True, help="texts of the sections (.txt)")
    parser.add_argument("--report", required=True, help="the page (.html)")
    parser.add_argument("--figures", required=True, help="folder for the figures (.svg)")
    run(main, parser)
