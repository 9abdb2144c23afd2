"""The answer to question 3 of the notes, in words."""

import math
from collections.abc import Mapping

import pandas as pd

from sparebits.report.studies.words import points, ratio, share, size, sizes
from sparebits.report.wording import count, listed, p_value, percent
from sparebits.statistics.paired_trials import holm
from sparebits.studies.activation_curves import comparable_networks, compare_activations, networks_needed
from sparebits.studies.activation_functions import is_transcendental
from sparebits.studies.value_changes import CHOSEN

QUESTION = (
    "Does a fault's harm go by the size of the change or by its position in the word? The notes saw the error rate move"
    " once a weight changes beyond some range, the exponent matter and the mantissa hardly, and suspected that, unless"
    " layers compute transcendental functions, the size of the change counts for more than its position."
)
_SURE = 0.05
_MARGIN_PP = 0.5
"""Difference, in percentage points, that a question which stays open should be able to tell."""


def answer(
    tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame], tests: Mapping[str, pd.DataFrame]
) -> str:
    """The answer in words, from the tables.

    Args:
        tables, curves, tests: by network study_positions.csv, study_positions_curves.csv, study_positions_tests.csv.
    """
    parts = [_size_or_position(tests), _fields(tables, tests), _threshold(curves), _activations(tables, curves, tests)]
    return " ".join(part for part in parts if part)


def curve_of(curves: pd.DataFrame, source: str, by: str) -> pd.Series:
    """The row of a curve."""
    return curves[(curves["source"] == source) & (curves["by"] == by)].iloc[0]


def is_fitted(row: pd.Series) -> bool:
    """Whether any change failed, without which there is no curve."""
    return "plateau" in row and not math.isnan(row["plateau"])


def size_range(curves: Mapping[str, pd.DataFrame], name: str) -> tuple[str, str]:
    """The smallest and the largest of the networks' sizes, in root mean squares."""
    rows = [curve_of(table, CHOSEN, "of tensor") for table in curves.values()]
    found = [row[name] for row in rows if is_fitted(row)]
    return (size(min(found)), size(max(found))) if found else (size(math.nan), size(math.nan))


def _size_or_position(tests: Mapping[str, pd.DataFrame]) -> str:
    pairs = {network: test_of(table, "flip against same change") for network, table in tests.items()}
    apart = surely({network: row["p_value"] for network, row in pairs.items()})
    told = ", ".join(
        f"{network} {points(row['difference_pp'], row['low'], row['high'], 1)}" for network, row in pairs.items()
    )
    which = f", a difference only in {listed(apart)}" if apart else ""
    first = (
        "By size: the same change made by other bits at another value of the tensor fails about as often as the flip"
        f" (flip less other: {told}; McNemar's test with Holm's adjustment{which or ' finds no difference'})."
    )
    beyond = {network: test_of(table, "bit beyond size") for network, table in tests.items()}
    bits = surely({network: row["p_value"] for network, row in beyond.items()})
    most = max(row["explained"] for row in beyond.values())
    second = f" At equal size the bit explains at most {percent(most, 1)} more of the deviance of outcomes"
    second += f", surely only in {listed(bits)}" if bits else ", in no network surely more than chance would"
    sized = {network: test_of(table, "size beyond bit") for network, table in tests.items()}
    sure_sizes = surely({network: row["p_value"] for network, row in sized.items()})
    if sure_sizes:
        second += f"; at equal bit the size surely explains more in {listed(sure_sizes)}"
    parts = {network: test_of(table, "part beyond size") for network, table in tests.items()}
    sure_parts = surely({network: row["p_value"] for network, row in parts.items()})
    if sure_parts:
        least, largest = (pick(parts[network]["explained"] for network in sure_parts) for pick in (min, max))
        second += f"; which part of the network is hit explains {percent(least, 0)} to {percent(largest, 0)} more"
    widest = max(pairs.values(), key=lambda row: row["high"] - row["low"])
    half = (widest["high"] - widest["low"]) / 2
    needed = math.ceil(widest["trials"] * (half / _MARGIN_PP) ** 2)
    return f"{first}{second}. A difference of {_MARGIN_PP:g} pp would take {count(needed)} pairs to tell."


def _fields(tables: Mapping[str, pd.DataFrame], tests: Mapping[str, pd.DataFrame]) -> str:
    told = []
    for network, table in tables.items():
        rows = table[table["by"] == "field"].set_index("value")
        numbers = [share(*rows.loc[field, ["rate", "low", "high"]]) for field in ("exponent", "sign", "mantissa")]
        told.append(f"{network} {' / '.join(numbers)}")
    odds = {network: test_of(table, "exponent against mantissa and sign") for network, table in tests.items()}
    apart = surely({network: row["p_value"] for network, row in odds.items()})
    ratios = ", ".join(
        f"{network} {ratio(row['odds_ratio'], row['low'], row['high'])}" for network, row in odds.items()
    )
    why = (
        f"and at equal size it differs in {listed(apart)} only"
        if apart
        else "and at equal size is not shown to stand out"
    )
    return (
        f"The exponent fails most because it changes values most (exponent / sign / mantissa: {'; '.join(told)}),"
        f" {why} (odds ratio of exponent bits: {ratios})."
    )


def _threshold(curves: Mapping[str, pd.DataFrame]) -> str:
    told = []
    for network, table in curves.items():
        row = curve_of(table, CHOSEN, "of tensor")
        if is_fitted(row):
            begin = sizes(row["moves_at"], row["moves_at_low"], row["moves_at_high"])
            plateau = share(row["plateau"], row["plateau_low"], row["plateau_high"], 0)
            middle = sizes(row["middle"], row["middle_low"], row["middle_high"])
            told.append(f"{network} {begin}, half of the plateau at {middle}, plateau {plateau}")
    if not told:
        return "No change of a value, however large, failed."
    return (
        "The range is there: 1 % of changes fail from so many root mean squares of the tensor on, and the share levels"
        f" out, as many places bear any change: {'; '.join(told)}."
    )


def _activations(
    tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame], tests: Mapping[str, pd.DataFrame]
) -> str:
    found = compare_activations(tables, curves)
    if found.empty:
        return "No two of these networks differ in their activation only, so what that does is not answered here."
    told = []
    base = {group[0] for group in comparable_networks(tables)}
    pairs = found[found["first"].isin(base)]
    for _, row in pairs.iterrows():
        if math.isnan(row["plateau_difference"]):
            told.append(
                f"with {row['other_activation']} or {row['activation']} too few changes fail for a curve to be fitted,"
                f" p {_equals(row['p_holm'])}"
            )
            continue
        begins = ratio(row["times"], row["times_low"], row["times_high"])
        plateau = points(*(100 * row[f"plateau_{end}"] for end in ("difference", "low", "high")), 0)
        told.append(
            f"with {row['other_activation']} failures begin at {begins} times the size that they do with"
            f" {row['activation']}, and the plateau moves by {plateau}, p {_equals(row['p_holm'])}"
        )
    curved = [name for name in tables if is_transcendental(tables[name]["activation"].iloc[0])]
    beyond = surely({name: test_of(tests[name], "bit beyond size")["p_value"] for name in curved})
    same = surely({name: test_of(tests[name], "flip against same change")["p_value"] for name in curved})
    position = (
        f"among the networks with a transcendental function position counts in {listed(sorted({*beyond, *same}))}"
        if beyond or same
        else "with a transcendental function position is not shown to count either"
    )
    number = networks_needed()
    curve = "they change the curve" if (pairs["p_holm"] < _SURE).any() else "no other curve is shown"
    return (
        f"Activations: {position}; {curve} ({'; '.join(told)}). These are single networks; to speak of"
        f" the functions at large takes at least {number} networks of each."
    )


def test_of(tests: pd.DataFrame, question: str) -> pd.Series:
    return tests.set_index("question").loc[question]


def surely(p_values: Mapping[str, float]) -> list[str]:
    """The networks whose p-values stay below the limit after Holm's adjustment over all."""
    adjusted = holm(list(p_values.values()))
    return [network for network, p in zip(p_values, adjusted, strict=True) if p < _SURE]


def _equals(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
