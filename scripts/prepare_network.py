"""Check a network's weights and write them, with how to build the architecture, as one safetensors file."""

import argparse
import json

from sparebits.commandline import run
from sparebits.networks import assemble, save_network


def main(arguments: argparse.Namespace) -> None:
    _, stored, header = assemble(json.loads(arguments.network), arguments.folder)
    save_network(stored, header, arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="its entry in the config, as JSON")
    parser.add_argument("--folder", required=True, help="where Python files named by an architecture are looked for")
    parser.add_argument("--output", required=True, help="prepared network to write (.safetensors)")
    run(main, parser)
