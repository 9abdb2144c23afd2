"""The thesis' own layouts: words whose leading exponent bits are forced and whose low mantissa bits are given up."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparebits.alterations import round_exponents
from sparebits.bit_classes import RULES, forced_positions
from sparebits.codes.packing import packed_dtype
from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.data_words import ascending, in_chunks, require_finite

TENSOR_GROUPS = ("below", "above", "mixed")


@dataclass(frozen=True)
class Forced:
    """The bits of a word that neither rounding to a floor nor the depth makes spare, as they are (thesis 3.8).

    In a tensor `below`, the exponents begin with the forced pattern 0 1...1, in one `above` with 1 0...0; in a `mixed`
    tensor the derived rule keeps the leading exponent bit and forces the complement after it, the thesis' rule nothing.

    Attributes:
        fmt: format of the words.
        group: "below", "above" or "mixed": how the tensor's exponents lie to the leading exponent (0x80 in binary32).
        rule: "thesis" or "derived".
        forced_bits: leading exponent bits that the floor fixes (`Choice.forced_bits`); 0 rounds nothing.
        free_bits: leading exponent bits that the network's largest exponent leaves free (thesis Table 18).
        depth: highest mantissa bit that is given up; -1 gives up none.
    """

    fmt: FloatFormat
    group: str
    rule: str
    forced_bits: int
    free_bits: int
    depth: int

    def __post_init__(self):
        for name, value, allowed in (
            ("group", self.group, TENSOR_GROUPS),
            ("rule", self.rule, RULES),
            ("forced_bits", self.forced_bits, (0, *self.fmt.forced_bits_of_floor.values())),
            ("free_bits", self.free_bits, range(1, self.fmt.exponent_bits + 1)),
            ("depth", self.depth, range(-1, self.fmt.mantissa_bits)),
        ):
            if value not in allowed:
                raise InputError(
                    f"{name} {value!r} of a forced layout in {self.fmt.name}: expected one of "
                    f"{', '.join(str(one) for one in allowed)}"
                )

    @property
    def data_bits(self) -> int:
        return len(self._kept)

    @property
    def title(self) -> str:
        """Kept bits of the sign, the exponent and the mantissa, and the group, such as 1-5-6 below."""
        mantissa = self.fmt.mantissa_bits - self.depth - 1
        return f"1-{self.data_bits - 1 - mantissa}-{mantissa} {self.group}"

    def quantise(self, words: np.ndarray) -> np.ndarray:
        """The kept bits of the words after rounding to the floor (thesis 3.7); the low bits are cut off, not rounded.

        Args:
            words: unsigned integers of the format's width, any shape.

        Returns:
            packed_dtype(data_bits), same shape.

        Raises:
            InputError: a word is infinite or NaN, or its exponent does not begin with the forced pattern.
        """
        return in_chunks(self._quantise, words, packed_dtype(self.data_bits))

    def restore(self, data: np.ndarray) -> np.ndarray:
        """Words with the forced bits put back and the low bits 1 0...0, the middle of what was cut off; same shape.

        So no rounded value is off by more than half a step of the kept mantissa. Data words that stand for no finite
        value, which no network has, restore the largest finite one.
        """
        return in_chunks(self._restore, data, self.fmt.word_dtype)

    def order(self) -> np.ndarray:
        """The data words by ascending value, int64 (2^data_bits,)."""
        return ascending(self.data_bits - 1, signed=True)

    def bit_names(self) -> list[str]:
        """Where in the word the data bits lie, from the highest down."""
        return [f"bit {bit}" for bit in reversed(self._kept)]

    def as_dict(self) -> dict:
        """What JSON keeps of the layout, besides the format."""
        return {
            "kind": "forced",
            "group": self.group,
            "rule": self.rule,
            "forced_bits": self.forced_bits,
            "free_bits": self.free_bits,
            "depth": self.depth,
        }

    @cached_property
    def _forced(self) -> set[int]:
        return forced_positions(self.group, self.rule, self.forced_bits, self.free_bits, self.fmt)

    @cached_property
    def _kept(self) -> list[int]:
        """Positions in the word of the data bits, ascending."""
        return [bit for bit in range(self.depth + 1, self.fmt.width) if bit not in self._forced]

    @cached_property
    def _floor(self) -> int:
        floors = {forced: floor for floor, forced in self.fmt.forced_bits_of_floor.items()}
        return floors.get(self.forced_bits, 0)

    def _quantise(self, words: np.ndarray) -> np.ndarray:
        fmt, word = self.fmt, self.fmt.word_dtype.type
        require_finite(words, fmt)
        rounded = round_exponents(words, self._floor, fmt)
        if (rounded != self._with_forced_bits(rounded)).any():
            raise InputError(
                f"a word's exponent does not begin with the {len(self._forced)} forced bits of a tensor "
                f"{self.group!r}; derive the group and the free bits from the tensors that are protected"
            )
        data = np.zeros_like(words)
        for source, target, length in self._runs():
            data |= (rounded >> word(source) & word((1 << length) - 1)) << word(target)
        return data

    def _restore(self, data: np.ndarray) -> np.ndarray:
        fmt, word = self.fmt, self.fmt.word_dtype.type
        data = data.astype(fmt.word_dtype)
        words = np.full_like(data, (1 << self.depth) if self.depth >= 0 else 0)
        for source, target, length in self._runs():
            words |= (data >> word(target) & word((1 << length) - 1)) << word(source)
        words = self._with_forced_bits(words)
        magnitudes = words & word((1 << fmt.sign_bit) - 1)
        largest = fmt.exponent_mask - (1 << max(self.depth, 0))
        return np.minimum(magnitudes, word(largest)) | words & word(1 << fmt.sign_bit)

    def _with_forced_bits(self, words: np.ndarray) -> np.ndarray:
        """Words with every forced bit as the pattern of their group has it, whatever they held there."""
        fmt, word = self.fmt, self.fmt.word_dtype.type
        forced = word(sum(1 << bit for bit in self._forced))
        lead = word(1 << (fmt.sign_bit - 1))
        if self.group != "mixed":
            pattern = lead if self.group == "above" else ~lead
            return (words & ~forced) | (pattern & forced)
        complement = np.where(words & lead, word(0), forced)
        return (words & ~forced) | complement

    def _runs(self) -> list[tuple[int, int, int]]:
        """Unbroken runs of kept bits: lowest position in the word, lowest in the data word, length."""
        runs = []
        for target, source in enumerate(self._kept):
            if runs and source == runs[-1][0] + runs[-1][2]:
                runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
            else:
                runs.append((source, target, 1))
        return runs
