"""Sweep low bits and exponent windows of a network in several formats, and say what each may drop and still needs."""

import argparse

import numpy as np
import pandas as pd

from sparebits.commandline import run
from sparebits.errors import InputError
from sparebits.evaluation_options import evaluation_parser, open_evaluator
from sparebits.files import write_table
from sparebits.formats import FORMATS
from sparebits.studies.conversion import in_format, trained_in
from sparebits.studies.format_growth import LEAST_MANTISSA, choices_of, growth
from sparebits.studies.formats import Swept, sweep_format, sweep_int8


def main(arguments: argparse.Namespace) -> None:
    mantissas = {FORMATS[dtype].mantissa_bits for dtype in arguments.formats}
    if sum(bits >= LEAST_MANTISSA for bits in mantissas) < 2:
        raise InputError(f"--formats needs two formats of different mantissas of {LEAST_MANTISSA} bits or more")
    evaluator = open_evaluator(arguments)
    indices = evaluator.images.sample(arguments.limit, arguments.seed)
    golden = pd.read_csv(arguments.golden)["predicted"].to_numpy()
    reference = golden[indices] == evaluator.images.labels[indices]
    swept, choices = [], []

    def add(one: Swept, of_format, was_hit: np.ndarray) -> None:
        swept.append(one)
        choices.append(choices_of(one, of_format, was_hit, indices, arguments.tolerance_pp, arguments.seed))

    for dtype in arguments.formats:
        short = in_format(evaluator, dtype)
        add(sweep_format(short, "converted", indices), short, reference)
    if arguments.trained:
        other = trained_in(evaluator, arguments.trained)
        own = sweep_format(other, "trained", indices)
        add(own, other, own.golden)
    add(sweep_int8(evaluator, indices), evaluator, reference)
    write_table(arguments.output, pd.concat([one.sweep for one in swept], ignore_index=True))
    table = pd.concat(choices, ignore_index=True)
    write_table(arguments.choices, table)
    write_table(arguments.growth, growth_of(swept, table, arguments))


def growth_of(swept: list[Swept], choices: pd.DataFrame, arguments: argparse.Namespace) -> pd.DataFrame:
    """Growth over the formats that hold the network within the tolerance, or over all; once for each binary64.

    Formats of mantissas below LEAST_MANTISSA are left out: they may have fewer bits than a network needs.
    """
    floats = [one for one in swept if one.exponent_bits and one.mantissa_bits >= LEAST_MANTISSA]
    within = choices[choices["format_drop_pp"] <= arguments.tolerance_pp]
    kept = set(zip(within["format"], within["origin"], strict=True))
    names = [(one.sweep["format"].iloc[0], one.sweep["origin"].iloc[0]) for one in floats]
    every = [one for one, name in zip(floats, names, strict=True) if name[1] == "converted"]
    converted = [one for one, name in zip(floats, names, strict=True) if name in kept and name[1] == "converted"]
    converted = converted if len(converted) > 1 else every
    tables = [growth(converted, arguments.tolerance_pp, arguments.seed)]
    for one, (name, origin) in zip(floats, names, strict=True):
        if origin == "trained":
            others = [other for other in converted if other.sweep["format"].iloc[0] != name]
            tables.append(growth([one, *others], arguments.tolerance_pp, arguments.seed))
    return pd.concat(tables, ignore_index=True).assign(format=" ".join(dict.fromkeys(name for name, _ in names)))


if __name__ == "__main__":
    parser = evaluation_parser(__doc__)
    parser.add_argument("--golden", required=True, help="golden.csv")
    parser.add_argument("--limit", type=int, help="number of images, a seeded sample; all by default")
    parser.add_argument("--seed", type=int, required=True, help="of the sample and of the resampling of images")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop of accuracy")
    parser.add_argument("--formats", nargs="+", required=True, choices=list(FORMATS))
    parser.add_argument("--trained", help="weights of the same architecture trained in a format of their own")
    parser.add_argument("--output", required=True, help="study_formats.csv: the sweeps")
    parser.add_argument("--choices", required=True, help="study_formats_choices.csv")
    parser.add_argument("--growth", required=True, help="study_formats_growth.csv")
    run(main, parser)
