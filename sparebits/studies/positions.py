"""Is it the bit that is hit, or the size of the change, that decides whether a fault of a parameter does harm?

Every flip has both. So failures are told by bit, and by size in three units: the change itself, as a multiple of the
value that is hit, and as a multiple of the root mean square of its tensor. Changes that are no flips (`value_changes`)
tell the two apart.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.statistics.common_odds import common_odds_ratio
from sparebits.statistics.failure_curves import FailureCurve, fit_curve, resampled_curves
from sparebits.statistics.logistic import deviance, fit_logistic, indicators, likelihood_ratio_p
from sparebits.statistics.paired_images import drop_interval, mcnemar_exact
from sparebits.studies.fault_rates import bit_strata, rates_of, strata_of, with_outcomes, word_rates
from sparebits.studies.value_changes import CHOSEN, SAME

FLIP = "flip"
SIZES = ("absolute", "of value", "of tensor")
"""Units of a change: none, the value that is hit, the root mean square of its tensor."""
BINS_A_DECADE = 4
CURVE_RESAMPLES = 400
MOVING_RATE = 0.01
"""The probability of a failure from which on a change is said to matter."""
_FIT_DIGITS = 1
"""Decimals of the logarithms of sizes in fits, which then go over fewer sizes."""


def sized(trials: pd.DataFrame, units: Mapping[str, float], tolerance_pp: float) -> pd.DataFrame:
    """The trials with their outcomes and the decimal logarithm of the change in each of SIZES.

    NaN: the change is none (lost in rounding), infinite or NaN, or what it is to be a multiple of is 0.

    Args:
        trials: tensor, before, after, and what `with_outcomes` takes.
        units: root mean square of each tensor.
    """
    units = {"absolute": 1.0, "of value": trials["before"].abs(), "of tensor": trials["tensor"].map(units)}
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.log10((trials["after"] - trials["before"]).abs())
        # Of logarithms, as the largest changes over small values leave the range of numbers.
        logs = {name: change - np.log10(unit) for name, unit in units.items()}
    return with_outcomes(trials, tolerance_pp).assign(
        **{name: log.where(np.isfinite(log)) for name, log in logs.items()}
    )


def position_rates(
    flips: pd.DataFrame, changes: pd.DataFrame, fmt: FloatFormat, random: np.random.Generator
) -> pd.DataFrame:
    """How often changes fail by field, bit and size.

    Args:
        flips: of the whole network's parameters, as `sized` gives them.
        changes: likewise.

    Returns:
        source (flip, same change, chosen change), by (field, bit, one of SIZES), value (sign, exponent, mantissa, all;
        or a bit), from_size and to_size (decimal logarithms), and the columns of `rates_of`, images. Of fields also
        those of `word_rates`: a random bit of the field is hit.
    """
    rows = []
    fields = {
        "sign": [fmt.sign_bit],
        "exponent": range(fmt.mantissa_bits, fmt.sign_bit),
        "mantissa": range(fmt.mantissa_bits),
    }
    for field, bits in (fields | {"all": range(fmt.width)}).items():
        group = flips[flips["bit"].isin(bits)]
        group = group.assign(stratum=bit_strata(group["bit"], fmt))
        rows.append(
            {"source": FLIP, "by": "field", "value": field, **word_rates(group, pd.Series(strata_of(fmt)), random)}
        )
    for bit, group in flips.groupby("bit"):
        rows.append({"source": FLIP, "by": "bit", "value": str(bit), **rates_of(group)})
    pairs = changes[changes["source"] == SAME].merge(flips[["trial", "bit"]], left_on="flip", right_on="trial")
    for bit, group in pairs.groupby("bit"):
        rows.append({"source": SAME, "by": "bit", "value": str(bit), **rates_of(group)})
    for source, trials in ((FLIP, flips), (CHOSEN, changes[changes["source"] == CHOSEN])):
        for unit in SIZES:
            known = trials[trials[unit].notna()]
            for place, group in known.groupby(np.floor(known[unit] * BINS_A_DECADE).astype(int)):
                ends = {"from_size": place / BINS_A_DECADE, "to_size": (place + 1) / BINS_A_DECADE}
                rows.append({"source": source, "by": unit, **ends, **rates_of(group)})
    return pd.DataFrame(rows).assign(images=int(flips["images"].iloc[0]))


def position_curves(flips: pd.DataFrame, changes: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """How well position and size say which trials fail, and the curve of failures against size.

    Args:
        flips, changes: as for `position_rates`; all sizes of a trial are known or it is left out.

    Returns:
        source (flip, chosen change), by (bit, or one of SIZES), trials, failures, explained (share of the deviance that
        it explains); of sizes also plateau, middle and slope of the curve, and `moves_at`, the size at which
        MOVING_RATE is reached (decimal logarithms), each with low and high (95 %, bootstrap over trials). Between 10^2
        and 10^36 hardly any flip lies, so the middle of their curve may be anywhere there.
    """
    rows = []
    for source, trials in ((FLIP, flips), (CHOSEN, changes[changes["source"] == CHOSEN])):
        known = trials[trials[list(SIZES)].notna().all(axis=1)]
        failed = known["any_changed"].to_numpy(dtype=float)
        what = {"source": source, "trials": len(known), "failures": int(failed.sum())}
        if not 0 < failed.mean() < 1:
            rows += [{**what, "by": by} for by in ("bit", *SIZES)]
            continue
        strata = known["bit"].to_numpy() if source == FLIP else np.zeros(len(known))
        if source == FLIP:
            rates = known.groupby("bit")["any_changed"].transform("mean").to_numpy()
            rows.append({**what, "by": "bit", "explained": _explained(deviance(failed, rates), failed)})
        for unit in SIZES:
            sizes = known[unit].round(_FIT_DIGITS).to_numpy()
            curve = fit_curve(sizes, failed, np.ones(len(failed)))
            rows.append({**what, "by": unit, **_curve_row(curve, sizes, failed, strata, random)})
    return pd.DataFrame(rows)


def position_tests(flips: pd.DataFrame, changes: pd.DataFrame, fmt: FloatFormat) -> pd.DataFrame:
    """Position against size.

    Returns:
        question, statistic and parameters (of likelihood-ratio tests), explained (share of the deviance that comes on
        top), odds_ratio or difference_pp with low and high, p_value, trials. The questions:

        - bit beyond size, part beyond size, size beyond bit: logistic regressions with the one, and with both.
        - exponent against mantissa and sign: odds of a failure at equal size (classes of half a decade).
        - flip against same change: P(failure) of flips less that of the same changes elsewhere, in percentage points.
    """
    known = flips[flips[list(SIZES)].notna().all(axis=1)]
    rows = [
        _beyond("bit beyond size", known, _size_levels(known), _levels(known["bit"], _size_levels(known), known)),
        _beyond("part beyond size", known, _size_levels(known), _levels(_parts(known), _size_levels(known), known)),
        _beyond(
            "size beyond bit",
            known,
            _levels(known["bit"], None, known),
            np.clip(known[["of tensor"]], -3, 3).to_numpy(),
        ),
        _exponent_at_equal_size(known, fmt),
        _flip_against_same_change(flips, changes[changes["source"] == SAME]),
    ]
    return pd.DataFrame(rows)


def _explained(found: float, failed: np.ndarray) -> float:
    return 1 - found / deviance(failed, np.full(len(failed), failed.mean()))


def _curve_row(
    curve: FailureCurve, sizes: np.ndarray, failed: np.ndarray, strata: np.ndarray, random: np.random.Generator
) -> dict:
    found = resampled_curves(sizes, failed, strata, curve, random, CURVE_RESAMPLES)
    parts = {
        "plateau": lambda one: one.plateau,
        "middle": lambda one: one.middle,
        "slope": lambda one: one.slope,
        "moves_at": lambda one: one.size_at(MOVING_RATE),
    }
    row = {"explained": _explained(curve.deviance, failed)}
    for name, part in parts.items():
        low, high = np.quantile([part(one) for one in found], [0.025, 0.975], method="nearest")
        row |= {name: part(curve), f"{name}_low": float(low), f"{name}_high": float(high)}
    return row


def _parts(trials: pd.DataFrame) -> pd.Series:
    return trials["layer_type"] + " " + trials["kind"]


def _size_levels(trials: pd.DataFrame) -> np.ndarray:
    """A level for each half of a decade of the change relative to its tensor, and a slope within: a curve of any shape.

    Beyond three decades to either side, where nothing or everything that can fail does, there is one level each.
    """
    sizes = trials["of tensor"].to_numpy()
    classes = size_classes(trials)
    return np.column_stack([indicators(classes, list(np.unique(classes))), np.clip(sizes, -3, 3)])


def size_classes(trials: pd.DataFrame) -> np.ndarray:
    """The half decade of the change relative to its tensor, as a number, from -6 (below 10^-3) to 6 (from 10^3 on)."""
    return np.clip(np.floor(2 * trials["of tensor"].to_numpy()), -6, 6).astype(int)


def _levels(labels: pd.Series, design: np.ndarray | None, trials: pd.DataFrame) -> np.ndarray:
    """A column for each label; beyond a design only for those of which, by it, some trials fail and some do not.

    All others would add parameters about which the trials say nothing.
    """
    named = list(pd.unique(labels))
    if design is not None:
        fit = fit_logistic(design, trials["any_changed"].to_numpy())
        rates = 1 / (1 + np.exp(-design @ fit.estimates))
        expected = pd.DataFrame({"fail": rates, "spared": 1 - rates}).groupby(labels.to_numpy()).sum().min(axis=1)
        named = [label for label in named if expected[label] >= 1]
    return indicators(labels.to_numpy(), named)


def _beyond(question: str, trials: pd.DataFrame, smaller: np.ndarray, more: np.ndarray) -> dict:
    """Whether more columns explain what some do not."""
    failed = trials["any_changed"].to_numpy()
    first, both = fit_logistic(smaller, failed), fit_logistic(np.column_stack([smaller, more]), failed)
    parameters = both.parameters - first.parameters
    total = deviance(failed, np.full(len(failed), failed.mean()))
    return {
        **{"question": question, "statistic": first.deviance - both.deviance, "parameters": parameters},
        "explained": (first.deviance - both.deviance) / total if total else np.nan,
        **{"p_value": likelihood_ratio_p(first.deviance, both.deviance, parameters), "trials": len(trials)},
    }


def _exponent_at_equal_size(trials: pd.DataFrame, fmt: FloatFormat) -> dict:
    is_exponent = trials["bit"].between(fmt.mantissa_bits, fmt.sign_bit - 1)
    counts = trials.groupby([pd.Series(size_classes(trials), trials.index), is_exponent])["any_changed"]
    counts = counts.agg(["sum", "size"]).unstack(fill_value=0).reindex(columns=[True, False], level=1, fill_value=0)
    own, other = counts.xs(True, axis=1, level=1), counts.xs(False, axis=1, level=1)
    found = common_odds_ratio(own["sum"], own["size"], other["sum"], other["size"])
    return {
        **{"question": "exponent against mantissa and sign", "odds_ratio": found.ratio},
        **{"low": found.low, "high": found.high, "p_value": found.p_value, "trials": len(trials)},
    }


def _flip_against_same_change(flips: pd.DataFrame, changes: pd.DataFrame) -> dict:
    """Pairs of equal size, so McNemar's test and the interval of a paired difference; the unit is the pair."""
    pairs = changes[["flip", "any_changed"]].merge(flips[["trial", "any_changed"]], left_on="flip", right_on="trial")
    of_change, of_flip = pairs["any_changed_x"], pairs["any_changed_y"]
    more, fewer = int((of_flip & ~of_change).sum()), int((~of_flip & of_change).sum())
    low, high = drop_interval(more, fewer, len(pairs))
    return {
        **{"question": "flip against same change", "difference_pp": 100 * (more - fewer) / len(pairs)},
        **{"low": float(low), "high": float(high), "p_value": float(mcnemar_exact(more, fewer)), "trials": len(pairs)},
        **{"flip_failures": int(of_flip.sum()), "change_failures": int(of_change.sum())},
    }
