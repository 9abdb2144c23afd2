"""The campaign across schemes: the chosen one, the thesis' and the unprotected network under the same faults."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.choices import Choice
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.faults.base import FaultModel
from sparebits.faults.models import model_from_dict
from sparebits.faults.rates import BitErrorRate
from sparebits.faults.targets import Target, target_from_dict
from sparebits.outcomes import HELD_WITHIN_PP
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan
from sparebits.protection.scheme import Scheme
from sparebits.selection.contenders import Contender, by_thesis, planned, unprotected
from sparebits.selection.seeds import CAMPAIGN, first_seed
from sparebits.selection.trials import SchemeTrials
from sparebits.statistics.sequential import StoppingRule, Verdict

LOST_PP = 20.0
"""Drop in percentage points beyond which a network is of no use."""
LIMIT = 0.01
"""A scheme holds a fault if the probability that it drops by more than outcomes.HELD_WITHIN_PP stays below this."""
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
    plan: Plan,
    thesis: Choice,
    golden: np.ndarray,
    indices: np.ndarray,
    bers: Sequence[float],
    trials: int,
    seed: int,
    journal: Journal | None = None,
    faults: Sequence[Fault] = (),
) -> pd.DataFrame:
    """campaign.csv: a row a scheme, fault and trial.

    Bit error rates ascend. A scheme leaves them after the first at which every trial dropped by more than `LOST_PP`:
    maps are nested, so higher rates hit it harder. Other faults meet every scheme. Trials under a fault end early where
    they have shown that a scheme does not hold it (statistics.sequential.StoppingRule).

    Args:
        evaluator: of the network.
        plan: chosen.
        thesis: floor and depth of the thesis' scheme.
        golden: classes of the golden run, for all images.
        indices: of the images that no choice was made on.
        bers: bit error rates, everywhere.
        trials: fault maps at each.
        seed: of the experiment.
        journal: where finished trials are kept; those that it has are not run again.
        faults: further ones.
    """
    parameters = evaluator.parameters
    contenders = [unprotected(parameters), by_thesis(thesis, parameters), planned("chosen", plan, parameters)]
    contenders = [contender for contender in contenders if contender is not None]
    for fault in faults:
        fault.model.check(fault.target.resolve(parameters.tensors, parameters.fmt))
    runner = _Runner(evaluator, golden, indices, contenders, first_seed(seed, CAMPAIGN), journal)
    rows = []
    in_race = contenders
    for ber in sorted({0.0, *bers}):
        found = runner.run(in_race, Fault(BitErrorRate(ber), Target()), trials if ber else 1)
        rows += found
        best = pd.DataFrame(found).groupby("scheme")["drop_pp"].min()
        in_race = [contender for contender in in_race if best[contender.name] <= LOST_PP]
        if not in_race:
            break
    for fault in faults:
        rows += runner.run(contenders, fault, trials)
    return pd.DataFrame(rows)


class _Runner:
    """Runs trials that the journal does not have yet."""

    def __init__(
        self,
        evaluator: Evaluator,
        golden: np.ndarray,
        indices: np.ndarray,
        contenders: list[Contender],
        seed: int,
        journal: Journal | None,
    ):
        self._parameters = evaluator.parameters
        self._trials = SchemeTrials(evaluator, golden, indices)
        self._described = {contender.name: _describe(contender, evaluator.parameters) for contender in contenders}
        self._seed, self._journal = seed, journal
        self._done = {_key(row): row for row in (journal.entries if journal else [])}

    def run(self, contenders: list[Contender], fault: Fault, trials: int) -> list[dict]:
        """The rows of a fault's trials, of all contenders under each, until enough is known of a contender."""
        site = fault.target.resolve(self._parameters.tensors, self._parameters.fmt)
        rule = StoppingRule(LIMIT, trials)
        over = dict.fromkeys((contender.name for contender in contenders), 0)
        in_question = contenders
        rows = []
        for trial in range(trials):
            for contender in in_question:
                columns = {**self._described[contender.name], **fault.columns, "trial": trial}
                row = self._done.get(_key(columns))
                if row is None:
                    row = columns | self._trials.run(contender, fault.model, site, self._seed + trial)
                    if self._journal:
                        self._journal.append(row)
                rows.append(row)
                over[contender.name] += row["drop_pp"] > HELD_WITHIN_PP
            if trial + 1 >= LEAST_TRIALS:
                in_question = [
                    contender
                    for contender in in_question
                    if rule.verdict(over[contender.name], trial + 1) is not Verdict.NOT_HELD
                ]
        return rows


def _key(row: dict) -> tuple:
    # NaN is no key, as it differs from itself.
    return row["scheme"], row["fault_model"], row["target"], str(row["ber"]), row["trial"]


def _describe(contender: Contender, parameters: FlatParameters) -> dict:
    """The columns that identify a scheme; where roles differ, each is named: weights …, batchnorm …."""
    scheme = contender.scheme
    return {
        "scheme": contender.name,
        "layout": _by_role(scheme, parameters, lambda group: " + ".join(layout.title for layout in group.layouts)),
        "code": _by_role(scheme, parameters, lambda group: group.code.name),
        "decoder": _by_role(scheme, parameters, lambda group: group.decoder),
        "policy": _by_role(scheme, parameters, lambda group: group.policy),
    }


def _by_role(scheme: Scheme | None, parameters: FlatParameters, describe) -> str:
    if scheme is None:
        return "none"
    found: dict[str, dict[str, None]] = {}
    for tensor in parameters.tensors:
        found.setdefault(tensor.role, {})[describe(scheme.group_of[tensor.name])] = None
    texts = {role: " or ".join(of_role) for role, of_role in found.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{role} {text}" for role, text in texts.items())
