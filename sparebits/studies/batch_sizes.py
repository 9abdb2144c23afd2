"""Does the mini-batch size change how often flipped bits make inference fail? (Research notes, question 1.)

Two regimes. *Held*: one fault over all images; which of them fail does not depend on how they are put into batches,
which is shown by really running some faults in batches of every size (see `held_faults`). *Redrawn*: a fault for every
batch, as experiments that inject while they go through a data set do; then the batch size is also the number of images
that share a fault, and fewer, larger batches meet fewer faults. Since predictions do not depend on the batch size, both
follow without further inference, and without approximation, from which images fail under which faults (see
`batch_runs`).

An image fails under a fault if its predicted class is not that of the untouched network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, nan, sqrt

import numpy as np
import pandas as pd
from scipy.stats import norm

from sparebits.statistics.clusters import ClusteredRate, crossed_rate
from sparebits.statistics.intervals import wilson_interval
from sparebits.studies.batch_runs import batch_shares, batch_sizes_up_to, draw_runs, run_variance
from sparebits.studies.failure_matrix import BitFaults, FailureMatrix

RANDOM = "random bits"
"""What all bits together are called, each of them as probable as any other."""
COMPARED = (256, 512, 1024)
"""The batch sizes that the notes tried."""
_QUANTILES = {"run_2.5": 0.025, "run_25": 0.25, "run_50": 0.5, "run_75": 0.75, "run_97.5": 0.975}
_SHOWN = ("first_run", "second_run", "third_run")
_TOLD_APART, _POWER = 0.1, 0.8
"""For planning: the relative difference of two failure rates that is to be seen, and how surely."""


@dataclass(frozen=True)
class Group:
    """Faults that are drawn together.

    Attributes:
        where: name.
        bit: that all of them flip, or -1.
        rows: numbers of the faults, int64 (n,).
        weights: probability of each to be drawn, (n,), in all 1.
        rate: share of images that fail, with an interval over both faults and source images.
    """

    where: str
    bit: int
    rows: np.ndarray
    weights: np.ndarray
    rate: ClusteredRate


def groups_of(faults: BitFaults, matrix: FailureMatrix) -> list[Group]:
    """Faults by bit from the highest down, and all together with every bit as probable as any other."""
    counts, sizes = matrix.by_source
    present = sorted(set(faults.bits.tolist()), reverse=True)
    groups = []
    for bit in present:
        rows = np.flatnonzero(faults.bits == bit)
        weights = np.full(len(rows), 1 / len(rows))
        groups.append(Group(f"bit {bit}", bit, rows, weights, crossed_rate(counts[rows], sizes)))
    strata = np.searchsorted(-np.array(present), -faults.bits)
    weights = 1 / len(present) / np.bincount(strata)[strata]
    everything = Group(RANDOM, -1, np.arange(len(strata)), weights, crossed_rate(counts, sizes, strata))
    return [*groups, everything]


def batch_size_table(
    groups: Sequence[Group], matrix: FailureMatrix, runs: int, seed: int, words: int
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Failure rates by batch size in both regimes, and the runs that were drawn.

    Args:
        runs: to draw for each group and batch size.
        seed: of the draws.
        words: of the network, so that networks of other sizes draw other runs. Those of a bit and a batch size depend
            on nothing else.

    Returns:
        batch_size, where, bit, regime (held, redrawn), runs, faults, images, sources, batches, drawn (faults of a run),
        failure_rate, low, high (95 %, over faults and source images), error_rate (of labels), golden_error_rate,
        mean_of_runs, first_run, second_run, third_run, run_2.5, run_25, run_50, run_75, run_97.5 (quantiles of the
        runs), sd_of_one_run, sd_low, sd_high (95 %), expected_sd (exact), fault_share (of the variance of a run: what
        comes from which faults are drawn), design_effect (variance over that at batch size 1), seed. The runs that hold
        a fault are all faults, one each.

        By group the failure rates of the runs with redrawn faults, (batch sizes, runs).
    """
    images = matrix.failures.shape[1]
    sizes = batch_sizes_up_to(images)
    rows, drawn = [], {}
    for group in groups:
        failures, weights = matrix.failures[group.rows], group.weights
        common = {
            **{"where": group.where, "bit": group.bit, "faults": len(group.rows), "images": images},
            **{"sources": len(matrix.by_source[1]), "failure_rate": group.rate.rate},
            **{"low": group.rate.low, "high": group.rate.high},
            **{"error_rate": 1 - float(weights @ matrix.hits[group.rows]) / images},
            **{"golden_error_rate": 1 - matrix.golden_hits / images, "seed": seed},
        }
        held = _held(failures, weights, np.random.default_rng([seed, words, group.bit + 1]))
        found = np.empty((len(sizes), runs))
        single = run_variance(batch_shares(failures, 1), weights).total
        for place, size in enumerate(sizes):
            shares = batch_shares(failures, size)
            generator = np.random.default_rng([seed, words, group.bit + 1, size])
            found[place] = draw_runs(shares, weights, runs, generator)
            variance = run_variance(shares, weights)
            redrawn = {
                **{"runs": runs, "drawn": images // size, **_of_runs(found[place], np.full(runs, 1 / runs))},
                **dict(zip(_SHOWN, found[place][:3].tolist(), strict=True)),
                "expected_sd": sqrt(variance.total),
                # Where nothing fails nothing varies.
                "fault_share": variance.of_faults / variance.total if variance.total else nan,
                "design_effect": variance.total / single if single else nan,
            }
            here = {"batch_size": size, "batches": images // size, **common}
            rows += [{**here, "regime": "held", **held}, {**here, "regime": "redrawn", **redrawn}]
        drawn[group.where] = found
    columns = [
        *("batch_size", "where", "bit", "regime", "runs", "faults", "images", "sources", "batches", "drawn"),
        *("failure_rate", "low", "high", "error_rate", "golden_error_rate", "mean_of_runs", *_SHOWN, *_QUANTILES),
        *("sd_of_one_run", "sd_low", "sd_high", "expected_sd", "fault_share", "design_effect", "seed"),
    ]
    return pd.DataFrame(rows)[columns], drawn


def _held(failures: np.ndarray, weights: np.ndarray, generator: np.random.Generator) -> dict[str, float]:
    """Runs that hold one fault each: every fault, as probable as its weight."""
    rates = failures.mean(axis=1)
    shown = rates[generator.choice(len(rates), len(_SHOWN), p=weights)]
    found = _of_runs(rates, weights) | dict(zip(_SHOWN, shown.tolist(), strict=True))
    expected = {"expected_sd": found["sd_of_one_run"], "fault_share": 1.0, "design_effect": nan}
    return {"runs": len(rates), "drawn": 1, **found, **expected}


def _of_runs(rates: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """What runs came to: mean, quantiles, and the standard deviation with its interval."""
    mean = float(weights @ rates)
    squares = (rates - mean) ** 2
    variance = float(weights @ squares)
    # A mean of squares has the error of a mean.
    margin = norm.ppf(0.975) * sqrt(float(weights @ (squares - variance) ** 2) / len(rates))
    order = np.argsort(rates, kind="stable")
    places = np.searchsorted(np.cumsum(weights[order]) - 1e-12, list(_QUANTILES.values()))
    return {
        "mean_of_runs": mean,
        **dict(zip(_QUANTILES, rates[order[np.minimum(places, len(rates) - 1)]].tolist(), strict=True)),
        "sd_of_one_run": sqrt(variance),
        "sd_low": sqrt(max(0.0, variance - margin)),
        "sd_high": sqrt(variance + margin),
    }


def trend_table(table: pd.DataFrame, drawn: dict[str, np.ndarray], compared: Sequence[int] = COMPARED) -> pd.DataFrame:
    """Whether the mean of runs with redrawn faults depends on the batch size, and what one run at each of a few shows.

    Args:
        table, drawn: of `batch_size_table`.
        compared: batch sizes, ascending; those that the table lacks are left out.

    Returns:
        where, bit, runs, failure_rate; slope (of the failure rate for a doubling of the batch size: weighted least
        squares over the means of all sizes, whose variances are exact), slope_low, slope_high (95 %), p_value
        (two-sided); compared (batch sizes); not_monotonic (share of the sets of one run each in which the rate rises at
        one step and falls at another), not_monotonic_low, not_monotonic_high (Wilson 95 %); range_50, range_97.5
        (quantiles of the largest minus the smallest rate of a set); runs_needed (at each of the smallest and the
        largest of these sizes, to see with a probability of 80 % that their rates differ by a tenth), seed.
    """
    rows = []
    for where, found in table[table["regime"] == "redrawn"].groupby("where", sort=False):
        runs, first = drawn[where], found.iloc[0]
        sizes, variances = found["batch_size"].to_numpy(), found["expected_sd"].to_numpy() ** 2
        chosen = np.flatnonzero(np.isin(sizes, list(compared)))
        sets, count = runs[chosen], runs.shape[1]
        steps = np.diff(sets, axis=0)
        mixed = int(((steps > 0).any(axis=0) & (steps < 0).any(axis=0)).sum())
        low, high = wilson_interval(mixed, count)
        ranges = np.ptp(sets, axis=0)
        rows.append(
            {
                **{"where": where, "bit": first["bit"], "runs": count, "failure_rate": first["failure_rate"]},
                **_slope(np.log2(sizes), runs.mean(axis=1), variances / count),
                **{"compared": " ".join(map(str, sizes[chosen])), "not_monotonic": mixed / count},
                **{"not_monotonic_low": float(low), "not_monotonic_high": float(high)},
                **{"range_50": float(np.median(ranges)), "range_97.5": float(np.quantile(ranges, 0.975))},
                **{"runs_needed": _runs_needed(first["failure_rate"], variances[chosen[[0, -1]]])},
                "seed": first["seed"],
            }
        )
    return pd.DataFrame(rows)


def _slope(doublings: np.ndarray, means: np.ndarray, variances: np.ndarray) -> dict[str, float]:
    """Weighted least squares of means of known variances; missing where nothing varies."""
    if not variances.all():
        return dict.fromkeys(("slope", "slope_low", "slope_high", "p_value"), nan)
    weights = 1 / variances
    off = doublings - weights @ doublings / weights.sum()
    information = float(weights @ off**2)
    slope, error = float((weights * off) @ means) / information, 1 / sqrt(information)
    margin = norm.ppf(0.975) * error
    p_value = float(2 * norm.sf(abs(slope) / error))
    return {"slope": slope, "slope_low": slope - margin, "slope_high": slope + margin, "p_value": p_value}


def _runs_needed(rate: float, variances: np.ndarray) -> float:
    """At each of two batch sizes, by the normal approximation; missing where nothing fails."""
    if rate == 0:
        return nan
    return float(ceil(variances.sum() * ((norm.ppf(0.975) + norm.ppf(_POWER)) / (_TOLD_APART * rate)) ** 2))
