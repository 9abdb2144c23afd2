"""Question 2 of the notes: is a layer type, or a place in the network, more fragile than others?"""

from collections.abc import Mapping

import pandas as pd

from sparebits.report.charts.faults import failures_by_layer
from sparebits.report.charts.layer_fragility import odds_by_part, rates_by_part_and_bit
from sparebits.report.parts import Figure, Section
from sparebits.report.studies.words import points, ratio, share, trials_to_tell
from sparebits.report.tables import Table
from sparebits.report.wording import count, listed, p_value, percent, probability
from sparebits.studies.fault_rates import MANTISSA, UPPER

QUESTION = (
    "Is a layer type, or a place in the network, more fragile than others under one flipped bit? The notes found none:"
    " whatever the layer's type or position, one flip hardly raised the error rate."
)
_SURE = 0.05
_TOLD = 2.0
"""Odds ratio that a question that stays open should be able to tell."""


def section(tables: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame]) -> Section:
    """The part of the page.

    Args:
        tables: by network study_layers.csv.
        comparisons: by network study_layers_comparisons.csv.
    """
    panels = []
    for network, table in tables.items():
        panels.append(_by_bit(network, table))
        if len(_of(comparisons[network], "part")):
            panels.append(_by_odds(network, table, comparisons[network]))
    return Section(
        "layers",
        "Layer type and position",
        "",
        figures=[_by_layer(network, table, comparisons[network]) for network, table in tables.items()],
        panels=panels,
        tables=[_memory(network, table) for network, table in tables.items()],
        details=[_compared(network, comparisons[network]) for network in tables],
    )


def answer(tables: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame]) -> str:
    """The answer in words, from the tables."""
    found: dict[str, list[str]] = {}
    rest = []
    for network, table in comparisons.items():
        fragile = _fragile(table)
        if fragile.empty:
            rest.append(network)
            continue
        most = fragile.iloc[0]
        found.setdefault(most["name"], []).append(f"{network} {ratio(most['odds_ratio'], most['low'], most['high'])}")
    if found:
        parts = "; ".join(f"{name} ({', '.join(told)})" for name, told in found.items())
        first = (
            "Yes. At equal bit these parts are the most fragile, with so many times the odds of a changed prediction as"
            f" all other parts of the network together: {parts}."
        )
        first += f" None stands out in {listed(rest)}." if rest else ""
    else:
        first = "At equal bit no part of these networks stands out."
    return " ".join([first, _memory_told(tables), _depth_told(comparisons), _notes_told(tables)])


def trials(tables: Mapping[str, pd.DataFrame]) -> str:
    """How much was run."""
    images = sorted({int(table["images"].iloc[0]) for table in tables.values()})
    drawn = []
    for network, table in tables.items():
        parts, layers = (int(_of(table, by)["trials"].sum()) for by in ("part", "layer"))
        drawn.append(f"{count(parts)} by part and {count(layers)} by layer ({network})")
    return (
        f"Single flips in parameters, {listed(drawn)}, each on {listed([count(number) for number in images], 'or')}"
        " images. Intervals: 95 %, over flips."
    )


def _memory_told(tables: Mapping[str, pd.DataFrame]) -> str:
    """Per bit of memory: where most flips fail, where most of the memory is, and what that comes to."""
    told = []
    for network, table in tables.items():
        parts = _with_failures(_of(table, "part"))
        most, largest = parts.loc[parts["rate"].idxmax()], parts.loc[parts["memory_bits"].idxmax()]
        text = f"{network} {share(most['rate'], most['low'], most['high'])} in {most['name']}"
        if largest["name"] != most["name"]:
            text += f" and {share(largest['rate'], largest['low'], largest['high'])} in {largest['name']}"
        told.append(f"{text}, {percent(largest['memory'], 0)} of the memory")
    return f"Per bit of memory, so many flips change a prediction: {'; '.join(told)}."


def _depth_told(comparisons: Mapping[str, pd.DataFrame]) -> str:
    """Whether position counts, with the flips that it would take where that stays open."""
    ends: dict[str, list[str]] = {"first": [], "last": []}
    open_, unlike = [], []
    for network, table in comparisons.items():
        row = _of(table, "depth").set_index("measure").loc["changed"]
        numbers = (row["odds_ratio"], row["low"], row["high"])
        if row["p_alike"] < _SURE:
            unlike.append(network)
        if row["p_value"] >= _SURE:
            needed = trials_to_tell(int(row["trials"]), row["low"], row["high"], _TOLD)
            open_.append(f"{network} ({ratio(*numbers)}; to tell a factor of {_TOLD:g} takes about {needed} flips)")
        elif row["odds_ratio"] > 1:
            ends["last"].append(f"{network} {ratio(*numbers)}")
        else:
            ends["first"].append(f"{network} {ratio(1 / numbers[0], 1 / numbers[2], 1 / numbers[1])}")
    others = {"first": "last", "last": "first"}
    told = [
        f"the {end} layer's odds are so many times the {others[end]} one's: {', '.join(names)}"
        for end, names in ends.items()
        if names
    ]
    told += [f"it stays open in {listed(open_)}"] if open_ else []
    told += [f"its slope differs between the parts of {listed(unlike)}"] if unlike else []
    return (
        f"Position counts too, at equal bit and part: {'; '.join(told)}."
        if any(ends.values())
        else (f"Whether position counts these flips do not settle: {listed(open_)}.")
    )


def _notes_told(tables: Mapping[str, pd.DataFrame]) -> str:
    rows = {network: _of(table, "network").iloc[0] for network, table in tables.items()}
    drops = [
        f"{network} {points(row['drop_pp'], row['drop_pp_low'], row['drop_pp_high'])}" for network, row in rows.items()
    ]
    spared = min(1 - row["rate"] for row in rows.values())
    return (
        f"What the notes saw is the mean: {percent(spared, 1)} or more of random flips change no prediction, and on"
        f" average a random flip moves the error rate by {', '.join(drops)}."
    )


def _of(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """The rows by something, over all bits where some are told one by one."""
    rows = table[table["by"] == by]
    return rows[rows["bit"].isin(["all", UPPER])] if "bit" in rows else rows


def _fragile(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Parts that fail more often than all others together, the most fragile first."""
    rows = _of(comparisons, "part")
    if rows.empty:
        return rows
    rows = rows[(rows["measure"] == "changed") & (rows["p_holm"] < _SURE) & (rows["odds_ratio"] > 1)]
    return rows.sort_values("low", ascending=False)


def _with_failures(parts: pd.DataFrame) -> pd.DataFrame:
    """With the part's share of the memory, and of the failures if every bit of the memory is as likely to flip."""
    failing = parts["rate"] * parts["memory_bits"]
    total = failing.sum()
    return parts.assign(
        memory=parts["memory_bits"] / parts["memory_bits"].sum(), of_failures=failing / total if total else 0.0
    )


def _order(table: pd.DataFrame) -> list[str]:
    return list(_of(table, "part").sort_values("rate", ascending=False, kind="stable")["name"])


def _by_bit(network: str, table: pd.DataFrame) -> Figure:
    parts = table[(table["by"] == "part") & (table["bit"] != "all")]
    bits = [*sorted(set(parts["bit"]) - {MANTISSA}, key=int, reverse=True), MANTISSA]
    shares = parts.assign(**{column: 100 * parts[column] for column in ("rate", "low", "high")})
    usual = shares[shares["bit"] != MANTISSA].groupby("bit")["rate"].max()
    mantissa = shares.loc[shares["bit"] == MANTISSA, "rate"].max()
    worst = str(usual.idxmax())
    lowest = shares.loc[shares["bit"] == worst, "rate"].min()
    finding = f"{network}: where a flip fails depends on bit and part"
    if lowest > 0:
        finding = f"{network}: bit {worst} fails in every part, in {lowest:.0f} to {usual.max():.0f} % of its flips"
    finding += f"; of the mantissa's flips at most {mantissa:.1g} % fail"
    chart = rates_by_part_and_bit(
        shares[["name", "bit", "trials", "failures", "rate", "low", "high"]], _order(table), bits, finding
    )
    each = shares.loc[shares["bit"] != MANTISSA, "trials"]
    reading = (
        f"Each field: the share of {each.min():.0f} to {each.max():.0f} flips of that bit in that part, in percent; all"
        " mantissa bits are one column."
    )
    return Figure(f"layers-bits-{network}", finding, chart, reading, 420)


def _by_odds(network: str, table: pd.DataFrame, comparisons: pd.DataFrame) -> Figure:
    rows = _of(comparisons, "part")
    rows = rows[rows["measure"] == "changed"]
    types = _of(table, "part").set_index("name")["layer_type"]
    fragile, spared = _fragile(comparisons), rows[(rows["p_holm"] < _SURE) & (rows["odds_ratio"] < 1)]
    texts = [f"more fragile than the others: {listed(list(fragile['name']))}"] if len(fragile) else []
    texts += [f"less: {listed(list(spared['name']))}"] if len(spared) else []
    finding = f"{network}, at equal bit {'; '.join(texts) or 'no part stands out'}"
    chart = odds_by_part(rows.assign(layer_type=rows["name"].map(types)), _order(table), finding)
    reading = (
        "Lines: exact 95 % intervals of the odds ratio common to all bits, cut off at 0.01 and 100. Right of the dashed"
        " line: more fragile than the other parts together."
    )
    return Figure(f"layers-odds-{network}", finding, chart, reading, 420)


def _by_layer(network: str, table: pd.DataFrame, comparisons: pd.DataFrame) -> Figure:
    rows = _of(table, "layer").reset_index(drop=True)
    depth = _of(comparisons, "depth").set_index("measure").loc["changed"]
    if depth["p_value"] >= _SURE:
        text = f"whether depth counts stays open (p = {p_value(depth['p_value'])})"
    else:
        ends = ("late", "early") if depth["odds_ratio"] > 1 else ("early", "late")
        text = f"{ends[0]} layers are more fragile than {ends[1]} ones at equal bit and part"
        text += ", but not alike in all parts" if depth["p_alike"] < _SURE else ""
    finding = f"{network}: {text}"
    shares = []
    for measure, prefix in (("any prediction changed", ""), ("critical", "critical_")):
        failures = rows["critical"] if prefix else rows["failures"]
        part = rows[["name", "layer_type", "trials"]].rename(columns={"name": "layer"})
        numbers = {
            name: 100 * rows[f"{prefix}{column}"]
            for name, column in (("share", "rate"), ("low", "low"), ("high", "high"))
        }
        shares.append(part.assign(measure=measure, failures=failures, place=rows.index + 1, **numbers))
    chart = failures_by_layer(pd.concat(shares, ignore_index=True), list(rows["name"]), finding)
    reading = (
        "Share of the flips of sign and exponent bits in the layer's parameters. Lines: 95 % Wilson intervals; few"
        " trials a layer, long lines. Critical: the drop exceeds the tolerance."
    )
    return Figure(f"layers-depth-{network}", finding, chart, reading, min(900, 120 + 30 * len(rows)))


def _memory(network: str, table: pd.DataFrame) -> Table:
    """Per bit of memory."""
    columns = [
        "Part",
        "Share of the memory",
        "Any prediction changed",
        "Drop over the tolerance",
        "Mean drop",
        "Share of all failures",
    ]
    rows = []
    for _, row in pd.concat([_with_failures(_of(table, "part")), _of(table, "network")]).iterrows():
        is_all = row["by"] == "network"
        rows.append(
            [
                "all parameters" if is_all else row["name"],
                "100 %" if is_all else percent(row["memory"], 1),
                share(row["rate"], row["low"], row["high"]).replace("\u00a0[", "\n["),
                share(row["critical_rate"], row["critical_low"], row["critical_high"]).replace("\u00a0[", "\n["),
                points(row["drop_pp"], row["drop_pp_low"], row["drop_pp_high"]).replace("\u00a0[", "\n["),
                "100 %" if is_all else percent(row["of_failures"], 1),
            ]
        )
    return Table(f"{network}: one flip of a random bit of each part", columns, rows)


def _compared(network: str, comparisons: pd.DataFrame) -> Table:
    columns = ["Compared", "Name", "Failure", "Odds ratio", "p", "p (Holm)", "Trials", "Others"]
    rows = [
        [
            row["by"],
            row["name"],
            "any prediction changed" if row["measure"] == "changed" else "drop over the tolerance",
            ratio(row["odds_ratio"], row["low"], row["high"]),
            probability(row["p_value"]),
            probability(row["p_holm"]),
            count(row["trials"]),
            count(row["other_trials"]),
        ]
        for _, row in comparisons.iterrows()
    ]
    return Table(f"{network}: layer types, parts and depth compared at equal bit", columns, rows, labels=3)
