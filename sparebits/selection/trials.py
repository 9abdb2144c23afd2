"""Schemes measured: encoded, hit at a bit error rate, decoded and evaluated."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from sparebits.evaluation import Evaluator
from sparebits.faults.ber import PARAMETERS, ber_mask, count_flips, map_hash
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
        a row a contender, rate and trial: scheme, ber, trial, seed, map_hash, flips, corrected (bits), detected,
        miscorrected (code words), then as LossMeter.table says.
    """
    plan = [
        (contender, ber, trial) for ber in bers for trial in range(trials if ber else 1) for contender in contenders
    ]
    meter = LossMeter(evaluator, golden, indices)
    rows, predictions, losses = [], [], []
    for contender, ber, trial in tqdm(plan, unit="trial", mininterval=2):
        mask = ber_mask(seed + trial, PARAMETERS, len(contender.stored), evaluator.parameters.fmt.width, ber)
        words, counts = _hit(contender, mask, evaluator.parameters.tensors)
        predicted, loss = meter.measure(words)
        rows.append({"scheme": contender.name, "ber": ber, "trial": trial, "seed": seed + trial, **counts})
        predictions.append(predicted)
        losses.append(loss)
    return meter.table(rows, predictions, losses)


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
