"""Predict with ever more low bits altered, for a share of the sweep's variants."""

import argparse

from sparebits.commandline import run
from sparebits.evaluation_options import evaluation_parser, open_evaluator
from sparebits.predictions import write_predictions
from sparebits.stages import lsb_variants, measure_part


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    variants = lsb_variants(evaluator.parameters, arguments.bits, arguments.fill_seed)
    indices = evaluator.images.sample(arguments.limit, arguments.seed)
    ids, predictions = measure_part(evaluator, variants, arguments.part, arguments.parts, indices)
    write_predictions(arguments.predictions, ids, predictions, indices, len(evaluator.images.labels))


if __name__ == "__main__":
    parser = evaluation_parser(__doc__)
    parser.add_argument("--limit", type=int, help="number of images, a seeded sample; all by default")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--bits", type=int, nargs="+", required=True, help="each altered together with all below it")
    parser.add_argument("--fill-seed", type=int, required=True, help="of the random fill")
    parser.add_argument("--part", type=int, required=True, help="which share, from 0")
    parser.add_argument("--parts", type=int, required=True, help="how many shares there are")
    parser.add_argument("--predictions", required=True, help="predicted classes of the share's variants (.npz)")
    run(main, parser)
