"""Copies that lack bits against as many copies of all bits, under the same fault maps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.report.tables import Table
from sparebits.report.wording import p_value, points, points_interval
from sparebits.statistics.paired_trials import holm, paired_bootstrap

RESAMPLES = 4999


@dataclass(frozen=True)
class Comparison:
    """Copies that lack bits against as many copies of all bits, under the same fault maps.

    Attributes:
        copies, dropped: which.
        maps: fault maps of all networks; rates at which a map nests are not independent, so each counts once.
        difference: mean over maps of the share of rates at which they drop too far, less that of full copies.
        low, high: its bounds at 95 % (BCa bootstrap of maps).
        deviation: standard deviation over maps.
        p_holm: of the sign-flip test, adjusted for all comparisons.
    """

    copies: int
    dropped: int
    maps: int
    difference: float
    low: float
    high: float
    deviation: float
    p_holm: float


def comparisons(tables: Mapping[str, pd.DataFrame], resamples: int = RESAMPLES) -> list[Comparison]:
    """Every number of copies and bits against the same number of full copies."""
    frame = pd.concat([table.assign(network=name) for name, table in tables.items()], ignore_index=True)
    frame = frame[(frame["copies"] > 0) & (frame["ber"] > 0)]
    frame = frame.assign(failed=(frame["drop_pp"] > HELD_WITHIN_PP).astype(float))
    keyed = frame[["network", "copies", "dropped", "ber", "seed", "failed"]]
    full = keyed[keyed["dropped"] == 0].drop(columns="dropped")
    pairs = keyed[keyed["dropped"] > 0].merge(full, on=["network", "copies", "ber", "seed"], suffixes=("", "_full"))
    found = []
    for (copies, dropped), own in pairs.groupby(["copies", "dropped"]):
        shares = own.groupby(["network", "seed"])[["failed", "failed_full"]].mean()
        first, second = shares["failed"].to_numpy(), shares["failed_full"].to_numpy()
        outcome = paired_bootstrap(first, second, np.random.default_rng(0), resamples=resamples)
        deviation = float((first - second).std(ddof=1)) if len(first) > 1 else 0.0
        found.append((int(copies), int(dropped), len(first), outcome, deviation))
    adjusted = holm([outcome.p_value for *_, outcome, _ in found]) if found else []
    return [
        Comparison(copies, dropped, maps, outcome.difference, outcome.low, outcome.high, deviation, float(p))
        for (copies, dropped, maps, outcome, deviation), p in zip(found, adjusted, strict=True)
    ]


def comparison_table(found: list[Comparison]) -> Table:
    """A row a comparison."""
    rows = [
        [
            *(f"{one.copies} copies", str(one.dropped), str(one.maps)),
            f"{points(100 * one.difference)} pp\n{points_interval(100 * one.low, 100 * one.high)}",
            p_value(one.p_holm),
        ]
        for one in found
    ]
    columns = ["Copies", "Bits left out", "Fault maps", "More trials that fail", "p (Holm)"]
    return Table("Shorter copies against copies of all bits, under the same fault maps", columns, rows, labels=2)
