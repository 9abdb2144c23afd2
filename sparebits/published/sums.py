"""Sums that should come out within one published table, or within the tables of one network."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from sparebits.published.equalities import Equality, exactly, written
from sparebits.published.tables import (
    EXPONENT_TABLES,
    IMAGES,
    KINDS,
    ROUNDING_TABLES,
    Published,
    Row,
    is_total,
)


def hits_and_misses(published: Published) -> Iterator[Equality]:
    """Hits and misses are all images."""
    for number in (2, 4, 11, 12, 13, *ROUNDING_TABLES):
        for row in published.tables[number]:
            hits, misses = row["hits"], row["misses"]
            yield exactly(
                f"Table {number}",
                "the images",
                place_of(row),
                hits + misses,
                Decimal(IMAGES),
                f"{written(hits)} + {written(misses)}, images of the validation set",
            )


def zeros_and_ones(published: Published) -> Iterator[Equality]:
    """Zeros and ones of a bit are all values of the kind, by the heads of Table 6 and the totals of Table 8."""
    for number in (5, 6, 7):
        for row in published.tables[number]:
            kind = row.get("kind") or "all"
            total = published.cell(8, "values", kind=kind, exponent=None)
            arithmetic = f"{written(row['zeros'])} + {written(row['ones'])}"
            yield exactly(f"Table {number}", "Table 8", place_of(row), row["zeros"] + row["ones"], total, arithmetic)
            if number == 6:
                yield exactly("Table 6", "its head", place_of(row), row["values"], total, "values of the kind")


def bits_of_kinds(published: Published) -> Iterator[Equality]:
    """The zeros, and the ones, of the four kinds (Tables 6 and 7) are those of all parameters (Table 6)."""
    for row in published.rows(6, kind="all"):
        for column in ("zeros", "ones"):
            parts = [published.cell(6, column, kind="weight", bit=row["bit"])]
            parts += [published.cell(7, column, kind=kind, bit=row["bit"]) for kind in KINDS[1:]]
            place = f"bit {row['bit']}, {column}"
            yield exactly("Table 6", "Tables 6 and 7", place, row[column], sum(parts), _plus(parts))


def kinds(published: Published) -> Iterator[Equality]:
    """The four kinds sum up to the column of all parameters (Tables 8 to 10, 23 to 30)."""
    for number in (8, 9, *EXPONENT_TABLES):
        yield from _parts_of(published, number, "kind", "all", KINDS, "values", lambda row: _exponents(row))
    for column in ("tensors", "values"):
        yield from _parts_of(published, 10, "kind", "all", KINDS, column, lambda row: row["group"])


def ranges(published: Published) -> Iterator[Equality]:
    """The ranges of exponents sum up to the last row (Tables 9 and 23 to 30)."""
    for number in (9, *EXPONENT_TABLES):
        for kind in ("all", *KINDS):
            rows = published.rows(number, kind=kind)
            total = next(row["values"] for row in rows if is_total(row))
            parts = [row["values"] for row in rows if not is_total(row)]
            yield exactly(f"Table {number}", "its rows", f"total, {kind}", total, sum(parts), _plus(parts))


def groups(published: Published) -> Iterator[Equality]:
    """Tensors below, above and mixed are all tensors, and so are their values (Table 10)."""
    for column in ("tensors", "values"):
        yield from _parts_of(
            published, 10, "group", "all", ("below", "above", "mixed"), column, lambda row: row["kind"]
        )


def batchnorm(published: Published) -> Iterator[Equality]:
    """Every BatchNorm has as many running means as running variances (Tables 23 to 30)."""
    for number in EXPONENT_TABLES:
        totals = {row["kind"]: row["values"] for row in published.tables[number] if is_total(row)}
        yield exactly(
            f"Table {number}",
            "the architecture",
            "total, running_mean",
            totals["running_mean"],
            totals["running_var"],
            "a channel of a BatchNorm has one running mean and one running variance",
            "its columns cannot be those of the four kinds, though their sums are right",
        )


def _parts_of(
    published: Published,
    number: int,
    column: str,
    whole: str,
    parts: tuple[str, ...],
    quantity: str,
    key: Callable[[Row], object],
) -> Iterator[Equality]:
    """Rows in which `column` is each of `parts` sum up to the row in which it is `whole`, wherever `key` is equal."""
    for row in published.rows(number, **{column: whole}):
        found = [
            other[quantity]
            for part in parts
            for other in published.rows(number, **{column: part})
            if key(other) == key(row)
        ]
        place = f"{place_of(row)}, {quantity}" if number == 10 else place_of(row)
        yield exactly(f"Table {number}", f"its {column}s", place, row[quantity], sum(found), _plus(found))


def place_of(row: Row) -> str:
    """What names a row of any table."""
    parts = [row[column] for column in ("run",) if row.get(column)]
    parts += [f"floor {row['floor']}" for _ in "1" if row.get("floor") is not None]
    parts += [f"bit {row[column]}" for column in ("bit", "altered_bit") if row.get(column) is not None]
    if "exponent_from" in row or "exponent" in row:
        parts.append(_exponents(row))
    parts += [row[column] for column in ("kind", "group") if row.get(column)]
    return ", ".join(parts) or "its row"


def _exponents(row: Row) -> str:
    if "exponent" in row:
        return "total" if row["exponent"] is None else f"exponent {row['exponent']}"
    if is_total(row):
        return "total"
    low, high = row["exponent_from"] or 0, row["exponent_below"]
    return f"exponents {low} to below {high}" if high is not None else f"exponents from {low}"


def _plus(parts: list[Decimal]) -> str:
    return " + ".join(map(written, parts))
