"""Schemes measured: encoded, hit, decoded and evaluated."""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import pandas as pd
from tqdm import tqdm

from sparebits.evaluation import Evaluator
from sparebits.faults.base import FaultModel
from sparebits.faults.ber import PARAMETERS, count_flips, map_hash
from sparebits.faults.flips import Flips
from sparebits.faults.rates import BitErrorRate, hits_every_memory
from sparebits.faults.sites import Site, whole_memory
from sparebits.faults.targets import Target
from sparebits.schemes.clipping import clippable_modules, clipped
from sparebits.schemes.stored import Memory, Reading, StoredNetwork
from sparebits.selection.losses import LossMeter, Measured


def run_trials(
    evaluator: Evaluator,
    schemes: Sequence[StoredNetwork],
    bers: Sequence[float],
    trials: int,
    seed: int,
    golden: np.ndarray,
    indices: np.ndarray,
) -> pd.DataFrame:
    """Every scheme under the same fault maps.

    Map number i has the seed `seed` + i at every bit error rate, so maps are nested in the rate and equal for all
    schemes. A bit error rate of 0 is one trial.

    Args:
        evaluator: of the network.
        schemes: to be measured.
        bers: bit error rates.
        trials: maps at each.
        seed: of the first map.
        golden: classes of the golden run, for all images.
        indices: of the images to use.

    Returns:
        a row a scheme, rate and trial: scheme, ber, trial, then as SchemeTrials.run says.
    """
    plan = [(scheme, ber, trial) for ber in bers for trial in range(trials if ber else 1) for scheme in schemes]
    runs = SchemeTrials(evaluator, golden, indices)
    site = Target().resolve(evaluator.parameters.tensors, evaluator.parameters.fmt)
    rows = []
    for scheme, ber, trial in tqdm(plan, unit="trial", mininterval=2):
        outcome = runs.run(scheme, BitErrorRate(ber), site, seed + trial)
        rows.append({"scheme": scheme.name, "ber": ber, "trial": trial, **outcome})
    return pd.DataFrame(rows)


class SchemeTrials:
    """Runs schemes under faults, trial by trial, over the same images."""

    def __init__(self, evaluator: Evaluator, golden: np.ndarray, indices: np.ndarray, counts_words: bool = False):
        """Prepare; see `run_trials`. `counts_words` says in every row how many words are read as without faults."""
        self._counts_words = counts_words
        self._evaluator = evaluator
        self._meter = LossMeter(evaluator, golden, indices)
        self._modules = clippable_modules(evaluator.parameters.model)
        self._untouched: dict[str, tuple[Reading, Measured]] = {}

    def run(self, scheme: StoredNetwork, model: FaultModel, site: Site, seed: int) -> dict:
        """One trial.

        Faults of a rate hit everything that the scheme stores, in each memory by a map of its own, where the site is
        the whole network. All others hit the network's words.

        Args:
            scheme: that is hit.
            model: how its stored words are hit.
            site: which of their bits may be.
            seed: of the trial.

        Returns:
            what JSON can hold: seed, map_hash (of the network's words), flips, corrected (bits), detected, miscorrected
            (code words), then as LossMeter.table says, corrected_words, stored_bits and extra_bytes; where words are
            counted, words and restored_words.
        """
        hit, mask, flips = _hit(scheme, model, site, seed)
        reading = scheme.read(hit)
        counts = {
            "seed": seed,
            "map_hash": map_hash(mask),
            "flips": flips,
            "corrected": reading.corrected_bits,
            "detected": len(reading.detected),
            "miscorrected": scheme.count_miscorrected(reading),
        }
        row = self._meter.table([counts], [self._measure(scheme, reading)]).iloc[0].to_dict()
        row |= {
            "corrected_words": reading.corrected_words,
            "stored_bits": scheme.stored_bits,
            "extra_bytes": scheme.extra_bytes,
        }
        if self._counts_words:
            restored = int(np.count_nonzero(reading.words == scheme.clean))
            row |= {"words": len(scheme.clean), "restored_words": restored}
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}

    def _measure(self, scheme: StoredNetwork, reading: Reading) -> Measured:
        """What the reading does; that of words that are as if nothing had been hit is known after the first time."""
        known = self._untouched.get(scheme.name)
        if known is None:
            untouched = scheme.read(scheme.memory)
            known = self._untouched[scheme.name] = (untouched, self._run(untouched))
        if np.array_equal(reading.words, known[0].words) and (
            reading.bounds is None or np.array_equal(reading.bounds, known[0].bounds)
        ):
            return known[1]
        return self._run(reading)

    def _run(self, reading: Reading) -> Measured:
        model = self._evaluator.parameters.model
        clipping = nullcontext() if reading.bounds is None else clipped(model, self._modules, reading.bounds)
        with clipping:
            return self._meter.measure(reading.words)


def _hit(scheme: StoredNetwork, model: FaultModel, site: Site, seed: int) -> tuple[Memory, np.ndarray, int]:
    """The memory after the faults of a trial, the mask of the network's words, and the flips in all memories."""
    hit, masks = {}, {}
    for plane, words in scheme.memory.items():
        if plane != PARAMETERS and not (hits_every_memory(model) and site.is_whole_memory):
            hit[plane] = words
            continue
        faults = model.mask(words, site if plane == PARAMETERS else whole_memory(words), seed, plane)
        masks[plane] = faults.dense() if isinstance(faults, Flips) else faults
        hit[plane] = words ^ masks[plane]
    return hit, masks[PARAMETERS], sum(map(count_flips, masks.values()))
