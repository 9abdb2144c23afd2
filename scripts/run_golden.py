"""Predict every image with the untouched network."""

import argparse

import numpy as np
import pandas as pd

from sparebits.commandline import run
from sparebits.evaluation import Variant, predict_variants
from sparebits.evaluation_options import evaluation_parser, open_evaluator
from sparebits.files import write_table
from sparebits.predictions import write_predictions


def main(arguments: argparse.Namespace) -> None:
    evaluator = open_evaluator(arguments)
    parameters, images = evaluator.parameters, evaluator.images
    indices = np.arange(len(images.labels))
    predicted = predict_variants(evaluator, [Variant("golden", {}, lambda: parameters.golden)], indices)
    table = pd.DataFrame(
        {
            "image_id": images.ids,
            "predicted": predicted[0],
            "label": images.labels,
            "hit": (predicted[0] == images.labels).astype(int),
            "format": parameters.fmt.name,
        }
    )
    write_predictions(arguments.predictions, ["golden"], predicted, indices, len(indices))
    write_table(arguments.output, table)


if __name__ == "__main__":
    parser = evaluation_parser(__doc__)
    parser.add_argument("--predictions", required=True, help="predicted classes (.npz)")
    parser.add_argument("--output", required=True, help="golden.csv")
    run(main, parser)
