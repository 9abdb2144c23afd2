"""Schemes of a fault campaign against one of them, under the same fault maps."""

import numpy as np
import pandas as pd

from sparebits.errors import InputError
from sparebits.statistics.paired_trials import holm, paired_bootstrap

COLUMNS = ("scheme", "reference", "ber", "trials", "difference_pp", "low", "high", "p_value", "p_holm")


def compare_schemes(
    campaign: pd.DataFrame, reference: str, seed: int = 0, confidence: float = 0.95, resamples: int = 9999
) -> pd.DataFrame:
    """How much more each scheme drops than the reference does under the same fault maps.

    Trials are paired by bit error rate and seed. A rate that a scheme or the reference has left has no row. See
    paired_trials.paired_bootstrap for the interval and the p-value.

    Args:
        campaign: campaign.csv of one network: scheme, ber, seed, map_hash and drop_pp are read.
        reference: name of the scheme to compare with.
        seed: of the resampling; every comparison starts from it, so no row depends on which others there are.
        confidence: of the interval.
        resamples: of the bootstrap and of the sign-flip test.

    Returns:
        a row for each other scheme and rate above 0, in the order of the campaign: scheme, reference, ber, trials
        (paired), difference_pp (mean drop of the scheme minus that of the reference, in percentage points; below 0 the
        scheme is better), its low and high, p_value, p_holm (Holm 1979, over the schemes at this rate). Of a single
        trial low and high are NaN and p is 1.

    Raises:
        InputError: a column is missing, the reference is not in the campaign, a scheme has two trials with the same
            rate and seed, or two schemes have different fault maps there.
    """
    _check(campaign, reference)
    faulty = campaign[campaign["ber"] > 0]
    drops = {
        scheme: rows.set_index(["ber", "seed"])["drop_pp"] for scheme, rows in faulty.groupby("scheme", sort=False)
    }
    # A scheme that costs too much without faults is measured under none.
    no_trials = pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=["ber", "seed"]))
    of_reference = drops.pop(reference, no_trials)
    rows = []
    for scheme, of_scheme in drops.items():
        paired = pd.concat({"scheme": of_scheme, "reference": of_reference}, axis=1, join="inner")
        for ber, pairs in paired.groupby(level="ber"):
            first, second = pairs["scheme"].to_numpy(), pairs["reference"].to_numpy()
            outcome = paired_bootstrap(first, second, np.random.default_rng(seed), confidence, resamples)
            interval = (outcome.difference, outcome.low, outcome.high, outcome.p_value)
            rows.append((scheme, reference, ber, len(pairs), *interval))
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    table["p_holm"] = table.groupby("ber")["p_value"].transform(lambda p_values: holm(p_values.to_numpy()))
    return table


def _check(campaign: pd.DataFrame, reference: str) -> None:
    missing = {"scheme", "ber", "seed", "map_hash", "drop_pp"} - set(campaign.columns)
    if missing:
        raise InputError(f"the campaign has no column {', '.join(sorted(missing))}; expected a campaign.csv")
    if reference not in set(campaign["scheme"]):
        schemes = ", ".join(campaign["scheme"].unique())
        raise InputError(f"the campaign has no scheme {reference!r}; it has {schemes}")
    twice = campaign[campaign.duplicated(["scheme", "ber", "seed"])]
    if len(twice):
        row = twice.iloc[0]
        raise InputError(f"the campaign has two trials of {row['scheme']} at ber {row['ber']} with seed {row['seed']}")
    maps = campaign.groupby(["ber", "seed"])["map_hash"].nunique(dropna=False)
    differing = maps[maps > 1].index
    if len(differing):
        ber, seed = differing[0]
        raise InputError(
            f"schemes had different fault maps at ber {ber} with seed {seed} (map_hash); measure them in one campaign"
        )
