"""The same figure in several published tables, and rows that two networks share."""

from collections.abc import Iterator
from itertools import combinations

from sparebits.published.equalities import Equality, exactly, written
from sparebits.published.sums import place_of
from sparebits.published.tables import (
    EXPONENT_TABLES,
    KINDS,
    ROUNDING_TABLES,
    Published,
    covers,
    exponent_range,
    is_total,
)

DOUBTFUL = {24: "the kinds of Table 24 are in doubt: it has more running means than running variances"}
"""What to know of a table that others are held against."""
SHUFFLENET = {"architecture": "shufflenet_v2_x2_0"}
_RUN_COLUMNS = ("hits", "misses", "hits_percent", "misses_percent")


def golden_runs(published: Published) -> Iterator[Equality]:
    """The golden accuracy of a network is that of Table 13 wherever it stands."""
    for network, name, cells in published.of_network():
        golden = published.cell(13, "hits_percent", **cells)
        stated = {14: published.cell(14, "accuracy_percent", **cells)}
        stated |= {n: published.cell(n, "accuracy_percent", run="golden", **cells) for n in (15, 16, 19, 20, 22)}
        number = int(network["rounding_table"])
        stated[number] = published.cell(number, "hits_percent", run="golden")
        if name.startswith("ShuffleNet"):
            stated[2] = published.cell(2, "hits_percent")
            stated |= {n: published.cell(n, "hits_percent", run="golden") for n in (11, 12)}
        for number, accuracy in stated.items():
            yield exactly(f"Table {number}", "Table 13", f"{name}, golden run", accuracy, golden, "the same run")


def shufflenet_runs(published: Published) -> Iterator[Equality]:
    """Tables 11 and 12 are rows of Tables 38, 4 and 15; Table 4 is a column of Table 15, Table 5 rows of Table 6."""
    for row, other in zip(published.tables[11], published.tables[38], strict=True):
        for column in row:
            yield exactly(
                "Table 11", "Table 38", f"{place_of(row)}, {column}", row[column], other[column], "the same run"
            )
    same = [("golden", 13, SHUFFLENET), ("rounding", 38, {"run": "rounding", "floor": 120})]
    for run, number, cells in same:
        for column in _RUN_COLUMNS:
            found = published.cell(12, column, run=run)
            expected = published.cell(number, column, **cells)
            yield exactly("Table 12", f"Table {number}", f"{run}, {column}", found, expected, "the same run")
    for run, cells in (("alteration", {"run": "alteration"}), ("combined", {"run": "combined"})):
        found = published.cell(12, "hits_percent", run=run)
        expected = published.cell(22, "accuracy_percent", **SHUFFLENET, **cells)
        yield exactly("Table 12", "Table 22", f"{run}, hits_percent", found, expected, "the same run")
    for row in published.rows(15, run="alteration", **SHUFFLENET):
        hits = published.cell(4, "hits", bit=row["altered_bit"])
        arithmetic = f"100 · {written(hits)} / 50,000"
        yield exactly(
            "Table 4", "Table 15", f"bit {row['altered_bit']}", hits / 500, row["accuracy_percent"], arithmetic
        )
    for row in published.tables[5]:
        for column in ("zeros", "ones"):
            expected = published.cell(6, column, kind="all", bit=row["bit"])
            yield exactly("Table 5", "Table 6", f"{place_of(row)}, {column}", row[column], expected, "the same count")
    for row in (*published.tables[1], *published.tables[3]):
        place = f"image {row['image']}"
        expected = int(row["predicted"] == row["label"])
        yield exactly(
            "Tables 1 and 3", "their columns", place, row["hit"], expected, "a hit is a class that is the label"
        )


def roundings(published: Published) -> Iterator[Equality]:
    """Accuracies of Table 19 are those of Tables 31 to 38; those of Table 22 stand in Tables 15 and 19."""
    for network, name, cells in published.of_network():
        number = int(network["rounding_table"])
        for row in published.rows(19, run="rounding", **cells):
            expected = published.cell(number, "hits_percent", run="rounding", floor=row["floor"])
            yield exactly(
                "Table 19",
                f"Table {number}",
                f"{name}, {place_of(row)}",
                row["accuracy_percent"],
                expected,
                "the same run",
            )
        row = published.rows(22, run="rounding", **cells)[0]
        expected = published.cell(19, "accuracy_percent", floor=row["floor"], **cells)
        yield exactly("Table 22", "Table 19", f"{name}, rounding", row["accuracy_percent"], expected, "the same run")


def values_by_exponent(published: Published) -> Iterator[Equality]:
    """Tables 6 to 10 count what Table 30 counts, Table 8 by single exponents."""
    for kind in ("all", *KINDS):
        for row in published.rows(30, kind=kind):
            low, high = exponent_range(row)
            if is_total(row):
                parts = [published.cell(8, "values", kind=kind, exponent=None)]
            elif low >= 0x70:
                # The rows that Table 8 prints are complete from here on.
                parts = [
                    r["values"]
                    for r in published.rows(8, kind=kind)
                    if r["exponent"] is not None and low <= r["exponent"] < high
                ]
            else:
                continue
            yield exactly(
                "Table 30", "Table 8", place_of(row), row["values"], sum(parts), " + ".join(map(written, parts))
            )
        for row in published.rows(9, kind=kind):
            low, high = exponent_range(row)
            inside = [
                r["values"]
                for r in published.rows(30, kind=kind)
                if not is_total(r) and low <= exponent_range(r)[0] and exponent_range(r)[1] <= high
            ]
            yield exactly(
                "Table 9", "Table 30", place_of(row), row["values"], sum(inside), " + ".join(map(written, inside))
            )
        total = next(row["values"] for row in published.rows(30, kind=kind) if is_total(row))
        yield exactly(
            "Table 10", "Table 30", kind, published.cell(10, "values", kind=kind, group="all"), total, "values"
        )
        above = next(row["values"] for row in published.rows(30, kind=kind) if covers(row, 0x80, 256))
        number = 6 if kind in ("all", "weight") else 7
        ones = published.cell(number, "ones", kind=kind, bit=30)
        yield exactly(f"Table {number}", "Table 30", f"bit 30, {kind}", ones, above, "bit 30 is 1 from exponent 128 on")
    for kind in ("all", "weight"):
        stated, counted = (
            published.rows(6, kind=kind)[0]["tensors"],
            published.cell(10, "tensors", kind=kind, group="all"),
        )
        yield exactly("Table 6", "Table 10", f"tensors, {kind}", stated, counted, "the same count")
    total = published.cell(10, "tensors", kind="all", group="all")
    yield exactly(
        "Table 10",
        "Table 38",
        "tensors, all",
        total,
        published.rows(38, floor=96)[0]["total_tensors"],
        "the same count",
    )


def modified_values(published: Published) -> Iterator[Equality]:
    """Rounding modifies the values below the floor: Tables 31 to 38 against the ranges of Tables 23 to 30."""
    for network, name, _ in published.of_network():
        number, source = int(network["rounding_table"]), int(network["exponent_table"])
        ranges = published.rows(source, kind="all")
        rows = published.rows(number, run="rounding")
        total = next(row["values"] for row in ranges if is_total(row))
        yield exactly(
            f"Table {number}", f"Table {source}", f"{name}, values", rows[0]["total_values"], total, "the same count"
        )
        for row in rows:
            below = [r["values"] for r in ranges if not is_total(r) and exponent_range(r)[1] <= row["floor"]]
            arithmetic = " + ".join(map(written, below))
            yield exactly(
                f"Table {number}",
                f"Table {source}",
                f"{name}, {place_of(row)}",
                row["modified_values"],
                sum(below),
                arithmetic,
            )


def parameters(published: Published) -> Iterator[Equality]:
    """Table 14 counts weights and biases, Table 17 the values of kinds with invariant bits: by Tables 23 to 30."""
    for network, name, cells in published.of_network():
        source = int(network["exponent_table"])
        totals = {row["kind"]: row["values"] for row in published.tables[source] if is_total(row)}
        parts = [totals["weight"], totals["bias"]]
        arithmetic = f"{written(parts[0])} weights + {written(parts[1])} biases"
        stated = published.cell(14, "parameters", **cells)
        yield exactly("Table 14", f"Table {source}", name, stated, sum(parts), arithmetic, DOUBTFUL.get(source, ""))
        fixed = [row["kind"] for row in published.rows(17, **cells) if row["invariant_bits"] is not None]
        arithmetic = " + ".join(f"{written(totals[kind])} {kind}" for kind in fixed)
        stated = published.cell(17, "values", kind="all", **cells)
        expected = sum(totals[kind] for kind in fixed)
        yield exactly("Table 17", f"Table {source}", name, stated, expected, arithmetic, DOUBTFUL.get(source, ""))


def copied_rows(published: Published) -> Iterator[Equality]:
    """No two networks have the same counts in a row: Tables 31 to 38 and 23 to 30."""
    columns = ("modified_tensors", "modified_values")
    for one, other in combinations(ROUNDING_TABLES, 2):
        for row in published.rows(one, run="rounding"):
            twin = published.rows(other, floor=row["floor"])[0]
            counts, theirs = ([r[column] for column in columns] for r in (row, twin))
            yield _not_copied(one, other, row, counts, theirs)
    for one, other in combinations(EXPONENT_TABLES, 2):
        for row in published.rows(one, kind="all"):
            if not is_total(row):
                low, high = exponent_range(row)
                counts, theirs = (
                    [r["values"] for r in published.tables[number] if covers(r, low, high)] for number in (one, other)
                )
                yield _not_copied(one, other, row, counts, theirs)


def _not_copied(one: int, other: int, row, counts: list, theirs: list) -> Equality:
    shown = " / ".join(map(written, counts))
    return Equality(
        f"Table {one}",
        f"Table {other}",
        place_of(row),
        shown,
        "counts of its own",
        f"Table {other} has {' / '.join(map(written, theirs))}",
        holds=counts != theirs,
        remark="one of the two rows is a copy",
    )
