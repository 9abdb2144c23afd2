"""Find out, before any work, whether every network, its weights and its images go together."""

import argparse
import json
import sys

from sparebits.checks import check_network
from sparebits.errors import InputError


def main(arguments: argparse.Namespace) -> None:
    config = json.loads(arguments.config)
    problems = []
    for network in config["networks"]:
        try:
            check_network(config, network, arguments.folder)
        except InputError as error:
            problems.append(f"networks.{network}: {error}")
    if problems:
        sys.exit("error: " + "\nerror: ".join(dict.fromkeys(problems)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the resolved config, as JSON")
    parser.add_argument("--folder", required=True, help="where Python files named by an architecture are looked for")
    main(parser.parse_args())
