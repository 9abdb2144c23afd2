"""The report's section that lays measured figures beside the thesis' tables, for networks that are the thesis'."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from sparebits.published.networks import DIFFERS, EXACT, VERDICTS, WITHIN
from sparebits.report.parts import Section
from sparebits.report.results import read_table
from sparebits.report.tables import Table
from sparebits.report.wording import count, kinds, listed

_COLUMNS = [
    "table",
    "quantity",
    "kind",
    "place",
    "published",
    "measured",
    "difference",
    "unit",
    "low",
    "high",
    "verdict",
]
_MOST_ROWS = 40
"""Of figures that differ, a network; published.csv has all."""


def read_comparisons(paths: Sequence[str | Path]) -> dict[str, pd.DataFrame]:
    """published.csv of each network, by the name of its folder.

    Raises:
        InputError: if a file is missing or empty or lacks a column.
    """
    files = map(Path, paths)
    return {file.parent.name: read_table(file, [*_COLUMNS, "images", "transform"], "run snakemake") for file in files}


def published(comparisons: Mapping[str, pd.DataFrame]) -> list[Section]:
    """The section, if any network is the thesis'; none otherwise."""
    if not comparisons:
        return []
    return [
        Section(
            "published",
            "The thesis’ tables beside the measured values",
            "chapters 3, 4 and 7",
            tables=[_verdicts(comparisons)],
            details=[
                table
                for network, rows in comparisons.items()
                for table in (_by_table(network, rows), _different(network, rows))
                if table.rows
            ],
        )
    ]


def _verdicts(comparisons: Mapping[str, pd.DataFrame]) -> Table:
    columns = ["Network", "Figures compared", *map(str.capitalize, VERDICTS), "Measured on", "Transform"]
    rows = []
    for network, table in comparisons.items():
        counts = table["verdict"].value_counts()
        images = sorted({int(number) for number in table["images"].dropna()})
        told = f"{listed([f'{number:,}' for number in images])} images" if images else "weights only"
        transforms = sorted(set(table.loc[table["images"].notna(), "transform"]))
        rows.append(
            [
                network,
                count(len(table)),
                *(count(counts.get(verdict, 0)) for verdict in VERDICTS),
                told,
                " and ".join(transforms) or "–",
            ]
        )
    return Table("Published figures that were measured, too", columns, rows)


def _by_table(network: str, rows: pd.DataFrame) -> Table:
    found = []
    for (number, quantity), members in rows.groupby(["table", "quantity"], sort=False):
        counts = members["verdict"].value_counts()
        found.append([f"Table {number}", quantity, count(len(members)), *(count(counts.get(v, 0)) for v in VERDICTS)])
    columns = ["Table", "Quantity", "Figures", *map(str.capitalize, VERDICTS)]
    return Table(f"{network}: by table of the thesis", columns, found, labels=2)


def _different(network: str, rows: pd.DataFrame) -> Table:
    """Figures that differ, and those within sampling error, the former first."""
    order = rows["verdict"].map({DIFFERS: 0, WITHIN: 1})
    shown = rows.assign(order=order)[rows["verdict"] != EXACT].sort_values("order", kind="stable")
    left = len(shown) - _MOST_ROWS
    found = []
    for row in shown.head(_MOST_ROWS).itertuples():
        about = ", ".join(part for part in (kinds(row.kind), row.place) if isinstance(part, str) and part)
        interval = "" if pd.isna(row.low) else f"\n[{row.low:.3f}, {row.high:.3f}]"
        difference = "" if pd.isna(row.difference) else f"{float(row.difference):+,g}"
        figures = [str(row.published), f"{row.measured}{interval}", difference, row.unit, row.verdict]
        found.append([f"Table {row.table}", row.quantity, about, *figures])
    columns = ["Table", "Quantity", "Of", "Published", "Measured", "Difference", "Unit", "Verdict"]
    more = f" ({left:,} more in published.csv)" if left > 0 else ""
    return Table(f"{network}: figures that are not exactly the published ones{more}", columns, found, labels=3)
