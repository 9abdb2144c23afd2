"""Corrected, detected and miscorrected code words of a campaign against the exact probabilities of the codes."""

from collections.abc import Sequence
from statistics import mode

import numpy as np
import pandas as pd
from scipy.stats import norm, poisson

from sparebits.campaign.held import independent_flips
from sparebits.decoding.expected import ExpectedOutcome, expected_outcome
from sparebits.schemes.stored import StoredNetwork

OBSERVED = {"corrected": "corrected_words", "detected": "detected", "miscorrected": "miscorrected"}
NORMAL_FROM = 25.0
"""Variance of a count from which it is taken for normally distributed; rarer words are counted as Poisson."""


def word_counts(campaign: pd.DataFrame, schemes: Sequence[StoredNetwork]) -> pd.DataFrame:
    """word_counts.csv: a row a scheme, bit error rate and outcome.

    Only cells that ran all of their trials count: those that ended early did so because of what happened to words.

    Args:
        campaign: campaign.csv.
        schemes: that were measured.

    Returns:
        scheme, ber, trials, code_words (in each), outcome, observed and expected (in all trials together), p_value
        (two-sided), format.
    """
    flips = independent_flips(campaign)
    rows = []
    sizes = flips[flips["ber"] > 0].groupby(["scheme", "ber"]).size()
    # A scheme whose every cell ended early is told by what others ran.
    usual = mode(sizes.groupby("scheme").max()) if len(sizes) else 0
    for scheme in schemes:
        own = flips[(flips["scheme"] == scheme.name) & (flips["ber"] > 0)]
        planned = max(own.groupby("ber").size().max(), usual) if len(own) else usual
        for ber, cell in own.groupby("ber"):
            expected = _expected(scheme, ber)
            if len(cell) == planned and expected is not None:
                rows += _rows(scheme, float(ber), cell, *expected)
    columns = ["scheme", "ber", "trials", "code_words", "outcome", "observed", "expected", "p_value", "format"]
    return pd.DataFrame(rows, columns=columns)


def _expected(scheme: StoredNetwork, ber: float) -> tuple[int, np.ndarray, np.ndarray] | None:
    """Code words, and by outcome the mean and the variance of their counts in a trial."""
    mean, variance, words = np.zeros(3), np.zeros(3), 0
    outcomes: dict[tuple, ExpectedOutcome | None] = {}
    for code, decoder, count in scheme.coded_words:
        key = (code.name, decoder)
        if key not in outcomes:
            outcomes[key] = expected_outcome(code, decoder, ber)
        if outcomes[key] is None:
            return None
        p = np.array(outcomes[key])
        mean += count * p
        variance += count * p * (1 - p)
        words += count
    return (words, mean, variance) if words else None


def _rows(scheme: StoredNetwork, ber: float, cell: pd.DataFrame, words: int, mean, variance) -> list[dict]:
    rows = []
    for (outcome, column), of_trial, spread in zip(OBSERVED.items(), mean, variance, strict=True):
        observed, expected = int(cell[column].sum()), float(of_trial * len(cell))
        rows.append(
            {
                "scheme": scheme.name,
                "ber": ber,
                "trials": len(cell),
                "code_words": words,
                "outcome": outcome,
                "observed": observed,
                "expected": expected,
                "p_value": _p_value(observed, expected, float(spread * len(cell))),
                "format": cell["format"].iloc[0],
            }
        )
    return rows


def _p_value(observed: int, expected: float, variance: float) -> float:
    """Two-sided: twice the smaller tail, at most 1."""
    if variance >= NORMAL_FROM:
        z = (abs(observed - expected) - 0.5) / variance**0.5
        return float(min(1.0, 2 * norm.sf(max(z, 0.0))))
    return float(min(1.0, 2 * min(poisson.cdf(observed, expected), poisson.sf(observed - 1, expected))))
