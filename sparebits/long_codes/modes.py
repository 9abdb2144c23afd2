"""The modes in which codes over many words store a network: names, data bits, rates they are meant for."""

from sparebits.errors import InputError
from sparebits.formats import FloatFormat

MODES = ("block", "nested", "nested-word")

DATA_BITS = {
    "block": {16: 7, 32: 11, 64: 22},
    "nested": {16: 6, 32: 10, 64: 20},
    "nested-word": {32: 10},
}
"""Of a word, by mode and width: all that the codes have room for at the bit error rates that they are meant for."""
MEANT_FOR = {"nested-word": 0.08, "nested": 0.1, "block": 0.12}
"""Bit error rate at which every word of a network is expected to be restored, by mode (docs/many_words.md)."""
MEANT_FOR_16 = {"nested": 0.07, "block": 0.09}
"""The same for words of 16 bits, whose data bits leave less room for check bits."""


def data_bits_of(mode: str, fmt: FloatFormat) -> int:
    """Data bits of a word.

    Raises:
        InputError: the mode does not exist for words of this width.
    """
    widths = DATA_BITS[mode]
    if fmt.width not in widths:
        raise InputError(
            f"{mode} mode is for words of {' or '.join(map(str, widths))} bits, {fmt.name} has {fmt.width}: use nested"
        )
    return widths[fmt.width]


def meant_for(mode: str, fmt: FloatFormat) -> float | None:
    """The bit error rate that a mode is meant for in a format, None where it does not exist or is no mode."""
    return (MEANT_FOR_16 if fmt.width == 16 else MEANT_FOR).get(mode)
