"""The selection of a network's scheme: shortlist, finalists measured, choice, and the thesis' choice beside it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.choices import Choice
from sparebits.evaluation import Evaluator
from sparebits.parameters import FlatParameters
from sparebits.schemes.coded import Coded, planned
from sparebits.schemes.thesis import thesis_if_it_fits
from sparebits.selection.choice import Candidate, choose, frontier_table, outcome_of, tensor_entries
from sparebits.selection.expected_loss import (
    BERS,
    RoleOption,
    ber_held,
    best_by_weights_code,
    frontier,
    gentlest,
    shortlist,
)
from sparebits.selection.seeds import SELECTION, first_seed
from sparebits.selection.trials import run_trials

FINALISTS = 5
LOSS_OF_DROP = 2
"""Expected loss that the shortlist allows for each percentage point of the tolerance: it counts the images that become
wrong, and a drop counts those that become right against them. What is chosen is held to the tolerance by its drop."""
GENTLE_FAILURE_LOSSES = (0.01, 0.003, 0.001)
"""Expected loss of a role by failed code words that a gentle choice accepts, in percentage points."""


@dataclass(frozen=True)
class Selected:
    """What selection found.

    Attributes:
        description: selection.json.
        finalists: the trials of the finalists and of the thesis' scheme, on the calibration images.
        frontier: bit error rate held against loss without faults, both expected.
    """

    description: dict
    finalists: pd.DataFrame
    frontier: pd.DataFrame


def select(
    evaluator: Evaluator,
    options: dict[str, list[RoleOption]],
    thesis: Choice,
    golden: np.ndarray,
    calibration: np.ndarray,
    others: np.ndarray,
    ber: float,
    tolerance_pp: float,
    trials: int,
    seed: int,
    gentle: bool = False,
) -> Selected:
    """Choose a scheme for a network.

    Args:
        evaluator: of the network.
        options: by role.
        thesis: floor and depth of the thesis' scheme.
        golden: classes of the golden run, for all images.
        calibration: indices of the images that the choice is made on.
        others: indices of those on which the choice's drop without faults is reported.
        ber: bit error rate that the choice is made for.
        tolerance_pp: largest drop without faults.
        trials: fault maps for each finalist.
        seed: of the experiment.
        gentle: choose among the combinations that move the network least, not among those that are expected to lose
            least at the bit error rate.
    """
    parameters = evaluator.parameters
    finalists = (
        gentlest(options, ber, GENTLE_FAILURE_LOSSES)
        if gentle
        else shortlist(options, ber, LOSS_OF_DROP * tolerance_pp, FINALISTS)
    )
    short = {f"finalist {number}": combination for number, combination in enumerate(finalists, start=1)}
    contenders = {name: planned(name, combination.plan, parameters) for name, combination in short.items()}
    thesis_contender = thesis_if_it_fits(thesis, parameters)
    rivals = [thesis_contender] if thesis_contender else []
    first = first_seed(seed, SELECTION)
    table = run_trials(evaluator, [*contenders.values(), *rivals], [0.0, ber], trials, first, golden, calibration)
    candidates = [
        Candidate(name, combination, contenders[name].scheme, *_rows(table, name))
        for name, combination in short.items()
    ]
    chosen = choose(candidates, tolerance_pp)
    held_out = run_trials(evaluator, [contenders[chosen.name], *rivals], [0.0], 1, first, golden, others)
    description = {
        "format": parameters.fmt.name,
        "ber": ber,
        "tolerance_pp": tolerance_pp,
        "within_tolerance": bool(chosen.fault_free["drop_pp"] <= tolerance_pp),
        "seeds": {"first": first, "trials": trials},
        "plan": chosen.combination.plan.as_dict(),
        "expected_drop_pp": chosen.combination.expected_loss(ber),
        "calibration": outcome_of(chosen.fault_free, chosen.trials),
        "held_out": outcome_of(held_out.iloc[0]),
        "tensors": tensor_entries(chosen.scheme, parameters.tensors),
        "finalists": [
            {
                "name": candidate.name,
                "chosen": candidate is chosen,
                "plan": candidate.combination.plan.as_dict(),
                "expected_layout_loss_pp": candidate.combination.layout_loss,
                "expected_drop_pp": candidate.combination.expected_loss(ber),
                **outcome_of(candidate.fault_free, candidate.trials),
            }
            for candidate in candidates
        ],
        "thesis": _thesis_entry(thesis, thesis_contender, table, held_out, parameters),
    }
    shown = {f"weights {code}": combination for code, combination in best_by_weights_code(options, ber).items()}
    shown |= {"chosen": chosen.combination}
    found = frontier_table(
        frontier(options, BERS, HELD_WITHIN_PP),
        {name: (ber_held(combination, BERS, HELD_WITHIN_PP), combination) for name, combination in shown.items()},
        parameters.fmt.name,
    )
    return Selected(description, table, found)


def _rows(table: pd.DataFrame, name: str) -> tuple[pd.Series, pd.DataFrame]:
    """A contender's trial without faults, and its trials with."""
    own = table[table["scheme"] == name]
    return own[own["ber"] == 0].iloc[0], own[own["ber"] > 0]


def _thesis_entry(
    choice: Choice, contender: Coded | None, table: pd.DataFrame, held_out: pd.DataFrame, parameters: FlatParameters
) -> dict:
    entry = {"floor": choice.floor, "depth": choice.depth, "fits": contender is not None}
    if contender is not None:
        entry["calibration"] = outcome_of(*_rows(table, contender.name))
        entry["held_out"] = outcome_of(held_out[held_out["scheme"] == contender.name].iloc[0])
        entry["tensors"] = tensor_entries(contender.scheme, parameters.tensors)
    return entry
