"""Ask how many inferences transient neuron faults and persistent weight faults make wrong until these are repaired."""

import argparse
from pathlib import Path

import pandas as pd

from sparebits.commandline import run
from sparebits.evaluation_options import evaluation_parser, open_evaluator
from sparebits.files import write_table
from sparebits.scenarios import read_rates
from sparebits.studies.activation_memory import activation_memory
from sparebits.studies.persistence import Exposure, break_even_table, fault_shares, rate_table, scenarios_of


def main(arguments: argparse.Namespace) -> None:
    shares = fault_shares(pd.read_csv(arguments.faults))
    scenarios = scenarios_of(read_rates(Path(arguments.rates)), arguments.mixed)
    tensors = pd.read_csv(arguments.tensors)
    evaluator = open_evaluator(arguments)
    fmt = evaluator.parameters.fmt
    memory = activation_memory(evaluator)
    if memory.reason:
        print(f"no layout with one buffer: {memory.reason}", flush=True)
    bits = int(tensors["values"].sum()) * fmt.width
    exposure = Exposure(bits, memory, arguments.duty, arguments.inferences_per_second)
    tables = {
        "": rate_table(shares, scenarios, exposure, arguments.scrub_intervals),
        "_break_even": break_even_table(shares, scenarios, exposure, arguments.seed),
    }
    output = Path(arguments.output)
    for name, table in tables.items():
        write_table(output.with_name(f"{output.stem}{name}.csv"), table.assign(format=fmt.name))


if __name__ == "__main__":
    parser = evaluation_parser(__doc__)
    parser.add_argument("--faults", required=True, help="faults.csv")
    parser.add_argument("--tensors", required=True, help="tensors.csv")
    parser.add_argument("--rates", required=True, help="published fault rates, reference/fault_rates.csv")
    parser.add_argument(
        "--mixed", nargs=2, action="append", default=[], metavar="SCENARIO", help="weights, activations"
    )
    parser.add_argument("--scrub-intervals", type=int, nargs="+", required=True, help="inferences between scrubs")
    parser.add_argument("--inferences-per-second", type=float, required=True, help="to say what time they take")
    parser.add_argument("--duty", type=float, required=True, help="share of the time in which inferences run")
    parser.add_argument("--seed", type=int, required=True, help="of the bootstrap")
    parser.add_argument("--output", required=True, help="study_persistence.csv; another beside it")
    run(main, parser)
