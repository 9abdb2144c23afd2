"""What should be equal in the published tables: each statement with the arithmetic that tells whether it is."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Equality:
    """Two figures that should agree.

    Attributes:
        subject: where the first is printed: "Table 24", "section 3.8.3".
        against: what it is held against: another table, or a rule.
        place: row and column.
        printed: the first.
        expected: the second.
        arithmetic: how `expected` comes about.
        holds: whether they agree.
        remark: what may explain it if they do not.
    """

    subject: str
    against: str
    place: str
    printed: str
    expected: str
    arithmetic: str
    holds: bool
    remark: str = ""


def exactly(subject: str, against: str, place: str, printed, expected, arithmetic: str, remark: str = "") -> Equality:
    """Two figures that should be the same: numbers by their value, texts letter by letter."""
    return Equality(
        subject, against, place, written(printed), written(expected), arithmetic, printed == expected, remark
    )


def rounded(
    subject: str, against: str, place: str, printed: Decimal, expected: Decimal, arithmetic: str, remark: str = ""
) -> Equality:
    """A printed figure that should be the other one, rounded to the digits that are printed; halves either way."""
    unit = Decimal(1).scaleb(printed.as_tuple().exponent)
    holds = abs(printed - expected) <= unit / 2
    finer = expected.quantize(unit / 10) if expected.as_tuple().exponent < unit.as_tuple().exponent else expected
    return Equality(subject, against, place, written(printed), written(finer), arithmetic, holds, remark)


def percentage(subject: str, place: str, printed: Decimal, part: Decimal, whole: Decimal, against: str) -> Equality:
    """A printed percentage that should be `part` of `whole`."""
    arithmetic = f"100 · {written(part)} / {written(whole)}"
    return rounded(subject, against, place, printed, 100 * part / whole, arithmetic)


def written(figure) -> str:
    """A number with its thousands separated and its decimals as they are; a text as it is."""
    return f"{figure:,}" if isinstance(figure, Decimal | int) else str(figure)
