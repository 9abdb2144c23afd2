"""The thesis' tables and figures as they were published, read from reference/silin2024/."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sparebits.errors import InputError

NUMBERS = range(1, 39)
"""Of the thesis' tables."""
EXPONENT_TABLES = range(23, 31)
"""Values by ranges of exponents, a network each."""
ROUNDING_TABLES = range(31, 39)
"""Exponents rounded up to each floor, a network each."""
IMAGES = 50_000
"""Of the validation set of ImageNet, on which the thesis measured everything."""
KINDS = ("weight", "bias", "running_mean", "running_var")

TEXTS = (
    *("architecture", "weights", "run", "kind", "group", "bits", "floor_printed", "boundary_printed"),
    *("title", "section", "units", "printed", "weights_known_by", "statement", "unit", "column", "where"),
)
"""Columns that hold no numbers."""

Row = dict[str, str | Decimal | None]
"""A row of a table: numbers with the digits that are printed, None for an empty cell."""


@dataclass(frozen=True)
class Published:
    """What the thesis prints.

    Attributes:
        tables: rows by the number of the table.
        index: of each table its title, section, pages and units.
        networks: how the thesis calls a network, and torchvision's architecture and weights.
        texts: figures in the running text, each with the cell of a table that it should agree with, if there is one.
    """

    tables: dict[int, list[Row]]
    index: list[Row]
    networks: list[Row]
    texts: list[Row]

    def rows(self, number: int, **cells: str | int | None) -> list[Row]:
        """The rows of a table whose cells are these, in the order of the thesis."""
        return [row for row in self.tables[number] if all(row[column] == cell for column, cell in cells.items())]

    def cell(self, number: int, column: str, **cells: str | int | None) -> Decimal:
        """The cell of the one row that has these cells.

        Raises:
            KeyError: if no row or several have them.
        """
        found = self.rows(number, **cells)
        if len(found) != 1:
            raise KeyError(f"Table {number} has {len(found)} rows with {cells}, expected 1")
        return found[0][column]

    def of_network(self) -> Iterator[tuple[Row, str, dict[str, str]]]:
        """Each network with its printed name and the cells that its rows have."""
        for network in self.networks:
            cells = {"architecture": network["architecture"], "weights": network["weights"]}
            yield network, network["printed"], cells


def read_published(folder: str | Path) -> Published:
    """Read table_01.csv to table_38.csv, tables.csv, networks.csv and text_values.csv of a folder.

    Raises:
        InputError: if a file is missing, or a cell of a column of numbers is none.
    """
    folder = Path(folder)
    return Published(
        tables={number: _read(folder / f"table_{number:02d}.csv") for number in NUMBERS},
        index=_read(folder / "tables.csv"),
        networks=_read(folder / "networks.csv"),
        texts=[row | {"value": Decimal(row["printed"])} for row in _read(folder / "text_values.csv")],
    )


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        raise InputError(f"{path} is missing; it belongs to the project: git checkout {path}")
    with open(path, newline="", encoding="utf-8") as lines:
        return [
            {column: _cell(text, column, path, number) for column, text in row.items()}
            for number, row in enumerate(csv.DictReader(lines), start=2)
        ]


def _cell(text: str, column: str, path: Path, line: int) -> str | Decimal | None:
    if text == "":
        return None
    if column in TEXTS:
        return text
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InputError(f"{path}, line {line}: the {column} {text} is no number") from None


def covers(row: Row, low: int, high: int) -> bool:
    """Whether the range of exponents of a row (of Tables 9 and 23 to 30) is exactly low to below high."""
    return (row["exponent_from"] or 0) == low and (row["exponent_below"] or 256) == high


def exponent_range(row: Row) -> tuple[int, int]:
    """The first exponent of a row's range, and the first beyond it; open ends are 0 and 256."""
    return int(row["exponent_from"] or 0), int(row["exponent_below"] or 256)


def is_total(row: Row) -> bool:
    """Whether the range of exponents of a row is the whole."""
    return row["exponent_from"] is None and row["exponent_below"] is None
