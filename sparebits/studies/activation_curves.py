"""Do networks that differ in their activation function react differently to the size of a change?

Their curves of failures against size are fitted apart and as one. The unit is a change of a value in these networks;
one network of each activation tells nothing of how networks of the same kind differ among themselves.
"""

from collections.abc import Mapping
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from sparebits.statistics.failure_curves import FailureCurve, fit_curve
from sparebits.statistics.logistic import likelihood_ratio_p
from sparebits.statistics.paired_trials import holm
from sparebits.studies.value_changes import CHOSEN

UNIT = "of tensor"
"""The size of a change that is compared: in root mean squares of its tensor."""
_PARAMETERS = 3


def comparable_networks(tables: Mapping[str, pd.DataFrame]) -> list[list[str]]:
    """Networks of one architecture and with different activations, one of each: groups of two or more.

    Args:
        tables: by network study_positions.csv.
    """
    groups: dict[str, dict[str, str]] = {}
    for network, table in tables.items():
        groups.setdefault(table["architecture"].iloc[0], {}).setdefault(table["activation"].iloc[0], network)
    return [list(group.values()) for group in groups.values() if len(group) > 1]


def compare_activations(tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Each two networks of a group: whether one curve does for both.

    Args:
        tables, curves: by network study_positions.csv and study_positions_curves.csv.

    Returns:
        first, second, activation, other_activation, statistic, p_value (likelihood ratio of one curve and two), p_holm,
        times and times_low, times_high (the size at which the second one's failures begin, over the first one's),
        plateau_difference with low and high, trials. Intervals of differences are put together from those of the two
        networks (Zou & Donner 2008).
    """
    rows = []
    for group in comparable_networks(tables):
        for first, second in combinations(group, 2):
            rows.append({"first": first, "second": second, **_compared(tables, curves, first, second)})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p_value"])) if len(table) else table


def networks_needed(confidence: float = 0.95) -> int:
    """Networks of each of two activations with which a rank test can tell them apart at all (Mann & Whitney 1947).

    The least n with 2 / C(2n, n) at most 1 - confidence: the p-value if all of one kind lie beyond all of the other.
    """
    number = 2
    while 2 / comb(2 * number, number) > 1 - confidence:
        number += 1
    return number


def curve_points(table: pd.DataFrame) -> pd.DataFrame:
    """The chosen changes of a network by size: middle of the class, trials, failures."""
    rows = table[(table["source"] == CHOSEN) & (table["by"] == UNIT)]
    return rows.assign(middle=(rows["from_size"] + rows["to_size"]) / 2)


def _compared(tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame], first: str, second: str) -> dict:
    points = [curve_points(tables[network]) for network in (first, second)]
    both = pd.concat(points)
    apart = sum(_deviance(part) for part in points)
    statistic = _deviance(both) - apart
    rows = [_curve(curves[network]) for network in (first, second)]
    begin, low, high = _difference(*rows, "moves_at")
    plateau, plateau_low, plateau_high = _difference(*rows, "plateau")
    activations = [tables[network]["activation"].iloc[0] for network in (first, second)]
    return {
        **{"activation": activations[0], "other_activation": activations[1]},
        **{"statistic": statistic, "p_value": likelihood_ratio_p(statistic, 0.0, _PARAMETERS)},
        **{"times": 10**begin, "times_low": 10**low, "times_high": 10**high},
        **{"plateau_difference": plateau, "plateau_low": plateau_low, "plateau_high": plateau_high},
        "trials": int(both["trials"].sum()),
    }


def _deviance(points: pd.DataFrame) -> float:
    """Of the best curve; without any failure, of none at all."""
    if not points["failures"].any():
        return 0.0
    return fit_curve(points["middle"], points["failures"], points["trials"]).deviance


def _curve(curves: pd.DataFrame) -> pd.Series:
    return curves[(curves["source"] == CHOSEN) & (curves["by"] == UNIT)].iloc[0]


def _difference(first: pd.Series, second: pd.Series, name: str) -> tuple[float, float, float]:
    """Second minus first of a number that has `_low` and `_high`."""
    one, other = first[name], second[name]
    low = other - one - np.hypot(other - second[f"{name}_low"], first[f"{name}_high"] - one)
    high = other - one + np.hypot(second[f"{name}_high"] - other, one - first[f"{name}_low"])
    return float(other - one), float(low), float(high)


def fitted(curves: pd.DataFrame) -> FailureCurve | None:
    """The curve of a network's chosen changes; None if it has none."""
    row = _curve(curves)
    if "plateau" not in row or np.isnan(row["plateau"]):
        return None
    return FailureCurve(row["plateau"], row["middle"], row["slope"], 0.0)
