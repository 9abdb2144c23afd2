"""The report's tables: texts in cells, ready to be laid out. A line break in a cell starts its small print."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from sparebits.bit_classes import GROUPS, RULES
from sparebits.formats import FloatFormat
from sparebits.report.results import NetworkResults
from sparebits.report.wording import (
    bit_runs,
    bits,
    count,
    floor_name,
    hex_field,
    kinds,
    p_value,
    percent,
    percent_interval,
    points,
    points_interval,
)
from sparebits.statistics.paired_images import drop_interval


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns.

    Attributes:
        labels: leading columns that hold names; the others hold numbers and are set to the right.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    labels: int = 1


def summary(results: Sequence[NetworkResults], tolerance_pp: float) -> Table:
    """A line a network: what was found, with intervals."""
    columns = [
        "Network",
        "Parameter values",
        "Golden accuracy",
        "Low bits borne",
        "Floor borne",
        "Spare / data bits",
        "Hamming (n,\u00a0k)\nSEC-DED (n,\u00a0k)",
        "Drop, thesis’ choice",
        "Drop, best choice",
    ]
    rows = []
    for network in results:
        ecc, choice = network.ecc_row("network", "thesis"), network.choice
        depth = (
            f"{choice.irrelevant_bits}\nbits {choice.depth}..0" if choice.depth >= 0 else "0\nnone within the tolerance"
        )
        rows.append(
            [
                f"{network.name}\n{network.fmt.name}",
                count(network.parameters),
                f"{percent(network.accuracy)}\n{percent_interval(*network.accuracy_interval)}",
                depth,
                floor_name(choice.floor, network.fmt).replace(" (", "\n("),
                f"{ecc['spare_bits']} / {ecc['data_bits']}\nof {network.fmt.width}",
                f"{_code(ecc, 'hamming_n', network.fmt)}\n{_code(ecc, 'secded_n', network.fmt)}",
                _drop(network.combined_row("thesis"), tolerance_pp),
                _drop(network.combined_row("best"), tolerance_pp, spare=True),
            ]
        )
    return Table("Spare bits and what they cost, by network", columns, rows)


def _code(row: pd.Series, length: str, fmt: FloatFormat) -> str:
    if row["data_bits"] == 0:
        return "nothing to protect"
    fits = "" if row[length] <= fmt.width else f"\ndoes not fit in {fmt.width}"
    return f"({row[length]}, {row['data_bits']}){fits}"


def _drop(row: pd.Series | None, tolerance_pp: float, spare: bool = False) -> str:
    if row is None:
        return "–"
    low, high = drop_interval(row["lost"], row["gained"], row["images"])
    over = "\nexceeds the tolerance" if row["drop_pp"] > tolerance_pp else ""
    freed = f"\n{bits(int(row['spare_bits']))} spare" if spare else ""
    return f"{points(row['drop_pp'])} pp\n{points_interval(float(low), float(high))}{freed}{over}"


def _outcome(row: pd.Series) -> list[str]:
    low, high = drop_interval(row["lost"], row["gained"], row["images"])
    return [
        f"{percent(row['accuracy'])}\n{percent_interval(row['low'], row['high'])}",
        f"{points(row['drop_pp'])} pp\n{points_interval(float(low), float(high))}",
        f"{count(row['lost'])} / {count(row['gained'])}",
        p_value(row["p_value"]),
    ]


_OUTCOME = ["Accuracy", "Drop", "Hits lost / gained", "p"]


def depths(results: Sequence[NetworkResults]) -> Table:
    """Around the depth of each network: accuracy and drop (thesis Tables 15 and 16)."""
    rows = []
    for network in results:
        swept = network.lsb[(network.lsb["mode"] == "alteration") & (network.lsb["kind"] == "all")].sort_values("bit")
        depth = network.choice.depth
        for _, row in swept[swept["bit"].between(depth - 2, depth + 2)].iterrows():
            chosen = " (chosen)" if row["bit"] == depth else ""
            rows.append([network.name, f"{row['bit']}..0{chosen}", *_outcome(row)])
    return Table(
        "Around the chosen bit (thesis Tables 15 and 16)", ["Network", "Altered bits", *_OUTCOME], rows, labels=2
    )


def group_totals(results: Sequence[NetworkResults]) -> Table:
    """Tensors and values of each group, the largest exponent and what it leaves free (thesis Tables 10 and 18)."""
    columns = ["Network", "Below: tensors\nvalues", "Above: tensors\nvalues", "Mixed: tensors\nvalues"]
    rows = []
    for network in results:
        largest = int(network.tensors["max_exponent"].max())
        rows.append(
            [
                network.name,
                *(_group_cell(network.tensors, group) for group in GROUPS[:3]),
                f"{hex_field(largest, network.fmt)}\n{largest:0{network.fmt.exponent_bits}b}",
                str(network.free_bits),
            ]
        )
    title = "Tensors by group, largest exponent and free bits (thesis Tables 10 and 18)"
    return Table(title, [*columns, "Largest exponent", "Free bits"], rows)


def _group_cell(tensors: pd.DataFrame, group: str) -> str:
    members = tensors[tensors["group"] == group]
    share = members["values"].sum() / tensors["values"].sum()
    return f"{count(len(members))}\n{count(members['values'].sum())} ({percent(share)})"


def groups_by_kind(network: NetworkResults) -> Table:
    """Tensors and values of each group, by kind (thesis Table 10)."""
    columns = ["Kind", "Below: tensors\nvalues", "Above: tensors\nvalues", "Mixed: tensors\nvalues"]
    rows = []
    for kind in network.kinds:
        tensors = network.tensors[network.tensors["kind"] == kind]
        rows.append([kind, *(_group_cell(tensors, group) for group in GROUPS[:3])])
    return Table(f"{network.name}: tensors by kind and group (thesis Table 10)", columns, rows)


def ranges_by_kind(network: NetworkResults) -> Table:
    """Values between the boundaries of exponents, by kind (thesis Table 9)."""
    fmt = network.fmt
    borders = [0, *fmt.forced_bits_of_floor, fmt.leading_exponent, 1 << fmt.exponent_bits]
    columns = ["Kind", f"< {hex_field(borders[1], fmt)}"]
    columns += [f"{hex_field(low, fmt)} to < {hex_field(high, fmt)}" for low, high in pairwise(borders[1:-1])]
    columns += [f"≥ {hex_field(fmt.leading_exponent, fmt)}", "Zero or subnormal"]
    rows = []
    for kind in ("all", *network.kinds):
        counts = network.exponents[network.exponents["kind"] == kind].set_index("exponent")["count"]
        total = counts.sum()
        cells = []
        for low, high in pairwise(borders):
            number = counts[(counts.index >= low) & (counts.index < high)].sum()
            cells.append(f"{count(number)}\n{percent(number / total)}")
        rows.append([kind, *cells, count(counts.get(0, 0))])
    return Table(f"{network.name}: values by exponent (thesis Table 9)", columns, rows)


def rounding(results: Sequence[NetworkResults]) -> Table:
    """What each floor modifies and costs (thesis Tables 11 and 19)."""
    columns = ["Network", "Floor", "Modified tensors", "Modified values", *_OUTCOME]
    rows = []
    for network in results:
        for _, row in network.rounding.sort_values("floor").iterrows():
            chosen = "\nchosen" if row["floor"] == network.choice.floor else ""
            rows.append(
                [
                    network.name,
                    floor_name(row["floor"], network.fmt) + chosen,
                    f"{count(row['modified_tensors'])} of {count(row['tensors'])}",
                    f"{count(row['modified_values'])}\n{percent(row['modified_values'] / row['values'])}",
                    *_outcome(row),
                ]
            )
    return Table("Rounding to each floor (thesis Tables 11, 19 and 20)", columns, rows, labels=2)


def combined(results: Sequence[NetworkResults]) -> Table:
    """The thesis' and the best pair (thesis Table 22)."""
    columns = ["Network", "Choice", "Floor", "Altered bits", "Spare bits", *_OUTCOME]
    rows = []
    for network in results:
        for choice in ("thesis", "best"):
            row = network.combined_row(choice)
            if row is not None:
                altered = f"{row['bit']}..0" if row["bit"] >= 0 else "none"
                floor = floor_name(row["floor"], network.fmt)
                rows.append([network.name, choice, floor, altered, f"{row['spare_bits']}", *_outcome(row)])
    return Table("Rounding and alteration together (thesis Table 22)", columns, rows, labels=2)


def invariant(results: Sequence[NetworkResults]) -> Table:
    """Invariant bits by kind (thesis Table 17)."""
    present = list(dict.fromkeys(kind for network in results for kind in network.kinds))
    rows = []
    for network in results:
        cells = []
        for kind in present:
            fixed = network.bits[
                (network.bits["kind"] == kind) & ((network.bits["zeros"] == 0) | (network.bits["ones"] == 0))
            ]
            known = kind in network.kinds
            cells.append(bit_runs(fixed["bit"]) or ("none" if known else "–"))
        rows.append([network.name, *cells])
    return Table("Invariant bits by kind (thesis Table 17)", ["Network", *map(kinds, present)], rows)


def codes(results: Sequence[NetworkResults]) -> Table:
    """Data bits, spare bits and code sizes by group and rule (thesis Table 21)."""
    columns = [
        "Network",
        "Group",
        "Rule",
        "Tensors",
        "Forced + low = spare bits",
        "Data bits",
        "Hamming (n,\u00a0k)",
        "SEC-DED (n,\u00a0k)",
    ]
    rows = []
    for network in results:
        for group in GROUPS:
            members = network.tensors if group == "network" else network.tensors[network.tensors["group"] == group]
            lines = [network.ecc_row(group, rule) for rule in RULES]
            if members.empty:
                continue
            same = lines[0].drop("rule").equals(lines[1].drop("rule"))
            for line in lines[:1] if same else lines:
                rows.append(
                    [
                        network.name,
                        "whole network" if group == "network" else group,
                        "both" if same else line["rule"],
                        count(len(members)),
                        f"{line['forced_bits']} + {line['irrelevant_bits']} = {line['spare_bits']}",
                        str(line["data_bits"]),
                        _code(line, "hamming_n", network.fmt),
                        _code(line, "secded_n", network.fmt),
                    ]
                )
    return Table("Codes that the spare bits have room for (thesis Table 21)", columns, rows, labels=3)


def sizes(results: Sequence[NetworkResults]) -> Table:
    """Parameters and golden accuracy (thesis Tables 13 and 14)."""
    columns = ["Network", "Parameter values", "of which weights and biases", "Hits of images", "Golden accuracy"]
    rows = []
    for network in results:
        trained = network.tensors.loc[network.tensors["kind"].isin(["weight", "bias"]), "values"].sum()
        accuracy = f"{percent(network.accuracy)}\n{percent_interval(*network.accuracy_interval)}"
        hits = f"{count(network.golden['hit'].sum())} of {count(network.images)}"
        rows.append([network.name, count(network.parameters), count(trained), hits, accuracy])
    return Table("The golden runs (thesis Tables 13 and 14)", columns, rows)
