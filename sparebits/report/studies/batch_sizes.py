"""Question 1 of the notes: does the mini-batch size change the failure rate?"""

from collections.abc import Mapping, Sequence

import pandas as pd

from sparebits.report.charts.batch_sizes import rates_by_batch_size, scatter_by_batch_size
from sparebits.report.parts import Figure, Section
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, listed, percent, percent_interval
from sparebits.studies.batch_sizes import RANDOM

QUESTION = (
    "Does the mini-batch size change the probability that a flipped bit makes inference fail? With flips at a fixed bit"
    " and 256, 512 and 1,024 images a batch, the notes saw it change, but neither rise nor fall, as if by chance, and"
    " asked for more runs and more batch sizes."
)
_SHARES = ["failure_rate", "first_run", "second_run", "third_run", "run_2.5", "run_25", "run_75", "run_97.5"]
_DEVIATIONS = ["sd_of_one_run", "sd_low", "sd_high", "expected_sd", "fault_sd"]
_ALPHA = 0.05

Tables = Mapping[str, pd.DataFrame]
"""By network."""


def section(tables: Tables, trends: Tables, held: Tables) -> Section:
    """The part of the page.

    Args:
        tables, trends, held: by network study_batch_sizes.csv and, named by the ends of their names, those beside it.
    """
    panels = []
    for network, table in tables.items():
        panels += [_rates(network, table, held[network]), _scatter(network, table, trends[network])]
    return Section(
        "batch_sizes",
        "Mini-batch size",
        "",
        panels=panels,
        tables=[_summary(tables, trends)],
        details=[_really_run(held), *(_by_bit(network, table, trends[network]) for network, table in tables.items())],
    )


def answer(tables: Tables, trends: Tables, held: Tables) -> str:
    """The answer in words, from the tables."""
    runs = pd.concat(held.values())
    differing, made = int(runs["differing"].sum()), int(runs["images"].sum())
    sizes = f"in batches of {runs['batch_size'].min():,} to {runs['batch_size'].max():,} images"
    if differing:
        first = f"Hardly: with a fault held, {differing:,} of {made:,} predictions {sizes} depend on the batch size"
    else:
        first = f"No: with a fault held, none of {made:,} predictions made {sizes} depends on the batch size"
    rows = {name: _row(trend, RANDOM) for name, trend in trends.items()}
    moved = any(row["p_value"] < _ALPHA / len(rows) for row in rows.values())
    agree = "although the runs drawn happen to differ" if moved else "and the runs drawn agree with that"
    slopes = listed([f"{_slope(row)} ({name})" for name, row in rows.items()])
    second = (
        "with a fault redrawn for every batch the expected rate is the same at every size,"
        f" {agree}: a doubling adds {slopes}, flips of random bits"
    )
    bits, compared = {name: worst_bit(table) for name, table in tables.items()}, _compared(next(iter(trends.values())))
    rows = {name: _row(trend, bits[name]) for name, trend in trends.items()}
    images = next(iter(tables.values()))["images"].iloc[0]
    drawn = listed([count(images // size) for size in compared], "or")
    spreads = listed([f"{_points(row['range_50'])} pp ({name}, {bits[name]})" for name, row in rows.items()])
    mixed = listed([f"{percent(row['not_monotonic'], 0)} {_interval(row)}" for row in rows.values()])
    third = (
        f"What the notes saw is the sampling: a run of {count(images)} images in batches of"
        f" {listed([count(size) for size in compared], 'or')} meets only {drawn} faults. So of three such runs, one a"
        f" size, the highest and the lowest rate lie {spreads} apart in the median, and in {mixed} of the repetitions"
        f" they neither rise nor fall throughout; at these sizes {percent(_least_share(tables, compared), 1)} or more"
        " of the variance of a run is which faults were drawn"
    )
    needed = listed([f"{count(row['runs_needed'])} ({name})" for name, row in rows.items()])
    ends = f"{compared[0]:,} and {compared[-1]:,}"
    fourth = f"To see a difference of a tenth between {ends} would take so many runs at either: {needed}"
    return f"{first}; {second}. {third}. {fourth}."


def trials(tables: Tables) -> str:
    """How much was run."""
    everything = [_redrawn(table, RANDOM).iloc[0] for table in tables.values()]
    first = everything[0]
    faults = listed(list(dict.fromkeys(count(row["faults"]) for row in everything)), "or")
    made = f" (shifts and rotations of {count(first['sources'])})" if first["altered"] else ""
    return (
        f"{faults} single flipped bits a network, each over {count(first['images'])} images{made}; from which images"
        f" fail under which faults {count(first['runs'])} runs for each bit and batch size. Intervals of rates: 95 %,"
        " over both faults and source images."
    )


def worst_bit(table: pd.DataFrame) -> str:
    """The bit whose flips fail most."""
    bits = table[table["bit"] >= 0]
    return str(bits.loc[bits["failure_rate"].idxmax(), "where"])


def _rates(network: str, table: pd.DataFrame, held: pd.DataFrame) -> Figure:
    bit = worst_bit(table)
    redrawn = _redrawn(table, bit)
    ends = redrawn[redrawn["batch_size"].isin(held["batch_size"])].iloc[[0, -1]]
    scatter = [
        f"{_points(row['expected_sd'])} pp in batches of {row['batch_size']:,}" for row in ends.to_dict("records")
    ]
    finding = (
        f"{network}: a held fault fails as often whatever the batch size; of runs with faults of {bit} redrawn the"
        f" standard deviation is {listed(scatter)}"
    )
    names = held["tensor"] + ", bit " + held["bit"].astype(str)
    lines = held.assign(fault=names, percent=100 * held["first_failures"] / held["first_images"])
    percents = redrawn.assign(**{column: 100 * redrawn[column] for column in _SHARES})
    reading = (
        f"Red: runs with a fault of {bit} drawn anew for each batch; three of them as lines, the middle half and 95 %"
        f" of all as bands; dashed: their exact mean. Blue: {listed(sorted(set(names)))} held, really run in batches of"
        " each size."
    )
    chart = rates_by_batch_size(percents[["batch_size", *_SHARES]], lines[["batch_size", "fault", "percent"]], finding)
    return Figure(f"batch-sizes-{network}", finding, chart, reading, 400)


def _scatter(network: str, table: pd.DataFrame, trend: pd.DataFrame) -> Figure:
    names = [worst_bit(table), RANDOM]
    rows = table[(table["regime"] == "redrawn") & table["where"].isin(names)]
    rows = rows.assign(fault_sd=rows["expected_sd"] * rows["fault_share"] ** 0.5)
    shares = rows[rows["where"] == RANDOM].set_index("batch_size")["fault_share"]
    size = _compared(trend)[0]
    inside = rows["expected_sd"].between(rows["sd_low"], rows["sd_high"])
    finding = (
        f"{network}: runs scatter as sampling predicts ({inside.sum()} of {len(rows)} intervals hold it); which faults"
        f" are drawn makes {percent(shares.iloc[0], 0)} of the variance in batches of 1 and"
        f" {percent(shares.loc[size], 1)} in batches of {size:,}"
    )
    reading = (
        "Points: standard deviation of the runs drawn, with 95 % intervals; lines: computed, exact; dotted: the part of"
        " it that comes from which faults are drawn."
    )
    percents = rows.assign(**{column: 100 * rows[column] for column in _DEVIATIONS})
    chart = scatter_by_batch_size(percents[["batch_size", "where", *_DEVIATIONS]], finding)
    return Figure(f"batch-scatter-{network}", finding, chart, reading, 400)


def _summary(tables: Tables, trends: Tables) -> Table:
    compared = _compared(next(iter(trends.values())))
    columns = [
        *("Network", "Flips of", "Failing inferences", "A doubling adds"),
        *(f"Standard deviation of a run,\nbatches of {size:,}" for size in (1, *compared)),
        f"Of its variance: which faults,\nbatches of {compared[0]:,}",
        *("Neither rising nor falling", "Highest − lowest\nmedian, 97.5 %"),
    ]
    rows = []
    for network, table in tables.items():
        for where in (worst_bit(table), RANDOM):
            redrawn, trend = _redrawn(table, where).set_index("batch_size"), _row(trends[network], where)
            rows.append(
                [
                    *(network, where, _rate(redrawn.iloc[0]), _slope(trend).replace(" pp ", " pp\n")),
                    *(f"{_points(redrawn.loc[size, 'expected_sd'])} pp" for size in (1, *compared)),
                    percent(redrawn.loc[compared[0], "fault_share"], 1),
                    f"{percent(trend['not_monotonic'], 0)}\n{_interval(trend)}",
                    f"{_points(trend['range_50'])} pp\n{_points(trend['range_97.5'])} pp",
                ]
            )
    return Table(f"Faults redrawn for every batch; sets of runs at {_listed(compared)}", columns, rows, labels=2)


def _really_run(held: Tables) -> Table:
    columns = ["Network", "Fault", "Batches of", "Images", "Failing inferences", "Predictions that differ"]
    rows = []
    for network, table in held.items():
        for row in table.to_dict("records"):
            fault = f"{row['tensor']}, bit {row['bit']}"
            rates = [count(row["images"]), _rate(row), count(row["differing"])]
            rows.append([network, fault, count(row["batch_size"]), *rates])
    return Table("Faults held, and the network really run in batches of each size", columns, rows, labels=2)


def _by_bit(network: str, table: pd.DataFrame, trend: pd.DataFrame) -> Table:
    compared = _compared(trend)
    columns = ["Flips of", "Faults", "Failing inferences", "Wrong by label"]
    columns += [f"Standard deviation of a run,\nbatches of {size:,}" for size in compared]
    columns += [f"Of its variance: which faults,\nbatches of {compared[0]:,}", "Runs needed for a tenth"]
    rows = []
    for where in dict.fromkeys(table["where"]):
        redrawn = _redrawn(table, where).set_index("batch_size")
        first = redrawn.iloc[0]
        rows.append(
            [
                *(where, count(first["faults"]), _rate(first), percent(first["error_rate"])),
                *(f"{_points(redrawn.loc[size, 'expected_sd'])} pp" for size in compared),
                percent(redrawn.loc[compared[0], "fault_share"], 1),
                count(_row(trend, where)["runs_needed"]),
            ]
        )
    golden = percent(table["golden_error_rate"].iloc[0])
    return Table(f"{network}: by bit; wrong by label without a fault: {golden}", columns, rows)


def _redrawn(table: pd.DataFrame, where: str) -> pd.DataFrame:
    return table[(table["regime"] == "redrawn") & (table["where"] == where)]


def _row(trend: pd.DataFrame, where: str) -> pd.Series:
    return trend[trend["where"] == where].iloc[0]


def _compared(trend: pd.DataFrame) -> list[int]:
    return [int(size) for size in str(trend["compared"].iloc[0]).split()]


def _least_share(tables: Tables, compared: Sequence[int]) -> float:
    """The least part of the variance that comes from which faults are drawn, over networks and the sizes compared."""
    parts = [_redrawn(table, where) for table in tables.values() for where in (worst_bit(table), RANDOM)]
    return min(part.loc[part["batch_size"].isin(compared), "fault_share"].min() for part in parts)


def _rate(row: Mapping) -> str:
    return f"{percent(row['failure_rate'])}\n{percent_interval(row['low'], row['high'])}"


def _interval(row: Mapping) -> str:
    return f"[{100 * row['not_monotonic_low']:.0f}, {100 * row['not_monotonic_high']:.0f}]"


def _slope(row: Mapping) -> str:
    if pd.isna(row["slope"]):
        return MISSING
    slope, low, high = (f"{round(100 * row[column], 3) + 0.0:+.3f}" for column in ("slope", "slope_low", "slope_high"))
    return f"{slope} pp [{low}, {high}]".replace("-", "−")


def _points(share: float) -> str:
    """A share as percentage points, with two significant digits."""
    if pd.isna(share):
        return MISSING
    points = 100 * share
    return f"{points:.0f}" if points >= 10 else f"{points:.2g}"


def _listed(sizes: Sequence[int]) -> str:
    return listed([count(size) for size in sizes])
