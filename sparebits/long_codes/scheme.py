"""A network in a code over many words: the layout of each tensor, and the mode by which its data words are stored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparebits.formats import FloatFormat
from sparebits.layouts.minifloat import Minifloat
from sparebits.long_codes.block import BlockStorage
from sparebits.long_codes.modes import data_bits_of
from sparebits.long_codes.nested import NestedStorage, NestedWordStorage
from sparebits.long_codes.storage import Storage
from sparebits.parameters import ParameterTensor
from sparebits.protection.fitting import check_finite, fitted_layout, median_of

STORAGES: dict[str, type] = {storage.mode: storage for storage in (BlockStorage, NestedStorage, NestedWordStorage)}

EXPONENT_BITS = {16: 4, 32: 4, 64: 5}
"""Of a window, by width; the other data bits are the sign, where there is one, and the mantissa."""


@dataclass(frozen=True)
class LongScheme:
    """How a network's words are stored.

    Attributes:
        fmt: of the words.
        mode: one of MODES.
        layouts: of each tensor, by its name, in the order of the tensors; all of as many data bits.
    """

    fmt: FloatFormat
    mode: str
    layouts: dict[str, Minifloat]

    @property
    def data_bits(self) -> int:
        return data_bits_of(self.mode, self.fmt)

    @property
    def title(self) -> str:
        """Mode and data bits, for messages."""
        return f"{self.mode} mode, {self.data_bits} of {self.fmt.width} bits of data"

    @property
    def bases(self) -> list[int]:
        return [layout.base for layout in self.layouts.values()]

    def storage(self, words: int) -> Storage:
        """How so many words of data are stored."""
        return STORAGES[self.mode](words, self.fmt.width, self.data_bits)

    def quantise(self, words: np.ndarray, tensors: Sequence[ParameterTensor]) -> np.ndarray:
        """Data words (values,), of the words' type, for words (values,)."""
        data = np.empty_like(words)
        for tensor in tensors:
            data[tensor.span] = self.layouts[tensor.name].quantise(words[tensor.span])
        return data

    def restore(self, data: np.ndarray, lost: np.ndarray, tensors: Sequence[ParameterTensor]) -> np.ndarray:
        """Words (values,) for data words (values,).

        Args:
            lost: ascending indices of values that are lost. They become the lower median of their tensor's others, zero
                where there are none.
        """
        words = np.empty_like(data)
        for tensor in tensors:
            layout, own = self.layouts[tensor.name], data[tensor.span]
            words[tensor.span] = layout.restore(own)
            first, last = np.searchsorted(lost, [tensor.span.start, tensor.span.stop])
            if first < last:
                gone = lost[first:last]
                median = median_of(layout, np.delete(own, gone - tensor.span.start))
                words[gone] = layout.restore(np.array([median], dtype=own.dtype))
        return words


def fit_long_scheme(mode: str, tensors: Sequence[ParameterTensor], words: np.ndarray, fmt: FloatFormat) -> LongScheme:
    """The scheme of a mode for these words: a window for each tensor that holds all its values.

    Args:
        mode: one of MODES.
        words: of the network, (values,).

    Raises:
        InputError: a value is not finite, or the mode does not exist for the format.
    """
    check_finite(tensors, words, fmt)
    bits = data_bits_of(mode, fmt)
    layouts = {
        tensor.name: fitted_layout(words[tensor.span], fmt, EXPONENT_BITS[fmt.width], bits, tensor.name)
        for tensor in tensors
    }
    return LongScheme(fmt, mode, layouts)
