"""Look for what does not agree in the thesis' tables, and count its architectures again; no weights, no images."""

import argparse

from sparebits.commandline import run
from sparebits.files import write_table, write_text
from sparebits.published.architectures import architectures_listing, compare_architectures
from sparebits.published.audit import audit, listing
from sparebits.published.tables import read_published


def main(arguments: argparse.Namespace) -> None:
    published = read_published(arguments.reference)
    findings, looked_at = audit(published)
    architectures = compare_architectures(published)
    write_table(arguments.findings, findings)
    write_table(arguments.architectures, architectures)
    write_text(arguments.listing, listing(findings, looked_at) + "\n" + architectures_listing(architectures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", required=True, help="folder of the published tables")
    parser.add_argument("--findings", required=True, help="audit.csv")
    parser.add_argument("--architectures", required=True, help="architectures.csv")
    parser.add_argument("--listing", required=True, help="both for readers (.txt)")
    run(main, parser)
