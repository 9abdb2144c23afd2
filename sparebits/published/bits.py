"""Numbers of bits: invariant, free, altered, spare, and the digits of exponents."""

from collections.abc import Iterator
from decimal import Decimal

from sparebits.published.between_tables import DOUBTFUL
from sparebits.published.equalities import Equality, exactly
from sparebits.published.tables import KINDS, Published, Row, covers, is_total

FORCED_BITS = {96: 3, 112: 4, 120: 5, 124: 6}
"""Leading exponent bits that a floor forces (thesis 3.7.1): its leading 0 and the ones after it."""
_LEADING = (28, 29, 30)


def free_bits(published: Published) -> Iterator[Equality]:
    """Bits free to fix follow from the largest exponent (Table 18), and that from the counts of Table 8."""
    for _, name, cells in published.of_network():
        row = published.rows(18, **cells)[0]
        excess = int(row["max_exponent"]) - 0x80
        arithmetic = f"8 − {excess.bit_length()} bits for {int(row['max_exponent']):08b} − 10000000"
        yield exactly("Table 18", "its exponents", name, row["free_bits"], 8 - excess.bit_length(), arithmetic)
    largest = max(
        row["exponent"] for row in published.rows(8, kind="all") if row["exponent"] is not None and row["values"]
    )
    stated = published.cell(18, "max_exponent", architecture="shufflenet_v2_x2_0")
    yield exactly("Table 18", "Table 8", "ShuffleNetV2_2.0", stated, largest, "the last exponent that occurs")


def invariant_bits(published: Published) -> Iterator[Equality]:
    """Whether bits 28 to 30 are invariant in a kind follows, mostly, from the ranges of Tables 23 to 30.

    No table has exponents from 192 on: in 128 to 143 bit 30 is 1 and bits 29 and 28 are 0; in 96 to 127 it is the other
    way round. Only where exponents below 96 occur beside none from 128 on do bits 28 and 29 remain open.
    """
    for network, name, cells in published.of_network():
        source = int(network["exponent_table"])
        for kind in KINDS:
            row = published.rows(17, kind=kind, **cells)[0]
            printed = {int(bit) for bit in (row["bits"] or "").split()}
            yield exactly(
                "Table 17",
                "its cells",
                f"{name}, {kind}, number",
                row["invariant_bits"] or 0,
                len(printed),
                "bits listed",
            )
            ranges = [r for r in published.rows(source, kind=kind) if not is_total(r)]
            low = sum(r["values"] for r in ranges if r["exponent_below"] == 96)
            high = sum(r["values"] for r in ranges if covers(r, 128, 256))
            middle = sum(r["values"] for r in ranges) - low - high
            decided, fixed = _decided(low, middle, high)
            arithmetic = f"{middle:,} values in 96 to 127, {low:,} below, {high:,} from 128 on"
            shown = printed & decided
            place, remark = f"{name}, {kind}", DOUBTFUL.get(source, "")
            yield exactly("Table 17", f"Table {source}", place, _listed(shown), _listed(fixed), arithmetic, remark)


def _decided(low: Decimal, middle: Decimal, high: Decimal) -> tuple[set[int], set[int]]:
    """Of bits 28 to 30 those whose invariance the counts decide, and those that are invariant."""
    if high and (low or middle):
        return ({30} if not middle else set(_LEADING)), set()
    if low:
        return {30}, {30}
    return set(_LEADING), set(_LEADING)


def _listed(bits: set[int]) -> str:
    return "bits " + " ".join(map(str, sorted(bits))) if bits else "no bit"


def altered_bits(published: Published) -> Iterator[Equality]:
    """The label "n bits" of Tables 12 and 22 stands for row bit_n of Table 15, in which n + 1 bits are altered."""
    for number in (12, 22):
        rows = published.rows(number, run="alteration")
        for row in rows:
            cells = {column: row[column] for column in ("architecture", "weights")}
            accuracy, bit = _accuracy(row), row["altered_bits"]
            expected = published.cell(15, "accuracy_percent", altered_bit=bit, **cells)
            place = f"{_name(published, row)}, “{bit} bits”, accuracy"
            remark = f"it is that of row bit_{_altered_bit(published, row)}"
            yield exactly(f"Table {number}", "Table 15", place, accuracy, expected, f"row bit_{bit}", remark)
        for label in sorted({row["altered_bits"] for row in rows}):
            members = [row for row in rows if row["altered_bits"] == label and _altered_bit(published, row) == label]
            if members:
                names = ", ".join(_name(published, row) for row in members)
                arithmetic = f"their accuracy is that of row bit_{label}: bits 0 to {label}"
                remark = "the label is the number of the highest bit, and one bit more is altered"
                place = f"label “{label} bits” of {names}"
                yield exactly(f"Table {number}", "Table 15", place, label, label + 1, arithmetic, remark)


def _accuracy(row: Row) -> Decimal:
    return row.get("accuracy_percent") or row["hits_percent"]


def _altered_bit(published: Published, row: Row) -> Decimal | None:
    """The highest altered bit of the row of Table 15 with the accuracy of an alteration; None if none has it."""
    cells = {column: row[column] for column in ("architecture", "weights")}
    rows = published.rows(15, run="alteration", **cells)
    return next((other["altered_bit"] for other in rows if other["accuracy_percent"] == _accuracy(row)), None)


def _name(published: Published, row: Row) -> str:
    networks = published.of_network()
    return next(name for _, name, cells in networks if all(row[column] == cell for column, cell in cells.items()))


def parity_bits(published: Published) -> Iterator[Equality]:
    """Bits for parity (Table 21) are the forced and the altered ones (Tables 18 and 22); the rest is protected."""
    for _, name, cells in published.of_network():
        row = published.rows(21, **cells)[0]
        floor = int(published.cell(22, "floor", run="rounding", **cells))
        free = published.cell(18, "free_bits", **cells)
        bit = published.cell(22, "altered_bits", run="alteration", **cells)
        forced = min(FORCED_BITS[floor], free)
        arithmetic = f"{forced} forced exponent bits (floor {floor}) + {bit + 1} mantissa bits (0 to {bit})"
        remark = "as if as many bits were altered as the label of Table 22 says; the other six networks count one more"
        yield exactly(
            "Table 21",
            "Tables 18 and 22",
            f"{name}, parity",
            row["parity_bits"],
            forced + bit + 1,
            arithmetic,
            remark,
        )
        rest = 32 - row["parity_bits"]
        arithmetic = f"32 − {row['parity_bits']}"
        yield exactly("Table 21", "the word", f"{name}, to protect", row["protected_bits"], rest, arithmetic)


def digits_of_exponents(published: Published) -> Iterator[Equality]:
    """Exponents in the heads of columns have eight digits."""
    for number, column in ((10, "boundary_printed"), (20, "floor_printed")):
        printed = sorted({row[column] for row in published.tables[number] if row[column] is not None})
        lengths = sorted({len(text) for text in printed})
        found = " and ".join(map(str, lengths))
        remark = "a digit may have been lost where the text was taken from the document"
        yield exactly(
            f"Table {number}", "binary32", "digits of " + ", ".join(printed), found, "8", "width of an exponent", remark
        )
