"""Find the fastest way of running a network that predicts the same as plain torch."""

import argparse

from sparebits.commandline import run
from sparebits.engine.choice import write_engine
from sparebits.engine.decision import PLAIN, decide
from sparebits.evaluation_options import image_parser, open_evaluator


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments, PLAIN)
    images = len(evaluator.images.labels)
    evaluations = arguments.variants * min(arguments.limit or images, images)
    write_engine(arguments.output, decide(evaluator, evaluations, arguments.batch_size, arguments.memory_mb))


if __name__ == "__main__":
    parser = image_parser(__doc__)
    parser.add_argument("--variants", type=int, required=True, help="runs of the network in the longest stage")
    parser.add_argument("--limit", type=int, help="images of that stage; all by default")
    parser.add_argument("--batch-size", type=int, help="images an inference; measured by default")
    parser.add_argument("--memory-mb", type=int, required=True, help="for the results of a batch")
    parser.add_argument("--output", required=True, help="engine.json")
    run(main, parser)
