"""Ask whether the mini-batch size changes how often flipped bits make inference fail."""

import argparse
from pathlib import Path

from sparebits.campaign.journal import Journal
from sparebits.campaign.setup import setup_of
from sparebits.commandline import run
from sparebits.evaluation import Evaluator
from sparebits.evaluation_options import evaluation_parser, open_evaluator
from sparebits.faults.targets import Target
from sparebits.files import write_table
from sparebits.studies.altered_images import study_images
from sparebits.studies.batch_runs import batch_sizes_up_to
from sparebits.studies.batch_sizes import batch_size_table, groups_of, trend_table
from sparebits.studies.failure_matrix import draw_bit_faults, measure_failures
from sparebits.studies.held_faults import fault_table, run_at_all_sizes


def main(arguments: argparse.Namespace) -> None:
    batch_sizes_up_to(arguments.study_images)
    evaluator = open_evaluator(arguments)
    parameters = evaluator.parameters
    seed = arguments.seed
    files = {name: getattr(arguments, name) for name in ("network", "labels", "engine")}
    options = {name: getattr(arguments, name) for name in ("mean", "std", "device", "seed", "study_images")}
    counts = {"faults": arguments.faults, "mantissa_faults": arguments.mantissa_faults}
    journal = Journal(arguments.output, setup_of(__file__, files, {**options, **counts}))
    faults = draw_bit_faults(parameters, Target(), **counts, seed=seed)
    with study_images(evaluator.images, arguments.study_images, seed, Path(arguments.output).parent) as study:
        evaluator = Evaluator(parameters, study.images, evaluator.engine, arguments.device)
        golden = evaluator.predict(parameters.golden, study.indices)
        matrix = measure_failures(evaluator, faults, study, golden, arguments.memory_mb, journal)
        held = run_at_all_sizes(evaluator, faults, study, golden, matrix, max(arguments.compared), arguments.compared)
        table, drawn = batch_size_table(groups_of(faults, matrix), matrix, arguments.runs, seed, len(parameters.golden))
        tables = {
            "": table.assign(altered=study.altered),
            "_faults": fault_table(evaluator, faults, matrix, seed),
            "_held": held.assign(seed=seed),
            "_trend": trend_table(table, drawn, arguments.compared),
        }
    output = Path(arguments.output)
    for name, table in tables.items():
        write_table(output.with_name(f"{output.stem}{name}.csv"), table.assign(format=parameters.fmt.name))
    journal.finish()


if __name__ == "__main__":
    parser = evaluation_parser(__doc__)
    parser.add_argument("--study-images", type=int, required=True, help="how many, a power of two")
    parser.add_argument("--faults", type=int, required=True, help="at the sign and at each bit of the exponent")
    parser.add_argument("--mantissa-faults", type=int, required=True, help="at each bit of the mantissa")
    parser.add_argument("--compared", type=int, nargs="+", required=True, help="batch sizes that the notes tried")
    parser.add_argument("--runs", type=int, required=True, help="with redrawn faults, of each bit and batch size")
    parser.add_argument("--seed", type=int, required=True, help="of faults, alterations, order and runs")
    parser.add_argument("--memory-mb", type=int, required=True, help="for golden results of a batch")
    parser.add_argument("--output", required=True, help="study_batch_sizes.csv; others beside it")
    run(main, parser)
