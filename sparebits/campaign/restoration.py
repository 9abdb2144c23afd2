"""What codes over many words restore, beside the chosen code of single words and a published scheme."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.schemes import Fault, Runner, ascend
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.faults.rates import BitErrorRate
from sparebits.faults.targets import Target
from sparebits.long_codes.modes import MODES, meant_for
from sparebits.long_codes.scheme import fit_long_scheme
from sparebits.parameters import FlatParameters
from sparebits.schemes.in_blocks import InBlocks
from sparebits.schemes.names import CHOSEN
from sparebits.schemes.registry import Settings, build_schemes
from sparebits.schemes.stored import StoredNetwork
from sparebits.selection.seeds import CAMPAIGN, first_seed


def compared_schemes(parameters: FlatParameters, settings: Settings, rival: str | None) -> Iterator[StoredNetwork]:
    """The unprotected network, the rival, the chosen code of single words, and the modes that the format has.

    Args:
        rival: name of a scheme of the registry, or None.
    """
    for scheme in build_schemes(parameters, settings, every_policy=rival is not None and ", " in rival):
        if scheme.name in ("unprotected", rival, CHOSEN):
            yield scheme
    for mode in reversed(MODES):
        try:
            scheme = fit_long_scheme(mode, parameters.tensors, parameters.golden, parameters.fmt)
        except InputError as error:
            print(f"{mode} mode is left out: {error}", flush=True)
            continue
        yield InBlocks(mode, scheme, parameters.golden, parameters.tensors)


def run_restoration(
    evaluator: Evaluator,
    schemes: Sequence[StoredNetwork],
    golden: np.ndarray,
    indices: np.ndarray,
    bers: Sequence[float],
    trials: int,
    claim_trials: int,
    seed: int,
    journal: Journal | None = None,
) -> pd.DataFrame:
    """restoration.csv: as campaign.csv, and how many words were read as if nothing had been hit.

    Fault maps are those of the campaign. A scheme leaves after the first bit error rate at which every trial dropped by
    more than LOST_PP. Modes meet `claim_trials` maps at the rate that they are meant for.

    Args:
        evaluator: of the network.
        schemes: that are compared.
        golden: classes of the golden run, for all images.
        indices: of the images that no choice was made on.
        bers: bit error rates; those that modes are meant for come on top.
        trials: fault maps at each.
        claim_trials: fault maps of a mode at its own rate.
        seed: of the experiment.
        journal: where finished trials are kept; those that it has are not run again.
    """
    runner = Runner(evaluator, golden, indices, first_seed(seed, CAMPAIGN), journal, counts_words=True)
    own_rates = {mode: meant_for(mode, evaluator.parameters.fmt) for mode in MODES}
    bers = sorted({0.0, *bers, *filter(None, own_rates.values())})
    faults = [Fault(BitErrorRate(ber), Target()) for ber in bers]
    rows = []
    for scheme in schemes:
        own = own_rates.get(scheme.name)
        rows += ascend(runner, scheme, faults, trials, {own: claim_trials} if own else {})
    return pd.DataFrame(rows)
