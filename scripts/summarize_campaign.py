"""Write the full campaigns of all networks in one small table."""

import argparse
from pathlib import Path

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.summary import campaign_table


def main(arguments: argparse.Namespace) -> None:
    folders = {network: Path(arguments.results) / network for network in arguments.networks}
    write_table(arguments.output, campaign_table(folders, "campaign_full"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder with a folder of tables for each network")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--output", required=True, help="campaign_full.csv")
    run(main, parser)
