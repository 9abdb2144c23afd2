"""What every word layout answers, and layouts as JSON keeps them."""

from typing import Protocol

import numpy as np

from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.forced import Forced
from sparebits.layouts.minifloat import Minifloat


class Layout(Protocol):
    """How the words of a tensor become data words, and back.

    Attributes:
        fmt: format of the words.
        data_bits: bits of a data word.
        title: short text for tables and charts, such as 1-4-6: bits of the sign, the exponent and the mantissa.
    """

    fmt: FloatFormat
    data_bits: int
    title: str

    def quantise(self, words: np.ndarray) -> np.ndarray:
        """Words, any shape, to data words, packed_dtype(data_bits); InputError for a word it has no place for."""

    def restore(self, data: np.ndarray) -> np.ndarray:
        """Data words, any shape, to words; each is a finite value."""

    def order(self) -> np.ndarray:
        """The data words by ascending value, int64 (2^data_bits,); negative ones first, -0 before +0."""

    def bit_names(self) -> list[str]:
        """What the data bits are, from the highest down."""

    def as_dict(self) -> dict:
        """What JSON keeps of the layout, besides the format."""


def layout_from_dict(description: dict, fmt: FloatFormat) -> Layout:
    """The layout that `as_dict` described.

    Raises:
        InputError: the description is of no known kind, lacks a key or has one too many, or does not fit the format.
    """
    kinds = {"minifloat": Minifloat, "forced": Forced}
    kind = description.get("kind")
    if kind not in kinds:
        raise InputError(f"layout of kind {kind!r}: expected one of {', '.join(kinds)}; made by a newer version?")
    arguments = {key: value for key, value in description.items() if key != "kind"}
    try:
        return kinds[kind](fmt, **arguments)
    except TypeError as error:
        raise InputError(f"layout {description} is not as this version writes it: {error}") from error
