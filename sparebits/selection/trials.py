"""Schemes measured: encoded, hit at a bit error rate, decoded and evaluated."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from sparebits.evaluation import Evaluator
from sparebits.faults.base import FaultModel
from sparebits.faults.ber import count_flips, map_hash
from sparebits.faults.flips import Flips
from sparebits.faults.rates import BitErrorRate
from sparebits.faults.sites import Site
from sparebits.faults.targets import Target
from sparebits.parameters import ParameterTensor
from sparebits.protection.encoding import Recovered, recover_words
from sparebits.selection.contenders import Contender
from sparebits.selection.losses import LossMeter


def run_trials(
    evaluator: Evaluator,
    contenders: Sequence[Contender],
    bers: Sequence[float],
    trials: int,
    seed: int,
    golden: np.ndarray,
    indices: np.ndarray,
) -> pd.DataFrame:
    """Every contender under the same fault maps.

    Map number i has the seed `seed` + i at every bit error rate, so maps are nested in the rate and equal for all
    contenders. A bit error rate of 0 is one trial.

    Args:
        evaluator: of the network.
        contenders: schemes.
        bers: bit error rates.
        trials: maps at each.
        seed: of the first map.
        golden: classes of the golden run, for all images.
        indices: of the images to use.

    Returns:
        a row a contender, rate and trial: scheme, ber, trial, then as SchemeTrials.run says.
    """
    plan = [
        (contender, ber, trial) for ber in bers for trial in range(trials if ber else 1) for contender in contenders
    ]
    runs = SchemeTrials(evaluator, golden, indices)
    site = Target().resolve(evaluator.parameters.tensors, evaluator.parameters.fmt)
    rows = []
    for contender, ber, trial in tqdm(plan, unit="trial", mininterval=2):
        outcome = runs.run(contender, BitErrorRate(ber), site, seed + trial)
        rows.append({"scheme": contender.name, "ber": ber, "trial": trial, **outcome})
    return pd.DataFrame(rows)


class SchemeTrials:
    """Runs schemes under faults, trial by trial, over the same images."""

    def __init__(self, evaluator: Evaluator, golden: np.ndarray, indices: np.ndarray):
        """Prepare; see `run_trials`."""
        self._evaluator = evaluator
        self._meter = LossMeter(evaluator, golden, indices)

    def run(self, contender: Contender, model: FaultModel, site: Site, seed: int) -> dict:
        """One trial.

        Args:
            contender: the scheme that is hit.
            model: how its stored words are hit.
            site: which of their bits may be.
            seed: of the trial.

        Returns:
            what JSON can hold: seed, map_hash, flips, corrected (bits), detected, miscorrected (code words), then as
            LossMeter.table says.
        """
        faults = model.mask(contender.stored, site, seed)
        mask = faults.dense() if isinstance(faults, Flips) else faults
        words, counts = _hit(contender, mask, self._evaluator.parameters.tensors)
        predicted, loss = self._meter.measure(words)
        row = self._meter.table([{"seed": seed, **counts}], [predicted], [loss]).iloc[0]
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}


def _hit(contender: Contender, mask: np.ndarray, tensors: list[ParameterTensor]) -> tuple[np.ndarray, dict]:
    """The words that inference computes with after a fault map, and what decoding counted."""
    stored = contender.stored ^ mask
    counts = {"map_hash": map_hash(mask), "flips": count_flips(mask), "corrected": 0, "detected": 0, "miscorrected": 0}
    if contender.scheme is None:
        return stored, counts
    recovered = recover_words(contender.scheme, stored, tensors)
    counts |= {"corrected": recovered.corrected_bits, "detected": recovered.detected_words}
    counts["miscorrected"] = _count_miscorrected(recovered, contender.clean, tensors)
    return recovered.words, counts


def _count_miscorrected(recovered: Recovered, clean: np.ndarray, tensors: list[ParameterTensor]) -> int:
    """Code words that are wrong and were not detected."""
    spans = {tensor.name: tensor.span for tensor in tensors}
    miscorrected = 0
    for report in recovered.groups:
        wrong = np.zeros(report.words, dtype=bool)
        for name in report.group.tensors:
            wrong |= recovered.words[spans[name]] != clean[spans[name]]
        wrong[report.detected] = False
        miscorrected += int(np.count_nonzero(wrong))
    return miscorrected
