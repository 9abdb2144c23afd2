"""Question 4 of the notes: neurons against weights, layer by layer, the output layer last."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sparebits.report.charts.neuron_faults import rates_by_layer, rates_by_place, rates_by_place_and_bit
from sparebits.report.parts import Figure, Section
from sparebits.report.studies.words import ratio, share, trials_to_tell
from sparebits.report.tables import Table
from sparebits.report.wording import count, listed, percent, probability
from sparebits.statistics.intervals import wilson_interval
from sparebits.studies.fault_rates import MANTISSA

QUESTION = (
    "Is a flipped bit in a neuron worse than one in a weight, and is it worst in the output layer? The notes found the"
    " failure rate to rise most with changes in what the last layer gives, and put it down to single large values, as"
    " in the image's red, green and blue; small changes of weights they held to be lost in the sums that layers are."
)
_SURE = 0.05
_TOLD = 1.5
"""Ratio that a question which stays open should be able to tell."""
_OUTPUTS, _LOGITS, _WEIGHTS, _IMAGE = "layer outputs", "logits", "weights", "image"


def section(tables: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame]) -> Section:
    """The part of the page.

    Args:
        tables: by network study_neurons.csv.
        comparisons: by network study_neurons_comparisons.csv.
    """
    return Section(
        "neurons",
        "Neurons and weights",
        "",
        figures=[_by_place(tables), *[_by_layer(network, table) for network, table in tables.items()]],
        panels=[_by_bit(network, table) for network, table in tables.items()],
        tables=[_places(tables)],
        details=[_compared(comparisons)],
    )


def answer(tables: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame]) -> str:
    """The answer in words, from the tables."""
    return " ".join([_neuron_or_weight(tables, comparisons), _output_layer(comparisons), _worst_place(tables)])


def trials(tables: Mapping[str, pd.DataFrame]) -> str:
    """How much was run."""
    told = []
    for network, table in tables.items():
        of_places = _at_random_bit(table)["trials"]
        told.append(f"{network} {' / '.join(count(of_places[place]) for place in of_places.index)}")
    places = " / ".join(_at_random_bit(next(iter(tables.values()))).index)
    images = sorted({int(table.loc[table["place"] == _WEIGHTS, "images"].iloc[0]) for table in tables.values()})
    return (
        f"Single flips ({places}): {'; '.join(told)}. Each flip of a weight meets"
        f" {listed([count(number) for number in images], 'or')} images, all others one. Intervals: 95 %, over flips."
    )


def _neuron_or_weight(tables: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame]) -> str:
    worse, open_, told = [], [], []
    for network, table in comparisons.items():
        row = _pair(table, _OUTPUTS, _WEIGHTS)
        text = ratio(row["ratio"], row["low"], row["high"])
        told.append(f"{network} {text}")
        if row["p_holm"] < _SURE and row["ratio"] > 1:
            worse.append(network)
        elif row["p_holm"] >= _SURE:
            needed = trials_to_tell(int(row["trials"] + row["other_trials"]), row["low"], row["high"], _TOLD)
            open_.append(f"{network} (a factor of {_TOLD:g} would take about {needed} flips)")
    if len(worse) == len(tables):
        verdict = "Yes, for one inference"
    else:
        verdict = f"For one inference, only in {listed(worse)}" if worse else "Not shown, for one inference"
    rates = [_at_random_bit(table).loc[_WEIGHTS, "rate"] for table in tables.values()]
    text = (
        f"{verdict}: a random bit of a layer's output changes the class so many times as often as one of a weight, all"
        f" bits alike: {', '.join(told)}. One of a weight changes {percent(min(rates), 2)} to {percent(max(rates), 2)}"
        " of inferences."
    )
    return text + (f" It stays open in {listed(open_)}." if open_ else "")


def _output_layer(comparisons: Mapping[str, pd.DataFrame]) -> str:
    """Whether the logits are worse than what other layers give."""
    worst, spared, open_, told = [], [], [], []
    for network, table in comparisons.items():
        row = _pair(table, _LOGITS, _OUTPUTS)
        told.append(f"{network} {ratio(row['ratio'], row['low'], row['high'])}")
        if row["p_holm"] >= _SURE:
            needed = trials_to_tell(int(row["trials"] + row["other_trials"]), row["low"], row["high"], _TOLD)
            open_.append(f"{network} (a factor of {_TOLD:g} would take about {needed} flips)")
        else:
            (worst if row["ratio"] > 1 else spared).append(network)
    if worst and not spared and not open_:
        verdict = "The output layer is the worst place, as the notes say"
    elif spared and not worst:
        verdict = "The output layer is not the worst place"
    else:
        verdict = (
            f"The output layer is worse than others in {listed(worst)}"
            if worst
            else "Of the output layer nothing is shown"
        )
    text = f"{verdict}: a flip in the logits against one in what other layers give, so many times: {', '.join(told)}."
    return text + (f" It stays open in {listed(open_)}." if open_ else "")


def _worst_place(tables: Mapping[str, pd.DataFrame]) -> str:
    found: dict[str, list[str]] = {}
    for network, table in tables.items():
        places = _at_random_bit(table)
        worst = places["rate"].idxmax()
        found.setdefault(worst, []).append(f"{network} {share(*places.loc[worst, ['rate', 'low', 'high']], 2)}")
    told = [f"{place} ({', '.join(networks)})" for place, networks in found.items()]
    return (
        f"A random flip changes most inferences in {listed(told)}. The image is hit as the floating-point numbers that"
        " the network takes; 8-bit pixels could not become so large."
    )


def _at_random_bit(table: pd.DataFrame) -> pd.DataFrame:
    """By place, the rates of a random bit."""
    rows = table[(table["by"] == "place") & table["place"].isin([_IMAGE, _OUTPUTS, _LOGITS, _WEIGHTS])]
    return rows.set_index("place")


def _pair(comparisons: pd.DataFrame, place: str, other: str) -> pd.Series:
    """The comparison of two places, the first over the second."""
    rows = comparisons[(comparisons["first"] == place) & (comparisons["second"] == other)]
    if len(rows):
        return rows.iloc[0]
    row = comparisons[(comparisons["first"] == other) & (comparisons["second"] == place)].iloc[0]
    with np.errstate(divide="ignore"):
        turned = {
            "ratio": np.divide(1, row["ratio"]),
            "low": np.divide(1, row["high"]),
            "high": np.divide(1, row["low"]),
        }
    swapped = {"trials": row["other_trials"], "other_trials": row["trials"]}
    return pd.Series({**row, **turned, **swapped, "first": place, "second": other})


def _percents(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{column: 100 * rows[column] for column in ("rate", "low", "high")})


def _by_place(tables: Mapping[str, pd.DataFrame]) -> Figure:
    rows = pd.concat([_at_random_bit(table).reset_index().assign(network=network) for network, table in tables.items()])
    rates = _percents(rows).groupby("place", sort=False)["rate"]
    told = [f"{place} {group.min():.1f} to {group.max():.1f} %" for place, group in rates]
    finding = f"A random flipped bit changes an inference: {', '.join(told)}"
    reading = (
        "Lines: 95 % intervals, over flips; of weights the share of the images that a flip changes. All bits alike."
    )
    columns = ["network", "place", "trials", "failures", "rate", "low", "high"]
    return Figure("neurons-places", finding, rates_by_place(_percents(rows)[columns], finding), reading, 420)


def _by_bit(network: str, table: pd.DataFrame) -> Figure:
    rows = _percents(table[table["by"] == "bit"])
    numbers = sorted(set(rows["bit"]) - {MANTISSA}, key=int, reverse=True)
    most = rows.loc[rows.groupby("place")["rate"].idxmax()]
    told = [f"{row['place']} {row['rate']:.0f} % (bit {row['bit']})" for _, row in most.iterrows()]
    finding = f"{network}, the bit that changes most inferences: {', '.join(told)}"
    reading = "Lines: 95 % intervals, over flips. Mantissa bits are drawn together."
    columns = ["place", "bit", "trials", "failures", "rate", "low", "high"]
    chart = rates_by_place_and_bit(rows[columns], [*numbers, MANTISSA], finding)
    return Figure(f"neurons-bits-{network}", finding, chart, reading, 420)


def _by_layer(network: str, table: pd.DataFrame) -> Figure:
    rows = _percents(table[table["by"] == "depth"])
    bits = table[(table["by"] == "bit") & (table["bit"] != MANTISSA)].groupby("place")[["failures", "trials"]].sum()
    shares = []
    for place in (_LOGITS, _OUTPUTS):
        low, high = wilson_interval(*bits.loc[place])
        shares.append(share(bits.loc[place, "failures"] / bits.loc[place, "trials"], float(low), float(high)))
    finding = (
        f"{network}, flips of sign and exponent bits: {shares[0]} in the logits change the class, {shares[1]} in what"
        " all other layers give"
    )
    several = rows["layer"].str.contains(" to ").any()
    reading = (
        "Lines: 95 % intervals, over flips. Of what operations give: one inference a flip; of layers' parameters: the"
        " share of the images that a flip changes."
        + (" Neighbouring operations are drawn together." if several else "")
    )
    columns = ["place", "layer", "order", "trials", "failures", "rate", "low", "high"]
    logits = table.loc[(table["by"] == "layer") & (table["place"] == _OUTPUTS), "order"].max()
    chart = rates_by_layer(rows[columns], float(logits), finding)
    return Figure(f"neurons-layers-{network}", finding, chart, reading, 600)


def _places(tables: Mapping[str, pd.DataFrame]) -> Table:
    columns = ["Network", "Image", "Layer outputs", "by their size", "Logits", "Weights"]
    rows = []
    for network, table in tables.items():
        places = table[table["by"] == "place"].set_index("place")
        cells = []
        for place in (_IMAGE, _OUTPUTS, "layer outputs by size", _LOGITS, _WEIGHTS):
            if place in places.index:
                cells.append(share(*places.loc[place, ["rate", "low", "high"]], 2).replace("\u00a0[", "\n["))
            else:
                cells.append("–")
        rows.append([network, *cells])
    return Table("Inferences that change their class, one flip of a random bit", columns, rows)


def _compared(comparisons: Mapping[str, pd.DataFrame]) -> Table:
    columns = ["Network", "Place", "Against", "Ratio", "p", "p (Holm)", "Flips", "Others"]
    rows = [
        [
            network,
            row["first"],
            row["second"],
            ratio(row["ratio"], row["low"], row["high"]),
            probability(row["p_value"]),
            probability(row["p_holm"]),
            count(row["trials"]),
            count(row["other_trials"]),
        ]
        for network, table in comparisons.items()
        for _, row in table.iterrows()
    ]
    return Table("Places compared at equal bit", columns, rows, labels=3)
