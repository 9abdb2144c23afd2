"""The thesis' tables of a network as one long table: what was counted or measured, of what, and where it is printed.

The columns `quantity`, `kind` and `place` say what a figure is about; measured.py gives the same quantities the same
names, and comparison.py lays both side by side.
"""

from decimal import Decimal

import pandas as pd

from sparebits.published.tables import IMAGES, Published, Row, exponent_range, is_total

COLUMNS = ["table", "quantity", "kind", "place", "published", "decimals", "unit"]
OF_ARCHITECTURE = ("tensors", "values", "weights and biases")
"""Quantities that hold for any weights."""


def observations(published: Published, architecture: str, weights: str | None) -> pd.DataFrame:
    """What the thesis prints of a network that can be measured again.

    Args:
        weights: a torchvision enum; None gives what holds for the architecture alone.

    Returns:
        a row a figure, with COLUMNS; `published` is a number or a list of bits as text, `decimals` are those printed.
    """
    cells = {"architecture": architecture} | ({"weights": weights} if weights else {})
    networks = [row for row in published.networks if all(row[column] == cell for column, cell in cells.items())]
    rows = [row for network in networks[:1] for row in _of_network(published, network)]
    if weights is None:
        rows = [row for row in rows if row["quantity"] in OF_ARCHITECTURE]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_network(published: Published, network: Row) -> list[dict]:
    cells = {column: network[column] for column in ("architecture", "weights")}
    rows = _census(published, cells, int(network["exponent_table"]))
    rows += _bits(published, cells)
    rows += _runs(published, cells, int(network["rounding_table"]))
    return rows


def _row(table: int, quantity: str, kind: str, place: str, figure, unit: str) -> dict:
    decimals = 0 if isinstance(figure, str) else max(0, -figure.as_tuple().exponent)
    value = figure if isinstance(figure, str) else float(figure)
    return dict(zip(COLUMNS, (table, quantity, kind, place, value, decimals, unit), strict=True))


def _census(published: Published, cells: dict, exponents: int) -> list[dict]:
    """Tables 5 to 10, 14 and 23 to 30."""
    rows = []
    for number in (5, 6, 7):
        for row in published.rows(number, **cells):
            for column in ("zeros", "ones"):
                rows.append(_row(number, column, row.get("kind") or "all", f"bit {row['bit']}", row[column], "values"))
    for row in published.rows(6, **cells, bit=0):
        rows.append(_row(6, "tensors", row["kind"], "", row["tensors"], "tensors"))
    for row in published.rows(8, **cells):
        if row["exponent"] is not None:
            place = f"exponent {row['exponent']}"
            rows.append(_row(8, "values by exponent", row["kind"], place, row["values"], "values"))
    for number in (9, exponents):
        for row in published.rows(number, **cells):
            low, high = exponent_range(row)
            place = "" if is_total(row) else f"exponents {low} to {high - 1}"
            quantity = "values" if is_total(row) else "values by exponent"
            rows.append(_row(number, quantity, row["kind"], place, row["values"], "values"))
    for row in published.rows(10, **cells):
        for column in ("tensors", "values"):
            quantity = column if row["group"] == "all" else f"{column} by group"
            rows.append(_row(10, quantity, row["kind"], _group(row["group"]), row[column], column))
    for row in published.rows(14, **cells):
        rows.append(_row(14, "weights and biases", "all", "", row["parameters"], "values"))
    return rows


def _group(group: str) -> str:
    return "" if group == "all" else f"group {group}"


def _bits(published: Published, cells: dict) -> list[dict]:
    """Tables 17, 18 and 21, and the choices of Table 22."""
    rows = []
    for row in published.rows(17, **cells):
        if row["kind"] == "all":
            rows.append(_row(17, "values with invariant bits", "all", "", row["values"], "values"))
        else:
            rows.append(_row(17, "invariant bits", row["kind"], "", row["bits"] or "none", "bits"))
    for row in published.rows(18, **cells):
        rows.append(_row(18, "largest exponent", "all", "", row["max_exponent"], "exponent field"))
        rows.append(_row(18, "free exponent bits", "all", "", row["free_bits"], "bits"))
    for row in published.rows(21, **cells):
        rows.append(_row(21, "spare bits", "all", "", row["parity_bits"], "bits"))
        rows.append(_row(21, "data bits", "all", "", row["protected_bits"], "bits"))
    for row in published.rows(22, run="rounding", **cells):
        rows.append(_row(22, "chosen floor", "all", "", row["floor"], "exponent field"))
    for row in published.rows(22, run="alteration", **cells):
        rows.append(_row(22, "highest altered bit chosen", "all", "", row["altered_bits"], "bit"))
    return rows


def _runs(published: Published, cells: dict, roundings: int) -> list[dict]:
    """Tables 1, 2, 4, 11 to 16, 19, 20, 22 and 31 to 38: accuracies, deviations and what rounding modifies."""
    rows = []
    for row in published.rows(1, **cells):
        rows.append(_row(1, "predicted class", "all", f"image {row['image']}", row["predicted"], "class"))
    for number in (2, 4, 11, 12, 13, roundings):
        for row in published.rows(number, **cells):
            rows.append(_row(number, "accuracy", "all", _run(row), _percent_of(row), "% of images"))
    floor = published.cell(22, "floor", run="rounding", **cells)
    bit = published.cell(22, "altered_bits", run="alteration", **cells)
    for number in (14, 15, 16, 19, 20, 22):
        for row in published.rows(number, **cells):
            place = f"combined, floor {floor}, bit {bit}" if row.get("run") == "combined" else _run(row)
            if row.get("accuracy_percent") is not None:
                rows.append(_row(number, "accuracy", "all", place, row["accuracy_percent"], "% of images"))
            if row.get("deviation_pp") is not None:
                # A deviation of 0 that Table 20 prints without decimals is one of 0.000.
                figure = row["deviation_pp"].quantize(Decimal("0.001"))
                rows.append(_row(number, "deviation", "all", place, figure, "pp"))
    for number in (11, roundings):
        for row in published.rows(number, run="rounding", **cells):
            for column, quantity in (("total_tensors", "tensors"), ("total_values", "values")):
                if row[column] is not None:
                    rows.append(_row(number, quantity, "all", "", row[column], quantity))
            for unit in ("tensors", "values"):
                rows.append(_row(number, f"modified {unit}", "all", _run(row), row[f"modified_{unit}"], unit))
    return rows


def _percent_of(row: Row) -> Decimal:
    """The accuracy of hits of 50,000 images, with the three decimals that tell every number of hits apart."""
    return (100 * row["hits"] / IMAGES).quantize(Decimal("0.001"))


def _run(row: Row) -> str:
    """Which run a row is about, as measured.py calls it."""
    bit = row.get("bit") if row.get("bit") is not None else row.get("altered_bit")
    run = row.get("run") or ("golden" if bit is None else "alteration")
    if run == "alteration":
        bit = row["altered_bits"] if bit is None else bit
        return f"alteration, bit {bit}"
    if run == "rounding":
        return f"rounding, floor {row['floor']}"
    return f"combined, floor {row['floor']}, bit {row['altered_bits']}" if run == "combined" else run
