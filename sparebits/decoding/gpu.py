"""Bounded-distance decoding with torch operations, on any device of torch; the results are those on the CPU.

Words are bit patterns in torch's signed integers, as `numpy.ndarray.view` and `torch.Tensor.view` give them: int16 for
n <= 16, int32 for n <= 32, int64 for n <= 64.
"""

from dataclasses import dataclass

import numpy as np
import torch

from sparebits.codes.linear import LinearCode
from sparebits.decoding.bounded_distance import LISTED_BITS, DecodedWords
from sparebits.decoding.leaders import LARGEST_SYNDROME, leader_table
from sparebits.errors import InputError

BLOCK = 1 << 22
"""Words that are worked on at once: 32 MiB a temporary."""
COMPARISONS = 1 << 24
"""Words times codewords that are compared at once."""


@dataclass(frozen=True, eq=False)
class TorchDecoder:
    """Encoder and decoder of a code on a device; get it from `torch_decoder`.

    Attributes:
        code: up to 64 bits, at most 17 of them data.
        codewords: int64 (2^k,).
        leaders: int64 (2^(n - k),), -1 where no error that is corrected has the syndrome; None: all codewords compared.
    """

    code: LinearCode
    codewords: torch.Tensor
    leaders: torch.Tensor | None

    @property
    def word_dtype(self) -> torch.dtype:
        """Of stored words."""
        return next(dtype for bits, dtype in _INTEGERS if self.code.n <= bits)

    def encode(self, data: torch.Tensor) -> torch.Tensor:
        """The stored words (N,) of data words, integers (N,) in 0..2^k - 1, on the decoder's device."""
        return self.codewords[data.long()].to(self.word_dtype)

    def decode(self, words: torch.Tensor) -> DecodedWords:
        """Correct stored words (N,), like the decoder on the CPU; `data` (int32) and `detected` are tensors."""
        table = torch.arange(len(self.codewords), dtype=torch.int32, device=words.device)
        data = torch.empty(len(words), dtype=torch.int32, device=words.device)
        bits, corrected, detected = self.decode_values(words, table, data)
        return DecodedWords(data, bits, corrected, detected)

    def decode_values(
        self, words: torch.Tensor, table: torch.Tensor, out: torch.Tensor
    ) -> tuple[int, int, torch.Tensor]:
        """Correct stored words (N,) and write what they stand for, by table (2^k,), to out (N,).

        Returns:
            corrected bits, corrected words, and the indices of detected words, int64, ascending.

        Raises:
            TypeError: the words are of another type than the code's.
        """
        if words.dtype != self.word_dtype:
            raise TypeError(f"words of {self.code.name} are {self.word_dtype}, got {words.dtype}")
        bits = corrected = 0
        detected = [torch.empty(0, dtype=torch.int64, device=words.device)]
        for start in range(0, len(words), BLOCK):
            block = slice(start, start + BLOCK)
            received = words[block].long() & _signed((1 << self.code.n) - 1)
            data = self._data_of(received)
            out[block] = table[data]
            dirty = torch.nonzero(self.codewords[data] != received)[:, 0]
            if not len(dirty):
                continue
            errors, is_corrected = self._errors_of(received[dirty], data[dirty])
            restored = dirty[is_corrected]
            out[start + restored] = table[self._data_of(received[restored] ^ errors[is_corrected])]
            bits += int(popcount(errors[is_corrected]).sum())
            corrected += len(restored)
            detected.append(start + dirty[~is_corrected])
        return bits, corrected, torch.cat(detected)

    def _errors_of(self, words: torch.Tensor, data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The error in each dirty word, and whether it is one that the code corrects."""
        if self.leaders is not None:
            # With the codeword of the data bits taken away, what is left at the check positions is the syndrome.
            errors = self.leaders[_brought_down(words ^ self.codewords[data], self.code.check_positions)]
            return errors, errors != -1
        rows = max(1, COMPARISONS // len(self.codewords))
        nearest = [popcount(part[:, None] ^ self.codewords).min(dim=1) for part in torch.split(words, rows)]
        distances = torch.cat([found.values for found in nearest])
        return words ^ self.codewords[torch.cat([found.indices for found in nearest])], distances <= self.code.t

    def _data_of(self, words: torch.Tensor) -> torch.Tensor:
        return _brought_down(words, self.code.data_positions)


def torch_decoder(code: LinearCode, device: str | torch.device = "cpu") -> TorchDecoder:
    """The decoder of a code of up to 64 bits, its tables on the device.

    Raises:
        InputError: n is above 64 or k above 17.
    """
    if code.n > 64 or code.k > LISTED_BITS:
        raise InputError(
            f"{code.name} is not decoded with torch: at most 64 bits, {LISTED_BITS} of them data; decode it on the CPU"
        )
    leaders = None
    if code.check_bits <= LARGEST_SYNDROME:
        table = leader_table(code).leaders[:, 0]
        leaders = np.where(table == np.iinfo(table.dtype).max, np.int64(-1), table.astype(np.int64))
        leaders = torch.from_numpy(leaders).to(device)
    codewords = torch.from_numpy(code.codewords().astype(np.uint64).view(np.int64)).to(device)
    return TorchDecoder(code, codewords, leaders)


def popcount(words: torch.Tensor) -> torch.Tensor:
    """Set bits of int64 patterns, added in ever wider fields; the masks drop what a signed shift brings in."""
    words = words - ((words >> 1) & 0x5555555555555555)
    words = (words & 0x3333333333333333) + ((words >> 2) & 0x3333333333333333)
    words = (words + (words >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (words * 0x0101010101010101) >> 56


_INTEGERS = ((16, torch.int16), (32, torch.int32), (64, torch.int64))


def _brought_down(words: torch.Tensor, positions: tuple[int, ...]) -> torch.Tensor:
    """The bits at these positions, ascending, as the lowest bits."""
    # Positions equally far above their new places move together.
    masks: dict[int, int] = {}
    for j, position in enumerate(positions):
        masks[position - j] = masks.get(position - j, 0) | 1 << position
    lowest = _signed((1 << len(positions)) - 1)
    result = torch.zeros_like(words)
    for shift, mask in masks.items():
        result |= (words & _signed(mask)) >> shift
    return result & lowest


def _signed(pattern: int) -> int:
    """A pattern of 64 bits as the signed integer that torch takes it for."""
    return pattern - (1 << 64) if pattern >> 63 else pattern
