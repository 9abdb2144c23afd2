"""Question 5 of the notes: which is the more serious, a neuron error or a weight error?"""

from collections.abc import Mapping
from math import ceil, inf

import pandas as pd

from sparebits.report.charts.persistence import break_even_by_ratio, wrong_until_repair
from sparebits.report.parts import Figure, Section
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, listed, percent, percent_interval
from sparebits.scenarios import duration
from sparebits.studies.activation_memory import EVERY_MAP, ONE_BUFFER
from sparebits.studies.persistence import ONE_FAULT

QUESTION = (
    "Which is the more serious, a neuron error or a weight error? The notes find that a neuron error makes an inference"
    " fail more often, but that it passes, while a soft error in a weight stays in the accelerator’s memory all but for"
    " good, and hold it for hardly less serious."
)
_LAYOUTS = {EVERY_MAP: "with every map in memory of its own", ONE_BUFFER: "with one buffer"}
_FEW, _MOST_TIMES = 100, 1e4
_FARTHEST = 1e4
"""Inferences until repair, the end of a chart."""

Tables = Mapping[str, pd.DataFrame]
"""By network."""


def section(tables: Tables, break_even: Tables) -> Section:
    """The part of the page.

    Args:
        tables, break_even: by network study_persistence.csv and study_persistence_break_even.csv.
    """
    return Section(
        "persistence",
        "Persistence",
        "",
        panels=[
            *(_until_repair(network, table) for network, table in break_even.items()),
            *(_by_ratio(layout, break_even) for layout in _layouts(break_even)),
        ],
        tables=[_summary(break_even)],
        details=[_scenarios(network, table, break_even[network]) for network, table in tables.items()],
    )


def answer(break_even: Tables) -> str:
    """The answer in words, from the tables."""
    events = {network: _event(table) for network, table in break_even.items()}
    neurons = listed([f"{_share(row, 'neuron')} ({network})" for network, row in events.items()])
    weights = listed([f"{_share(row, 'weight')} ({network})" for network, row in events.items()])
    after = listed([f"{_inferences(row)} ({network})" for network, row in events.items()])
    names = _layouts(break_even)
    rows = {network: _equal_rates(table).loc[names] for network, table in break_even.items()}
    layouts = listed([_LAYOUTS[name] for name in names])
    scrubs = [
        f"{listed([_inferences(row) for _, row in found.iterrows()])} ({network})" for network, found in rows.items()
    ]
    most = max(found["high"].max() for found in rows.values())
    settled = (
        "Weight errors are not less serious, as the notes suspect: they are the graver ones unless repaired within a"
        " few inferences"
    )
    first = settled if most < _FEW else "It depends on how soon a weight is repaired"
    never = [
        f"{network} {_LAYOUTS[name]}" for network, found in rows.items() for name in found.index[found["high"] < 1]
    ]
    beyond = f"; below 1, {listed(never)}, not even a scrub before every inference is enough" if never else ""
    parts = [
        f"{first}. A flipped bit of an activation makes its one inference fail with a probability of {neurons}, one of"
        f" a weight every inference until it is repaired, with {weights}; it has cost more once it stays for {after}"
        " inferences",
        "At equal rates per bit weight faults are the rarer cause of wrong inferences only if the weights are scrubbed"
        f" so often, in inferences, {layouts}: {listed(scrubs)}{beyond}",
    ]
    return f"{'. '.join([*parts, _likelier(events)])}."


def _likelier(events: Mapping[str, pd.Series]) -> str:
    """Whether a neuron error fails the likelier, as the notes say, network by network."""
    true = [network for network, row in events.items() if row["low"] > 1]
    false = [network for network, row in events.items() if row["high"] < 1]
    told = [f"holds on {listed(true)}"] if true else []
    told += [f"is wrong on {listed(false)}"] if false else []
    for network, row in events.items():
        if network not in (*true, *false):
            told.append(f"is not settled on {network}, where it would take {_times(row)} trials")
    return f"That a neuron error alone is the likelier to fail, as the notes say, {listed(told)}"


def trials(break_even: Tables) -> str:
    """How much was run."""
    row = _event(next(iter(break_even.values())))
    return (
        f"{count(row['weight_faults'])} single flipped bits of parameters a network, each over {count(row['images'])}"
        f" images, and {count(row['neuron_faults'])} of activations, one inference each: those of the section on single"
        " faults. Intervals: 95 %, over faults (of a ratio: bootstrap, BCa)."
    )


def _until_repair(network: str, table: pd.DataFrame) -> Figure:
    row = _event(table)
    finding = (
        f"{network}: a weight fault has cost more than a neuron fault once it stays for {_inferences(row)} inferences"
    )
    shares = pd.DataFrame(
        [
            {
                "persistence": name,
                "share": row[f"{of}_share"],
                "low": row[f"{of}_share_low"],
                "high": row[f"{of}_share_high"],
            }
            for name, of in (("persistent", "weight"), ("transient", "neuron"))
        ]
    )
    reading = "Persistent: one flipped bit of a parameter; transient: one of an activation. Bands: 95 %, over faults."
    chart = wrong_until_repair(shares, row["break_even"], _FARTHEST, finding)
    return Figure(f"until-repair-{network}", finding, chart, reading, 380)


def _by_ratio(layout: str, break_even: Tables) -> Figure:
    rows = [_equal_rates(table).loc[[layout]].assign(network=network) for network, table in break_even.items()]
    rows = pd.concat(rows)[["network", "break_even", "low", "high"]].reset_index(drop=True)
    mixed = next(iter(break_even.values())).query("rate_ratio != 1").drop_duplicates("scenario")
    cases = [{"ratio": 1.0, "name": "the same memory"}]
    cases += [{"ratio": row["rate_ratio"], "name": row["scenario"]} for row in mixed.to_dict("records")]
    least, most = (_number(rows["break_even"].agg(end)) for end in ("min", "max"))
    finding = (
        f"{_LAYOUTS[layout][0].upper()}{_LAYOUTS[layout][1:]}, weights in the same memory as activations would have to"
        f" be scrubbed every {least if least == most else f'{least} to {most}'} inferences to make no more of them"
        " wrong"
    )
    reading = (
        "Below a line weight faults are the rarer cause. Bands: 95 %, over faults. Horizontal: a scrub before every"
        " inference. Vertical: the same memory, and mixed ones at the highest published rates."
    )
    chart = break_even_by_ratio(rows, pd.DataFrame(cases), finding)
    return Figure(f"break-even-{layout.replace(' ', '-')}", finding, chart, reading, 400)


def _summary(break_even: Tables) -> Table:
    layouts = list(_equal_rates(next(iter(break_even.values()))).index)
    columns = [
        *("Network", "Neuron fault fails", "Weight fault fails,\neach inference", "Costs more after"),
        *(f"Bits of activations,\n{name}" for name in layouts),
        "Bits of parameters",
        *(f"Scrub at break-even,\n{name}" for name in layouts),
    ]
    rows = []
    for network, table in break_even.items():
        row, equal = _event(table), _equal_rates(table)
        rows.append(
            [
                network,
                *(f"{percent(row[f'{of}_share'])}\n{_of(row, of)}" for of in ("neuron", "weight")),
                _inferences(row).replace(" ", "\n", 1),
                *(count(equal.loc[name, "activation_bits"]) if name in equal.index else MISSING for name in layouts),
                count(row["parameter_bits"]),
                *(
                    _inferences(equal.loc[name]).replace(" ", "\n", 1) if name in equal.index else MISSING
                    for name in layouts
                ),
            ]
        )
    return Table("Single faults, and inferences between scrubs at break-even at equal rates per bit", columns, rows)


def _scenarios(network: str, table: pd.DataFrame, break_even: pd.DataFrame) -> Table:
    intervals = sorted(table["scrub_interval"].unique())
    shown = intervals[:: max(1, (len(intervals) - 1) // 3)]
    second = table["scrub_hours"].iloc[0] / table["scrub_interval"].iloc[0]
    columns = [
        *("Weights, activations", "Activations", "By neuron faults"),
        *(f"By weight faults, scrubbed every\n{count(size)} ({duration(second * size)})" for size in shown),
        "Break-even",
    ]
    rows = []
    for (scenario, layout), group in table.groupby(["scenario", "layout"], sort=False):
        by_size = group.set_index("scrub_interval")
        case = break_even[(break_even["scenario"] == scenario) & (break_even["layout"] == layout)].iloc[0]
        rows.append(
            [
                *(scenario, layout, _yearly(group.iloc[0], "wrong_neuron")),
                *(_yearly(by_size.loc[size], "wrong_weight") for size in shown),
                _inferences(case).replace(" ", "\n", 1),
            ]
        )
    title = f"{network}: wrong inferences in a year of a device, at the highest published rates"
    return Table(title, columns, rows, labels=2)


def _event(table: pd.DataFrame) -> pd.Series:
    return table[table["scenario"] == ONE_FAULT].iloc[0]


def _layouts(break_even: Tables) -> list[str]:
    """Those that are known of all networks."""
    return [name for name in _LAYOUTS if all(name in set(table["layout"]) for table in break_even.values())]


def _equal_rates(table: pd.DataFrame) -> pd.DataFrame:
    """By layout of activations the break-even where a bit of both flips as often."""
    equal = table[(table["scenario"] != ONE_FAULT) & (table["rate_ratio"] == 1)]
    return equal.drop_duplicates("layout").set_index("layout")


def _share(row: pd.Series, of: str) -> str:
    return f"{percent(row[f'{of}_share'])} {_of(row, of)}"


def _of(row: pd.Series, of: str) -> str:
    return percent_interval(row[f"{of}_share_low"], row[f"{of}_share_high"])


def _inferences(row: pd.Series) -> str:
    return f"{_number(row['break_even'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _times(row: pd.Series) -> str:
    if pd.isna(row["samples_needed"]) or row["samples_needed"] > _MOST_TIMES:
        return "unforeseeably many more"
    return f"{count(ceil(row['samples_needed']))} times as many"


def _yearly(row: pd.Series, name: str) -> str:
    return f"{_number(row[name])}\n[{_number(row[f'{name}_low'])}, {_number(row[f'{name}_high'])}]"


def _number(value: float) -> str:
    """Two significant digits; powers of ten from a million on and below a thousandth."""
    if pd.isna(value) or value == inf:
        return MISSING if pd.isna(value) else "∞"
    if value == 0 or 1e-3 <= value < 1e6:
        rounded = float(f"{value:.2g}")
        return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits}e{int(power)}".replace("-", "−")
