"""The campaign across schemes: all of them under the same faults, the best ones as often as a claim takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

import numpy as np
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP, best_rival
from sparebits.campaign.journal import Journal
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.faults.base import FaultModel
from sparebits.faults.models import model_from_dict
from sparebits.faults.rates import BitErrorRate
from sparebits.faults.targets import Target, target_from_dict
from sparebits.schemes.names import CHOSEN, GENTLE, base_name
from sparebits.schemes.stored import StoredNetwork
from sparebits.selection.seeds import CAMPAIGN, first_seed
from sparebits.selection.trials import SchemeTrials
from sparebits.statistics.sequential import StoppingRule, Verdict

LOST_PP = 20.0
"""Drop in percentage points beyond which a network is of no use."""
LIMIT = 0.01
"""A scheme holds a fault if the probability that it drops by more than held.HELD_WITHIN_PP stays below this."""
_NO_CLAIMS: Mapping[float, int] = MappingProxyType({})
LEAST_TRIALS = 5
"""No scheme leaves before, so that its trials can be looked at."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault that schemes are compared under: a model, and what it may hit."""

    model: FaultModel
    target: Target

    @property
    def columns(self) -> dict:
        """fault_model, target and ber of campaign.csv; the last only of independent flips."""
        is_ber = isinstance(self.model, BitErrorRate)
        return {
            "fault_model": self.model.name if is_ber else self.model.label,
            "target": self.target.name,
            "ber": self.model.ber if is_ber else float("nan"),
        }


def fault_from_dict(entry: dict) -> Fault:
    """The fault of an entry of the config's `campaign.faults`: a model's keys, and `target`.

    Raises:
        InputError: the model or the target is none.
    """
    if not isinstance(entry, dict):
        raise InputError(f"a fault is a mapping with a `model`, got {entry!r}")
    model = {key: value for key, value in entry.items() if key != "target"}
    return Fault(model_from_dict(model), target_from_dict(entry.get("target", "all")))


def run_campaign(
    evaluator: Evaluator,
    schemes: Sequence[StoredNetwork],
    golden: np.ndarray,
    indices: np.ndarray,
    bers: Sequence[float],
    trials: int,
    claim_trials: int,
    seed: int,
    journal: Journal | None = None,
    faults: Sequence[Fault] = (),
    gentle_ber: float = inf,
) -> pd.DataFrame:
    """campaign.csv: a row a scheme, fault and trial.

    Bit error rates ascend. A scheme leaves them after the first at which every trial dropped by more than `LOST_PP`:
    maps are nested, so higher rates hit it harder. Other faults meet every scheme as it was published. Trials under a
    fault end early where they have shown that a scheme does not hold it (statistics.sequential.StoppingRule). Then ours
    and their best rival (held.best_rival) go on to `claim_trials`.

    Args:
        evaluator: of the network.
        schemes: that are compared.
        golden: classes of the golden run, for all images.
        indices: of the images that no choice was made on.
        bers: bit error rates, everywhere.
        trials: fault maps at each, of every scheme.
        claim_trials: of the chosen schemes and of their best rival.
        seed: of the experiment.
        journal: where finished trials are kept; those that it has are not run again.
        faults: further ones.
        gentle_ber: bit error rate that the gentle scheme was chosen for; it goes on up to there.
    """
    parameters = evaluator.parameters
    for fault in faults:
        fault.model.check(fault.target.resolve(parameters.tensors, parameters.fmt))
    runner = Runner(evaluator, golden, indices, first_seed(seed, CAMPAIGN), journal)
    independent = [Fault(BitErrorRate(ber), Target()) for ber in sorted({0.0, *bers})]
    rows = []
    for scheme in schemes:
        rows += ascend(runner, scheme, independent, trials)
        if scheme.name == base_name(scheme.name):
            rows += [row for fault in faults for row in runner.run(scheme, fault, trials)]
    going_on = {CHOSEN: inf, best_rival(pd.DataFrame(rows)): inf, GENTLE: gentle_ber}
    for name, highest in going_on.items():
        for scheme in (scheme for scheme in schemes if scheme.name == name and claim_trials > trials):
            rows += ascend(runner, scheme, [fault for fault in independent if fault.model.ber <= highest], claim_trials)
            if name == CHOSEN:
                rows += [row for fault in faults for row in runner.run(scheme, fault, claim_trials)]
    # Of schemes that went on the first trials are there twice.
    table = pd.DataFrame(rows)
    return table.drop_duplicates(["scheme", "fault_model", "target", "ber", "trial"], ignore_index=True)


def ascend(
    runner: "Runner",
    scheme: StoredNetwork,
    faults: Sequence[Fault],
    trials: int,
    claims: Mapping[float, int] = _NO_CLAIMS,
) -> list[dict]:
    """The rows of a scheme at ascending bit error rates, as far as it goes.

    Args:
        faults: of ascending rates.
        trials: fault maps at each; without faults one.
        claims: by rate, where it is another number.
    """
    rows = []
    for fault in faults:
        found = runner.run(scheme, fault, claims.get(fault.model.ber, trials) if fault.model.ber else 1)
        rows += found
        if min(row["drop_pp"] for row in found) > LOST_PP:
            break
    return rows


class Runner:
    """Runs trials that were not run yet."""

    def __init__(
        self,
        evaluator: Evaluator,
        golden: np.ndarray,
        indices: np.ndarray,
        seed: int,
        journal: Journal | None,
        counts_words: bool = False,
    ):
        """Prepare; `counts_words` adds what selection.trials.SchemeTrials counts of words."""
        self._parameters = evaluator.parameters
        self._trials = SchemeTrials(evaluator, golden, indices, counts_words)
        self._seed, self._journal = seed, journal
        self._done = {_key(row): row for row in (journal.entries if journal else [])}

    def run(self, scheme: StoredNetwork, fault: Fault, trials: int) -> list[dict]:
        """The rows of a fault's trials, until enough is known of the scheme under it."""
        site = fault.target.resolve(self._parameters.tensors, self._parameters.fmt)
        rule = StoppingRule(LIMIT, trials)
        rows, over = [], 0
        for trial in range(trials):
            columns = {**describe(scheme), **fault.columns, "trial": trial}
            row = self._done.get(_key(columns))
            if row is None:
                row = columns | self._trials.run(scheme, fault.model, site, self._seed + trial)
                self._done[_key(row)] = row
                if self._journal:
                    self._journal.append(row)
            rows.append(row)
            over += row["drop_pp"] > HELD_WITHIN_PP
            if trial + 1 >= LEAST_TRIALS and rule.verdict(over, trial + 1) is Verdict.NOT_HELD:
                break
        return rows


def describe(scheme: StoredNetwork) -> dict:
    """The columns that identify a scheme."""
    return {name: getattr(scheme, key) for name, key in _DESCRIPTION.items()}


_DESCRIPTION = {"scheme": "name", "layout": "layout", "code": "code", "decoder": "decoder", "policy": "policy"}


def _key(row: dict) -> tuple:
    # NaN is no key, as it differs from itself.
    return row["scheme"], row["fault_model"], row["target"], str(row["ber"]), row["trial"]
