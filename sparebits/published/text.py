"""Figures in the running text of the thesis against its tables."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from sparebits.codes.sizes import hamming_check_bits
from sparebits.published.equalities import Equality, exactly, rounded
from sparebits.published.tables import Published, Row

MANTISSA_BITS = 23
"""Of binary32 (thesis 3.2)."""
SIGN_BITS, EXPONENT_BITS = 1, 3
"""That the thesis protects beside the mantissa bits (3.8.2)."""


def cells(published: Published) -> Iterator[Equality]:
    """A figure that stands in a table, too, to the digits that the text gives; drops without their sign."""
    for figure in published.texts:
        if figure["table"] is not None:
            expected = published.cell(int(figure["table"]), figure["column"], **_cells(figure["where"]))
            printed = figure["value"]
            if figure["unit"] == "pp":
                printed, expected = abs(printed), abs(expected)
            yield rounded(
                f"section {figure['section']}",
                f"Table {figure['table']}",
                figure["statement"],
                printed,
                expected,
                "row " + figure["where"].replace(";", ", ") if figure["where"] else "its row",
            )


def _cells(where: str | None) -> dict[str, str | Decimal | None]:
    """ "kind=all;bit=31" as cells; nothing after the sign is an empty cell."""
    found = {}
    for part in (where or "").split(";"):
        column, sign, text = part.partition("=")
        if sign:
            found[column] = None if not text else Decimal(text) if text.isdigit() else text
    return found


def derived(published: Published) -> Iterator[Equality]:
    """A figure that follows from several cells, or from other figures of the text."""
    for figure in published.texts:
        if figure["table"] is None:
            expected, arithmetic, against = _DERIVED[figure["column"]](published, figure)
            subject, printed = f"section {figure['section']}", figure["value"]
            yield rounded(subject, against, figure["statement"], printed, Decimal(expected), arithmetic)


def protected_bits(published: Published) -> Iterator[Equality]:
    """Section 3.8: sign, exponent and mantissa bits to protect sum up to what it gives a Hamming code."""
    mantissa = _stated(published, "3.8.2", "protected_mantissa_bits")
    data = next(
        row["value"] for row in published.texts if row["section"] == "3.8.4" and row["column"] == "protected_bits"
    )
    arithmetic = f"{SIGN_BITS} sign bit + {EXPONENT_BITS} exponent bits + {mantissa} mantissa bits"
    expected = SIGN_BITS + EXPONENT_BITS + mantissa
    yield exactly("section 3.8.4", "section 3.8.2", "bits to protect in ShuffleNet", data, expected, arithmetic)
    parity = next(
        row["value"] for row in published.texts if row["section"] == "3.8.4" and row["column"] == "parity_bits"
    )
    yield exactly("section 3.8.4", "the word", "bits free for parity in ShuffleNet", parity, 32 - data, f"32 − {data}")


def _stated(published: Published, section: str, column: str) -> Decimal:
    return next(row["value"] for row in published.texts if row["section"] == section and row["column"] == column)


Answer = tuple[Decimal | int, str, str]


def _mantissa(published: Published, figure: Row) -> Answer:
    return MANTISSA_BITS, "bits of the mantissa of binary32", "section 3.2"


def _protected_mantissa(published: Published, figure: Row) -> Answer:
    low = next(r["value"] for r in published.texts if r["section"] == "3.8.1" and r["unit"] == "bit")
    return MANTISSA_BITS - (low + 1), f"{MANTISSA_BITS} mantissa bits − bits 0 to {low}", "section 3.8.1"


def _unmixed(published: Published) -> tuple[Decimal, Decimal, str]:
    below, above, total = (published.cell(10, "values", kind="all", group=g) for g in ("below", "above", "all"))
    return below + above, total, f"{below:,} + {above:,}"


def _unmixed_values(published: Published, figure: Row) -> Answer:
    values, _, arithmetic = _unmixed(published)
    return values, arithmetic, "Table 10"


def _unmixed_percent(published: Published, figure: Row) -> Answer:
    values, total, _ = _unmixed(published)
    return 100 * values / total, f"100 · {values:,} / {total:,}", "Table 10"


def _last_floor(published: Published, figure: Row) -> Answer:
    return max(row["floor"] for row in published.rows(11, run="rounding")), "exponent of the last row", "Table 11"


def _hamming(published: Published, figure: Row) -> Answer:
    data = int(_cells(figure["where"])["k"])
    check = hamming_check_bits(data)
    return data + check, f"{data} + {check}, the least r with 2^r ≥ {data} + r + 1", "the Hamming bound"


def _secded(published: Published, figure: Row) -> Answer:
    length, arithmetic, against = _hamming(published, figure)
    return length + 1, f"{arithmetic}, and a parity bit", against


def _low_shares(published: Published) -> list[Decimal]:
    named = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "shufflenet_v2_x2_0")
    return [published.cell(17, "percent", kind="all", architecture=name) for name in named]


def _smallest_share(published: Published, figure: Row) -> Answer:
    return min(_low_shares(published)), "smallest of the four; 0.104 is ResNet50V2’s, which is not named", "Table 17"


def _largest_share(published: Published, figure: Row) -> Answer:
    return max(_low_shares(published)), "largest of the four", "Table 17"


def _fewest(published: Published, figure: Row) -> Answer:
    return min(row["protected_bits"] for row in published.tables[21]), "smallest of the column", "Table 21"


def _most(published: Published, figure: Row) -> Answer:
    return max(row["protected_bits"] for row in published.tables[21]), "largest of the column", "Table 21"


_DERIVED: dict[str, Callable[[Published, Row], Answer]] = {
    "mantissa_bits": _mantissa,
    "protected_mantissa_bits": _protected_mantissa,
    "unmixed_values": _unmixed_values,
    "unmixed_percent": _unmixed_percent,
    "last_floor": _last_floor,
    "hamming_n": _hamming,
    "secded_n": _secded,
    "smallest_invariant_percent": _smallest_share,
    "largest_invariant_percent": _largest_share,
    "fewest_protected": _fewest,
    "most_protected": _most,
}
"""By the entry `column` of a figure without a table."""
