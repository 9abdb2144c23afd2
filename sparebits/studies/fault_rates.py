"""How often single faults of a place fail: at a bit, at a random bit of a word, and per inference."""

import numpy as np
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.statistics.intervals import wilson_interval
from sparebits.statistics.strata import stratified_rate

RESAMPLES = 1000
FEW = 10
MANTISSA, UPPER = "mantissa", "sign and exponent"
"""All mantissa bits are one stratum, each bit of exponent and sign is one of its own, or all these are one."""
MEASURES = ("changed", "critical")
"""A trial fails if any image of it changes its class; if the accuracy drops by more than the tolerance."""


def with_outcomes(trials: pd.DataFrame, tolerance_pp: float) -> pd.DataFrame:
    """The trials with `any_changed` and `is_critical`, and the `share` of the images that changed, in 0..1."""
    return trials.assign(
        any_changed=trials["changed"] > 0,
        is_critical=trials["drop_pp"] > tolerance_pp,
        share=trials["changed"] / trials["images"],
    )


def bit_strata(bits: pd.Series, fmt: FloatFormat) -> pd.Series:
    """The stratum of each bit: its number, or MANTISSA; as text."""
    return bits.astype(str).where(bits >= fmt.mantissa_bits, MANTISSA)


def strata_of(fmt: FloatFormat) -> dict[str, int]:
    """The bits of each stratum, the sign first."""
    return {str(bit): 1 for bit in range(fmt.sign_bit, fmt.mantissa_bits - 1, -1)} | {MANTISSA: fmt.mantissa_bits}


def rates_of(trials: pd.DataFrame) -> dict:
    """Of trials that are alike: how many fail, with Wilson intervals; trials as `with_outcomes` gives them."""
    total = len(trials)
    found = {"trials": total}
    for measure, column in zip(MEASURES, ("any_changed", "is_critical"), strict=True):
        failures = int(trials[column].sum())
        low, high = wilson_interval(failures, total)
        names = _names(measure)
        found |= dict(zip(names, (failures, failures / total, float(low), float(high)), strict=True))
    return found | {"share": float(trials["share"].mean()), "drop_pp": float(trials["drop_pp"].mean())}


def word_rates(trials: pd.DataFrame, weights: pd.Series, random: np.random.Generator) -> dict:
    """As `rates_of`, for a bit drawn from all bits of some words, of trials that were drawn stratum by stratum.

    `share` is then the probability that one inference changes its class, and `drop_pp` the mean drop. Their intervals
    are over trials: a bootstrap within strata (percentiles, Efron 1979). Where fewer than FEW trials change anything a
    bootstrap is too sure, and the interval of the share reaches from 0 to the bound of P(any image changes).

    Args:
        trials: as `with_outcomes` gives them, with their `stratum`.
        weights: the bits of each stratum, by its name; all have trials.
        random: of the bootstrap.
    """
    groups = trials.groupby("stratum", sort=False)
    sizes = groups.size()
    weights = weights[sizes.index].to_numpy(dtype=float)
    found = {"trials": len(trials)}
    for measure, column in zip(MEASURES, ("any_changed", "is_critical"), strict=True):
        failures = groups[column].sum().to_numpy()
        rate = stratified_rate(failures, sizes.to_numpy(), weights)
        numbers = (int(failures.sum()), rate.rate, rate.low, rate.high)
        found |= dict(zip(_names(measure), numbers, strict=True))
    weights = weights / weights.sum()
    for column in ("share", "drop_pp"):
        parts = [group.to_numpy() for _, group in groups[column]]
        found[column] = float(sum(weight * part.mean() for weight, part in zip(weights, parts, strict=True)))
        resampled = sum(weight * resampled_means(part, random) for weight, part in zip(weights, parts, strict=True))
        low, high = np.quantile(resampled, [0.025, 0.975])
        found |= {f"{column}_low": float(low), f"{column}_high": float(high)}
    if found["failures"] < FEW:
        found |= {"share_low": 0.0, "share_high": found["high"]}
    return found


def resampled_means(numbers: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Means of RESAMPLES samples of as many numbers, drawn with replacement, float64 (RESAMPLES,)."""
    if (numbers == numbers[0]).all():
        return np.full(RESAMPLES, numbers[0])
    return random.choice(numbers, size=(RESAMPLES, len(numbers))).mean(axis=1)


def _names(measure: str) -> tuple[str, ...]:
    """Columns of a measure: failing trials, their rate and its interval; those of any change go without a prefix."""
    if measure == "changed":
        return ("failures", "rate", "low", "high")
    return ("critical", "critical_rate", "critical_low", "critical_high")
