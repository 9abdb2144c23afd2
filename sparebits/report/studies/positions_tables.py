"""Tables on size and position: fields of the word, thresholds, what explains outcomes, activations."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sparebits.report.studies.positions_answer import curve_of, is_fitted
from sparebits.report.studies.words import points, ratio, share, sizes
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, p_value, percent
from sparebits.studies.activation_curves import compare_activations
from sparebits.studies.positions import FLIP, SIZES
from sparebits.studies.value_changes import CHOSEN

UNITS = {
    "absolute": "absolute",
    "of value": "in multiples of the value that is hit",
    "of tensor": "in root mean squares of its tensor",
}
"""What sizes of changes are told in."""


def fields(tables: Mapping[str, pd.DataFrame]) -> Table:
    """Failures, changed inferences and drops under a flip of a random bit of each field."""
    columns = [
        "Network",
        "Field",
        "Flips",
        "Any prediction changed",
        "Drop over the tolerance",
        "Inferences changed",
        "Mean drop",
    ]
    rows = []
    for network, table in tables.items():
        for _, row in table[table["by"] == "field"].iterrows():
            rows.append(
                [
                    network,
                    "whole word" if row["value"] == "all" else row["value"],
                    count(row["trials"]),
                    _small(share(row["rate"], row["low"], row["high"])),
                    _small(share(row["critical_rate"], row["critical_low"], row["critical_high"])),
                    _small(share(row["share"], row["share_low"], row["share_high"], 2)),
                    _small(points(row["drop_pp"], row["drop_pp_low"], row["drop_pp_high"])),
                ]
            )
    return Table("One flip of a random bit of sign, exponent and mantissa", columns, rows, labels=2)


def thresholds(curves: Mapping[str, pd.DataFrame]) -> Table:
    """Where failures set in, in each unit of size, and where they level out."""
    columns = ["Network", "Size of the change", "1 % fail from", "Half the plateau at", "Plateau", "Changes"]
    rows = []
    for network, table in curves.items():
        for unit in SIZES:
            row = curve_of(table, CHOSEN, unit)
            if not is_fitted(row):
                continue
            texts = [
                _small(sizes(row[name], row[f"{name}_low"], row[f"{name}_high"])) for name in ("moves_at", "middle")
            ]
            plateau = _small(share(row["plateau"], row["plateau_low"], row["plateau_high"], 0))
            rows.append([network, UNITS[unit], *texts, plateau, count(row["trials"])])
    return Table("From which size of change on the error rate moves (changes of drawn sizes)", columns, rows, labels=2)


def explained(curves: Mapping[str, pd.DataFrame], tests: Mapping[str, pd.DataFrame]) -> Table:
    """What bit and size each say about outcomes, and what one adds to the other."""
    columns = [
        "Network",
        "Bit",
        "Size",
        "Size / value",
        "Size / tensor",
        "Bit beyond size",
        "Size beyond bit",
        "Part beyond size",
    ]
    rows = []
    for network, table in curves.items():
        of_flips = [curve_of(table, FLIP, by).get("explained", np.nan) for by in ("bit", *SIZES)]
        row = [network, *(MISSING if np.isnan(part) else percent(part, 0) for part in of_flips)]
        for question in ("bit beyond size", "size beyond bit", "part beyond size"):
            test = tests[network].set_index("question").loc[question]
            row.append(f"{percent(test['explained'], 1)}\np = {p_value(test['p_value'])}")
        rows.append(row)
    return Table("Share of the deviance of flips' outcomes that each explains, and what comes on top", columns, rows)


def compared(tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame]) -> list[Table]:
    """Networks that differ in their activation, two by two; no table if there are none."""
    found = compare_activations(tables, curves)
    if found.empty:
        return []
    columns = [
        "First",
        "Second",
        "One curve or two",
        "p (Holm)",
        "Failures begin at, second / first",
        "Plateau, second − first",
        "Changes",
    ]
    rows = [
        [
            f"{row['first']}\n{row['activation']}",
            f"{row['second']}\n{row['other_activation']}",
            f"{row['statistic']:.0f}",
            p_value(row["p_holm"]),
            _small(ratio(row["times"], row["times_low"], row["times_high"])),
            _small(points(*(100 * row[f"plateau_{end}"] for end in ("difference", "low", "high")), 0)),
            count(row["trials"]),
        ]
        for _, row in found.iterrows()
    ]
    return [Table("Activations compared: curves of failures against the size of the change", columns, rows, labels=2)]


def _small(text: str) -> str:
    """With the interval as small print."""
    return text.replace("\u00a0[", "\n[", 1)
