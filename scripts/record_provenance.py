"""Record what made the results: resolved config, hashes of inputs, versions, threads and seed."""

import argparse
import json

import yaml

from sparebits.commandline import run
from sparebits.files import write_text
from sparebits.provenance import provenance


def main(arguments: argparse.Namespace) -> None:
    config = json.loads(arguments.config)
    record = provenance(config, arguments.inputs, arguments.threads)
    write_text(arguments.params, yaml.safe_dump(config, sort_keys=False))
    write_text(arguments.provenance, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the resolved config, as JSON")
    parser.add_argument("--inputs", nargs="+", required=True, help="files to hash")
    parser.add_argument("--threads", type=int, required=True, help="of an evaluating job")
    parser.add_argument("--params", required=True, help="params.yaml: the resolved config")
    parser.add_argument("--provenance", required=True, help="provenance.json")
    run(main, parser)
