"""Question 3 of the notes: size or position of a change, exponent or mantissa, ReLU or a transcendental function?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sparebits.formats import format_named
from sparebits.report.charts.change_sizes import differences, rates_by_bit, rates_by_field, rates_by_size
from sparebits.report.parts import Figure, Section
from sparebits.report.studies.positions_answer import QUESTION, answer, curve_of, is_fitted, size_range, surely
from sparebits.report.studies.positions_tables import UNITS, compared, explained, fields, thresholds
from sparebits.report.studies.words import size, sizes
from sparebits.report.wording import MISSING, count, listed
from sparebits.statistics.intervals import wilson_interval
from sparebits.studies.activation_curves import comparable_networks, curve_points, fitted
from sparebits.studies.positions import FLIP, SIZES
from sparebits.studies.value_changes import CHOSEN
from sparebits.studies.value_changes import SIZES as CHOSEN_SIZES

__all__ = ["QUESTION", "answer", "section", "trials"]
_DRAWN_FROM = -4
"""Decimal logarithm of the smallest change of flips that is drawn."""
_FEWEST = 5
"""Trials of a class of sizes that is drawn."""


def section(
    tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame], tests: Mapping[str, pd.DataFrame]
) -> Section:
    """The part of the page.

    Args:
        tables, curves, tests: by network study_positions.csv, study_positions_curves.csv, study_positions_tests.csv.
    """
    figures = [_by_bit(tables), _chosen(tables, curves)]
    figures += [_activations(group, tables, curves) for group in comparable_networks(tables)]
    return Section(
        "positions",
        "Size and position of a change",
        "",
        figures=figures,
        panels=[_by_field(tables), _same_change(tests), *[_flips_by_size(tables, unit) for unit in SIZES]],
        tables=[fields(tables), thresholds(curves)],
        details=[explained(curves, tests), *compared(tables, curves)],
    )


def trials(tables: Mapping[str, pd.DataFrame]) -> str:
    """How much was run."""
    flips, changes, same, images = set(), set(), set(), set()
    for table in tables.values():
        flips.add(int(table.loc[(table["source"] == FLIP) & (table["by"] == "bit"), "trials"].sum()))
        changes.add(int(curve_points(table)["trials"].sum()))
        same.add(int(table.loc[table["source"] == "same change", "trials"].sum()))
        images.add(int(table["images"].iloc[0]))
    counts = [listed([count(number) for number in sorted(numbers)], "or") for numbers in (flips, same, changes, images)]
    least, most = map(size, CHOSEN_SIZES)
    return (
        f"In each network {counts[0]} single flips in parameters, {counts[1]} changes by as much at another value of"
        f" their tensor, and {counts[2]} changes of drawn sizes, {least} to {most} root mean squares, each on"
        f" {counts[3]} images. Intervals: 95 %, over changes."
    )


def _by_bit(tables: Mapping[str, pd.DataFrame]) -> Figure:
    rates = _rows(tables, lambda table: table[(table["source"] == FLIP) & (table["by"] == "bit")])
    rates = rates.assign(bit=rates["value"].astype(int))
    fmt = format_named(rates["format"].iloc[0])
    # Words of another format have other bits.
    rates = rates[rates["format"] == fmt.name]
    by_bit = rates.groupby("bit")["rate"].max()
    mantissa = rates[rates["bit"] < fmt.mantissa_bits]
    worst = rates[rates["bit"] == by_bit.idxmax()]["rate"]
    finding = (
        f"Bit {by_bit.idxmax()} fails most, in {_from_to(worst, 0)} of the flips;"
        f" {count(mantissa['failures'].sum())} of {count(mantissa['trials'].sum())} flips of mantissa bits fail"
    )
    columns = ["network", "bit", "trials", "failures", "rate", "low", "high"]
    reading = "Lines: 95 % Wilson intervals of the flips of the bit, drawn from all words of the network."
    chart = rates_by_bit(rates[columns], fmt, finding)
    return Figure("positions-bits", finding, chart, reading, 90 + 16 * fmt.width)


def _by_field(tables: Mapping[str, pd.DataFrame]) -> Figure:
    rates = _rows(tables, lambda table: table[table["by"] == "field"])
    rates = rates.assign(field=rates["value"].map(lambda name: "whole word" if name == "all" else name))
    ranges = [
        f"{name} {_from_to(group, 1)}"
        for name, group in rates.groupby("field", sort=False)["rate"]
        if name != "whole word"
    ]
    finding = f"A random bit of each field changes a prediction: {', '.join(ranges)}"
    reading = "Lines: 95 % intervals of the share of flips; each bit of a field weighs as much."
    columns = ["network", "field", "trials", "failures", "rate", "low", "high"]
    return Figure("positions-fields", finding, rates_by_field(rates[columns], finding), reading, 380)


def _chosen(tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame]) -> Figure:
    low, high = size_range(curves, "moves_at")
    finding = (
        f"Failures set in, at 1 %, with changes of {low} to {high} root mean squares of the tensor, and level out below"
        " 100 %"
    )
    reading = (
        "Changes of drawn sizes, up or down, at values drawn from all of the network. Lines: fitted curves; bars: 95 %"
        " Wilson intervals of classes of half a decade."
    )
    return Figure("positions-chosen", finding, _size_chart(list(tables), tables, curves, finding), reading, 420)


def _activations(group: list[str], tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame]) -> Figure:
    names = [f"{tables[network]['activation'].iloc[0]} ({network})" for network in group]
    architecture = tables[group[0]]["architecture"].iloc[0]
    begins = listed(_begins(group, curves))
    finding = f"{architecture}, failures set in, at 1 %, with changes of so many root mean squares: {begins}"
    reading = f"The same curves for {listed(names)} alone; bars: 95 % Wilson intervals."
    return Figure(f"positions-{architecture}", finding, _size_chart(group, tables, curves, finding), reading, 420)


def _begins(group: list[str], curves: Mapping[str, pd.DataFrame]) -> list[str]:
    told = []
    for network in group:
        row = curve_of(curves[network], CHOSEN, "of tensor")
        text = sizes(row["moves_at"], row["moves_at_low"], row["moves_at_high"]) if is_fitted(row) else MISSING
        told.append(f"{text} ({curves[network]['activation'].iloc[0]})")
    return told


def _size_chart(group, tables: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame], title: str):
    """Chosen changes in classes of half a decade, with the fitted curves.

    All networks stand in the order of the page, so that each keeps its colour.
    """
    chosen = {name: table for name, table in tables.items() if name in group}
    rates = _binned(chosen, CHOSEN, "of tensor", 0.5)
    grid = np.linspace(CHOSEN_SIZES[0], CHOSEN_SIZES[1], 61)
    lines = []
    for name in chosen:
        curve = fitted(curves[name])
        if curve is not None:
            lines.append(pd.DataFrame({"network": name, "size": grid, "rate": 100 * curve.rates(grid)}))
    return rates_by_size(rates, pd.concat(lines) if lines else None, UNITS["of tensor"], title, networks=list(tables))


def _flips_by_size(tables: Mapping[str, pd.DataFrame], unit: str) -> Figure:
    rates = _binned(tables, FLIP, unit, 1.0)
    rates = rates[(rates["size"] >= _DRAWN_FROM) & (rates["trials"] >= _FEWEST)]
    beyond = rates[rates["size"] > 4].groupby("network")[["failures", "trials"]].sum()
    small = rates[rates["size"] < -1].groupby("network")[["failures", "trials"]].sum().sum()
    shares = 100 * beyond["failures"] / beyond["trials"]
    finding = f"Change of flips, {UNITS[unit]}: of {count(small['trials'])} below 0.1 {count(small['failures'])} fail"
    if len(shares):
        finding += f", of those above 10,000 {_from_to(shares, 0)}"
    reading = (
        "Bars: 95 % Wilson intervals of classes of one decade. Those above 10,000 are far above it: they are flips of"
        " the highest exponent bit."
    )
    chart = rates_by_size(rates, None, UNITS[unit], finding, width=480, networks=list(tables))
    return Figure(f"positions-flips-{unit.replace(' ', '-')}", finding, chart, reading, 380)


def _same_change(tests: Mapping[str, pd.DataFrame]) -> Figure:
    rows = _tests(tests, "flip against same change").rename(columns={"difference_pp": "difference"})
    apart = rows[rows["network"].isin(surely(dict(zip(rows["network"], rows["p_value"], strict=True))))]
    finding = "A flip fails about as often as the same change by other bits at another value of the tensor"
    if len(apart):
        gaps = [f"{row['network']} {row['difference']:+.1f} pp".replace("-", "−") for _, row in apart.iterrows()]
        finding += f", except {', '.join(gaps)}"
    reading = "Lines: 95 % intervals of the paired difference of the shares that change a prediction."
    chart = differences(
        rows[["network", "difference", "low", "high", "trials"]],
        finding,
        "Flips less the same changes elsewhere (pp)",
        list(tests),
    )
    return Figure("positions-same", finding, chart, reading, 380)


def _rows(tables: Mapping[str, pd.DataFrame], chosen) -> pd.DataFrame:
    parts = [chosen(table).assign(network=network) for network, table in tables.items()]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(**{column: 100 * rows[column] for column in ("rate", "low", "high")})


def _binned(tables: Mapping[str, pd.DataFrame], source: str, unit: str, decades: float) -> pd.DataFrame:
    """Trials and failures in classes of so many decades; all beyond the axis in one class."""
    parts = []
    for network, table in tables.items():
        rows = table[(table["source"] == source) & (table["by"] == unit)]
        middle = np.minimum((np.floor(rows["from_size"] / decades) + 0.5) * decades, 10.0)
        middle = middle.where(middle < 5, 10.0)
        counted = rows.groupby(middle.rename("size"))[["trials", "failures"]].sum().reset_index()
        parts.append(counted.assign(network=network))
    found = pd.concat(parts, ignore_index=True)
    low, high = wilson_interval(found["failures"], found["trials"])
    return found.assign(rate=100 * found["failures"] / found["trials"], low=100 * low, high=100 * high)


def _tests(tests: Mapping[str, pd.DataFrame], question: str) -> pd.DataFrame:
    parts = [table[table["question"] == question].assign(network=network) for network, table in tests.items()]
    return pd.concat(parts, ignore_index=True)


def _from_to(percents: pd.Series, digits: int) -> str:
    """18 to 57 %; one number where all are alike."""
    ends = dict.fromkeys(f"{number:.{digits}f}" for number in (percents.min(), percents.max()))
    return f"{' to '.join(ends)} %"
