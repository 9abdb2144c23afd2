"""Protecting networks in 16-bit words without memory: codes over single words, and over several words together.

A word of 16 bits leaves little room: [16,7,6] corrects two flips. Four words together are 64 bits, in which the same
share of data bits has codes that correct six or seven. Scale and shift of a BatchNorm's channels, of which one wrong
word can cost everything, share the 128 bits of two channels in [128,43,32].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.schemes import describe
from sparebits.evaluation import Evaluator
from sparebits.faults.rates import BitErrorRate
from sparebits.faults.targets import Target
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan, RolePlan
from sparebits.schemes.coded import planned
from sparebits.schemes.joined_words import JoinedWords
from sparebits.schemes.stored import StoredNetwork
from sparebits.schemes.unprotected import Unprotected
from sparebits.selection.losses import LossMeter
from sparebits.selection.seeds import CAMPAIGN, first_seed
from sparebits.selection.trials import SchemeTrials
from sparebits.studies.conversion import in_format

UNPROTECTED, SINGLE = "unprotected", "single words [16,7,6]"
WEIGHTS = {
    "pairs [32,16,8]": "reed-muller(32,16)",
    "fours [64,36,12]": "extended-bch(64,36)",
    "fours [64,30,14]": "extended-bch(64,30)",
    "fours [64,24,16]": "extended-bch(64,24)",
}
"""Codes of joined weights by the scheme's name: 8, 9, 7.5 and 6 data bits a value."""
SCHEMES = (UNPROTECTED, SINGLE, *WEIGHTS)
EXPONENT_BITS = (2, 3, 4)
"""Of the weights' windows, of which the calibration images choose one."""
_BATCHNORM = RolePlan(3, "extended-bch(128,43)", "posterior mean", "fused")
_ALONE = RolePlan(3, "extended-bch(64,24)", "median", "fused")
_OTHER = RolePlan(3, "extended-bch(64,30)", "posterior mean")


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        schemes: some of SCHEMES.
        bers: bit error rates.
        trials: fault maps at each: those of the campaign.
        seed: of the experiment.
    """

    schemes: tuple[str, ...]
    bers: tuple[float, ...]
    trials: int
    seed: int


def single_plan(exponent_bits: int) -> Plan:
    """Weights and biases in codes of their own, scale and shift of a BatchNorm's channel in its four words."""
    word = RolePlan(exponent_bits, "extended-bch(16,7)", "posterior mean")
    return Plan({"weights": word, "batchnorm": _ALONE, "other": word}, "channel")


def joined_plan(code: str, exponent_bits: int) -> Plan:
    """Weights joined in a code, the channels of BatchNorms in pairs, biases in fours."""
    weights = RolePlan(exponent_bits, code, "posterior mean")
    return Plan({"weights": weights, "batchnorm": _BATCHNORM, "other": _OTHER}, "channel")


def run_short_words(
    evaluator: Evaluator,
    dtypes: Sequence[str],
    calibration: np.ndarray,
    indices: np.ndarray,
    settings: Settings,
    journal: Journal | None = None,
) -> pd.DataFrame:
    """study_formats_protection.csv: a row a format, scheme, bit error rate and trial.

    Drops are against the golden run of the network in the same format.

    Args:
        evaluator: of the network, in whatever format.
        dtypes: 16-bit formats that it is converted to.
        calibration: indices of the images on which windows are chosen.
        indices: of those on which trials are measured.
        settings: what is measured.
        journal: where finished trials are kept; those that it has are not run again.

    Returns:
        scheme, layout, code, decoder, policy, exponent_bits (of the weights' window, 0 where there is none), ber,
        trial, then as SchemeTrials.run says.
    """
    done = {_key(row): row for row in (journal.entries if journal else [])}
    rows = []
    for dtype in dtypes:
        short = in_format(evaluator, dtype)
        parameters = short.parameters
        used = np.union1d(calibration, indices)
        golden = np.zeros(len(short.images.labels), dtype=np.uint16)
        golden[used] = short.predict(parameters.golden, used)
        site = Target().resolve(parameters.tensors, parameters.fmt)
        for scheme, exponent_bits in _schemes(short, golden, calibration, settings.schemes):
            runs = SchemeTrials(short, golden, indices)
            for ber in sorted({0.0, *settings.bers}):
                for trial in range(settings.trials if ber else 1):
                    columns = describe(scheme) | {"exponent_bits": exponent_bits, "ber": ber, "trial": trial}
                    row = done.get(_key({**columns, "format": parameters.fmt.name}))
                    if row is None:
                        seed = first_seed(settings.seed, CAMPAIGN) + trial
                        row = columns | runs.run(scheme, BitErrorRate(ber), site, seed)
                        if journal:
                            journal.append(row)
                    rows.append(row)
    return pd.DataFrame(rows)


def _schemes(
    evaluator: Evaluator, golden: np.ndarray, calibration: np.ndarray, names: Sequence[str]
) -> Iterator[tuple[StoredNetwork, int]]:
    """The schemes, with the exponent bits that were chosen for their weights."""
    parameters = evaluator.parameters
    meter = None
    for name in names:
        if name == UNPROTECTED:
            yield Unprotected(parameters, name), 0
        else:
            meter = meter or LossMeter(evaluator, golden, calibration)
            candidates = [_scheme(name, bits, parameters) for bits in EXPONENT_BITS]
            losses = [meter.measure(candidate.clean).loss_pp for candidate in candidates]
            best = int(np.argmin(losses))
            yield candidates[best], EXPONENT_BITS[best]


def _scheme(name: str, exponent_bits: int, parameters: FlatParameters) -> StoredNetwork:
    if name == SINGLE:
        return planned(name, single_plan(exponent_bits), parameters)
    return JoinedWords(name, joined_plan(WEIGHTS[name], exponent_bits), parameters)


def _key(row: dict) -> tuple:
    return row["format"], row["scheme"], row["ber"], row["trial"]
