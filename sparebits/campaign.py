"""The fault campaign: the chosen scheme, the thesis' and the unprotected network under the same fault maps."""

import numpy as np
import pandas as pd

from sparebits.choices import Choice
from sparebits.evaluation import Evaluator
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan
from sparebits.protection.scheme import Scheme
from sparebits.selection.contenders import Contender, by_thesis, planned, unprotected
from sparebits.selection.seeds import CAMPAIGN, first_seed
from sparebits.selection.trials import run_trials

LOST_PP = 20.0
"""Drop in percentage points beyond which a network is of no use."""


def run_campaign(
    evaluator: Evaluator,
    plan: Plan,
    thesis: Choice,
    golden: np.ndarray,
    indices: np.ndarray,
    bers: list[float],
    trials: int,
    seed: int,
) -> pd.DataFrame:
    """campaign.csv: a row a scheme, bit error rate and trial.

    Rates ascend. A scheme leaves the campaign after the first rate at which every trial dropped by more than
    `LOST_PP`: maps are nested, so higher rates hit it harder.

    Args:
        evaluator: of the network.
        plan: chosen.
        thesis: floor and depth of the thesis' scheme.
        golden: classes of the golden run, for all images.
        indices: of the images that no choice was made on.
        bers: bit error rates.
        trials: fault maps at each.
        seed: of the experiment.
    """
    parameters = evaluator.parameters
    contenders = [unprotected(parameters), by_thesis(thesis, parameters), planned("chosen", plan, parameters)]
    contenders = [contender for contender in contenders if contender is not None]
    descriptions = {contender.name: _describe(contender, parameters) for contender in contenders}
    tables = []
    for ber in sorted({0.0, *bers}):
        table = run_trials(evaluator, contenders, [ber], trials, first_seed(seed, CAMPAIGN), golden, indices)
        tables.append(table)
        best = table.groupby("scheme")["drop_pp"].min()
        contenders = [contender for contender in contenders if best[contender.name] <= LOST_PP]
        if not contenders:
            break
    table = pd.concat(tables, ignore_index=True)
    described = pd.DataFrame([descriptions[scheme] for scheme in table["scheme"]])
    return pd.concat([described, table.drop(columns="scheme")], axis=1)


def _describe(contender: Contender, parameters: FlatParameters) -> dict:
    """The columns that identify a scheme; where roles differ, each is named: weights …, batchnorm …."""
    scheme = contender.scheme
    entries = {
        "layout": _by_role(scheme, parameters, lambda group: " + ".join(layout.title for layout in group.layouts)),
        "code": _by_role(scheme, parameters, lambda group: group.code.name),
        "decoder": _by_role(scheme, parameters, lambda group: group.decoder),
        "policy": _by_role(scheme, parameters, lambda group: group.policy),
    }
    return {"scheme": contender.name, **entries, "fault_model": "ber", "target": "all"}


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
