"""Write a network's checkpoint with its words stored by the chosen scheme."""

import argparse
import json
from pathlib import Path

from sparebits.commandline import run
from sparebits.protection.checkpoint import read_checkpoint, write_protected
from sparebits.protection.encoding import protect_words
from sparebits.protection.plan import plan_from_dict
from sparebits.protection.prepared import fit_to_file


def main(arguments: argparse.Namespace) -> None:
    plan = plan_from_dict(json.loads(Path(arguments.selection).read_text(encoding="utf-8"))["plan"])
    checkpoint = read_checkpoint(arguments.network)
    fitted = fit_to_file(plan, arguments.network, checkpoint)
    stored = protect_words(fitted.scheme, fitted.words, fitted.tensors)
    write_protected(arguments.output, checkpoint.file, fitted.scheme, fitted.tensors, stored)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="prepared network (.safetensors)")
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--output", required=True, help="protected checkpoint to write (.safetensors)")
    run(main, parser)
