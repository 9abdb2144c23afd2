"""Percentages and differences that should follow from the counts beside them."""

from collections.abc import Iterator
from decimal import Decimal

from sparebits.published.equalities import Equality, exactly, percentage, written
from sparebits.published.sums import place_of
from sparebits.published.tables import IMAGES, ROUNDING_TABLES, Published, is_total


def shares_of_images(published: Published) -> Iterator[Equality]:
    """Percentages of hits and misses follow from their numbers."""
    for number in (2, 4, 11, 12, 13, *ROUNDING_TABLES):
        for row in published.tables[number]:
            images = row["hits"] + row["misses"]
            for column in ("hits", "misses"):
                place = f"{place_of(row)}, % of {column}"
                yield percentage(f"Table {number}", place, row[f"{column}_percent"], row[column], images, "its counts")


def shares_of_values(published: Published) -> Iterator[Equality]:
    """So do those of zeros and ones, of values in a range, of modified values and of values with invariant bits."""
    for number in (6, 7):
        for row in published.tables[number]:
            total = row["zeros"] + row["ones"]
            for column in ("zeros", "ones"):
                place = f"{place_of(row)}, % of {column}"
                yield percentage(f"Table {number}", place, row[f"{column}_percent"], row[column], total, "its counts")
    total = next(row["values"] for row in published.rows(9, kind="all") if is_total(row))
    for row in published.rows(9, kind="all"):
        if row["percent"] is not None:
            yield percentage("Table 9", place_of(row), row["percent"], row["values"], total, "its counts")
    for number in (11, *ROUNDING_TABLES):
        rows = published.rows(number, run="rounding")
        total = next(row["total_values"] for row in rows if row["total_values"] is not None)
        for row in rows:
            place = f"{place_of(row)}, % of values"
            yield percentage(
                f"Table {number}", place, row["modified_percent"], row["modified_values"], total, "its counts"
            )
    for network, name, cells in published.of_network():
        number = int(network["exponent_table"])
        total = next(row["values"] for row in published.rows(number, kind="all") if is_total(row))
        row = published.rows(17, kind="all", **cells)[0]
        yield percentage("Table 17", f"{name}, %", row["percent"], row["values"], total, f"Table {number}")


def whole_images(published: Published) -> Iterator[Equality]:
    """An accuracy on 50,000 images is a multiple of 0.002 %, a difference of two one of 0.002 percentage points."""
    step = Decimal(100) / IMAGES
    for number in (14, 15, 16, 19, 20, 22):
        for row in published.tables[number]:
            for column in ("accuracy_percent", "deviation_pp"):
                figure = row.get(column)
                if figure is not None:
                    arithmetic = f"{written(figure / step)} images of {IMAGES:,}"
                    nearest = round(figure / step) * step
                    yield exactly(
                        f"Table {number}", "the images", _network_place(row, column), figure, nearest, arithmetic
                    )


def deviations(published: Published) -> Iterator[Equality]:
    """A deviation is accuracy minus golden accuracy (Tables 16, 20 and 22)."""
    for _, name, cells in published.of_network():
        golden = published.cell(13, "hits_percent", **cells)
        pairs = [
            (16, 15, row, {"altered_bit": row["altered_bit"]}) for row in published.rows(16, run="alteration", **cells)
        ]
        pairs += [(20, 19, row, {"floor": row["floor"]}) for row in published.rows(20, run="rounding", **cells)]
        pairs += [(22, 22, row, {"run": row["run"]}) for row in published.rows(22, **cells) if row["run"] != "golden"]
        for number, source, row, key in pairs:
            accuracy = published.cell(source, "accuracy_percent", **cells, **key)
            yield exactly(
                f"Table {number}",
                f"Tables {source} and 13",
                f"{name}, {place_of(row)}",
                row["deviation_pp"],
                accuracy - golden,
                f"{written(accuracy)} − {written(golden)}",
            )


def _network_place(row, column: str) -> str:
    return f"{row['architecture']} ({row['weights'].rpartition('.')[2]}), {place_of(row)}, {column}"
