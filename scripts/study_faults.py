"""Inject the faults that the studies of layers, positions and neurons share, and make the same changes elsewhere."""

import argparse
import json
from dataclasses import asdict

import numpy as np
import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.setup import setup_of
from sparebits.campaign.single_faults import run_single_faults
from sparebits.commandline import run
from sparebits.engine.activations import ActivationRuns
from sparebits.evaluation_options import evaluation_parser, open_evaluator
from sparebits.files import write_table
from sparebits.studies.fault_plan import POSITION, counts_from_dict, faults_for, planned_injections, with_values
from sparebits.studies.value_changes import CHOSEN, SAME, chosen_changes, run_changes, same_changes


def main(arguments: argparse.Namespace) -> None:
    counts = counts_from_dict(json.loads(arguments.counts))
    evaluator = open_evaluator(arguments)
    activations, parameters = ActivationRuns(evaluator), evaluator.parameters
    injections = planned_injections(parameters.tensors, parameters.fmt, activations.regions, activations.fmt, counts)
    files = {name: getattr(arguments, name) for name in ("network", "labels", "golden", "engine")}
    options = {name: getattr(arguments, name) for name in ("limit", "seed", "tolerance_pp", "mean", "std", "device")}
    journal = Journal(arguments.output, setup_of(__file__, files, {**options, **asdict(counts)}))
    golden = pd.read_csv(arguments.golden)["predicted"].to_numpy()
    indices = evaluator.images.sample(arguments.limit, arguments.seed)
    faults = run_single_faults(
        evaluator,
        injections,
        golden=golden,
        indices=indices,
        tolerance_pp=arguments.tolerance_pp,
        memory_mb=arguments.memory_mb,
        seed=arguments.seed,
        journal=journal,
    )
    flips = faults_for(faults, POSITION)
    flips = flips[flips["bit"] >= parameters.fmt.mantissa_bits]
    random = np.random.default_rng(arguments.seed)
    plans = {SAME: same_changes(parameters, flips, random), CHOSEN: chosen_changes(parameters, counts.changes, random)}
    plan = pd.concat([part.assign(source=source) for source, part in plans.items()], ignore_index=True)
    changes = run_changes(evaluator, plan, golden, indices, arguments.memory_mb).assign(seed=arguments.seed)
    write_table(arguments.changes, changes)
    write_table(arguments.output, with_values(faults, parameters.tensors, activations.regions))
    journal.finish()


if __name__ == "__main__":
    parser = evaluation_parser(__doc__)
    parser.add_argument("--golden", required=True, help="golden.csv")
    parser.add_argument("--limit", type=int, help="number of images, a seeded sample; all by default")
    parser.add_argument("--seed", type=int, required=True, help="of faults and of the sample")
    parser.add_argument("--tolerance-pp", type=float, required=True, help="largest drop that is not critical")
    parser.add_argument("--memory-mb", type=int, required=True, help="for golden results of a batch")
    parser.add_argument("--counts", default="{}", help="faults of each place, see FaultCounts, as JSON")
    parser.add_argument("--changes", required=True, help="study_changes.csv")
    parser.add_argument("--output", required=True, help="study_faults.csv")
    run(main, parser)
