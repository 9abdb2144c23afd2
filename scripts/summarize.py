"""Write the few figures by which experiments are compared."""

import argparse
import json
from pathlib import Path

from sparebits.commandline import run
from sparebits.files import write_table, write_text
from sparebits.summary import campaign_table, network_metrics, sweep_table


def main(arguments: argparse.Namespace) -> None:
    folders = {network: Path(arguments.results) / network for network in arguments.networks}
    metrics = {network: network_metrics(folder) for network, folder in folders.items()}
    write_text(arguments.metrics, json.dumps(metrics, indent=2) + "\n")
    write_table(arguments.sweeps, sweep_table(folders))
    write_table(arguments.campaign, campaign_table(folders))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder with a folder of tables for each network")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--metrics", required=True, help="metrics.json")
    parser.add_argument("--sweeps", required=True, help="sweeps.csv")
    parser.add_argument("--campaign", required=True, help="campaign.csv")
    run(main, parser)
