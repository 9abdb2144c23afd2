"""A small campaign of the studies of single faults, and the same with outcomes that follow a rule."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sparebits.campaign.single_faults import run_single_faults
from sparebits.engine.activations import ActivationRuns
from sparebits.evaluation import Evaluator
from sparebits.studies.fault_plan import FaultCounts, planned_injections, with_values

IMAGES = 40


def run_campaign(evaluator: Evaluator, golden: np.ndarray, counts: FaultCounts) -> pd.DataFrame:
    """study_faults.csv of a network."""
    runs, parameters = ActivationRuns(evaluator), evaluator.parameters
    injections = planned_injections(parameters.tensors, parameters.fmt, runs.regions, runs.fmt, counts)
    faults = run_single_faults(evaluator, injections, golden, np.arange(IMAGES), 1.2, 64, seed=1)
    return with_values(faults, parameters.tensors, runs.regions)


def tensors_table(evaluator: Evaluator) -> pd.DataFrame:
    """tensors.csv of a network, as far as the studies read it."""
    return pd.DataFrame(
        [
            {"tensor": tensor.name, "kind": tensor.kind, "layer_type": tensor.layer_type, "values": tensor.values}
            for tensor in evaluator.parameters.tensors
        ]
    ).assign(format=evaluator.parameters.fmt.name)


def by_rule(trials: pd.DataFrame, probability: Callable[[pd.DataFrame], pd.Series], seed: int = 1) -> pd.DataFrame:
    """The trials with other outcomes: each changes a fifth of its images, at least one, with its own probability."""
    failed = np.random.default_rng(seed).random(len(trials)) < probability(trials).to_numpy(dtype=float)
    changed = np.where(failed, np.maximum(trials["images"] // 5, 1), 0)
    return trials.assign(changed=changed, nans=0, lost=changed, gained=0, drop_pp=100 * changed / trials["images"])
