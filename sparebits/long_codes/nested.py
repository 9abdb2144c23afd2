"""Nested mode: every 32 bits are a word of an inner code, and the data bits of these words are symbols of an outer one.

The values' data bits follow each other without gaps in the message of a systematic Reed–Solomon code over GF(2^13); its
message and check symbols are each stored as a word of the inner code [32,13,10]. So a value is read from one or two
inner words, at an address that its index tells, while what the inner code detects (erasures) and misses (errors) is
corrected block by block. Concatenation is Forney's (1966).

A unit is 32 bits of memory: a word of a 32-bit format, half a word of 64 bits, two words of 16. Where 16-bit words are
odd in number, the last unit has 16 bits and holds its symbol without an inner code.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np

from sparebits.blocks import map_blocks
from sparebits.errors import InputError
from sparebits.long_codes.inner import DATA_BITS, UNIT_BITS, decode_units, inner_code
from sparebits.long_codes.partition import Partition
from sparebits.long_codes.reed_solomon import ReedSolomon, reed_solomon
from sparebits.long_codes.scrambling import is_wiped, pattern
from sparebits.long_codes.storage import BlockReport, report_of

LARGEST_BLOCK = 8190
"""Units of a block of the compact variant."""
QUICK_SYNDROMES = 4
"""Looked at where the inner code found nothing: any 4 wrong symbols are noticed, more but for 2^-52 of the cases."""
CONFIRMING = 4
"""Check symbols that only confirm: with as many erasures as checks any words at all would complete to a codeword."""

_PATTERN = pattern(np.dtype(np.uint32))


@dataclass(frozen=True)
class Read:
    """A value read on its own.

    Attributes:
        data: its data word.
        is_known: False if an inner word that it lies in is erased.
        units: that were read.
    """

    data: int
    is_known: bool
    units: tuple[int, ...]


class _Nested(ABC):
    """What both variants share; see storage.Storage."""

    mode: str

    def __init__(self, words: int, width: int, data_bits: int, most_units: int):
        self.words, self.width, self.data_bits, self.dtype = words, width, data_bits, np.dtype(f"uint{width}")
        step = max(1, UNIT_BITS // width)
        self.longest = most_units * UNIT_BITS // width // step * step
        self.partition = Partition.of(words, self.longest, step)

    @property
    def code(self) -> str:
        """The outer codes of all block lengths over the inner one."""
        outer = " and ".join(self.outer_of(length).name for length in self.partition.lengths)
        return f"{outer} over {inner_code().code.name}" if outer else "none"

    @abstractmethod
    def outer_of(self, length: int) -> ReedSolomon:
        """The outer code of blocks of so many words."""

    @abstractmethod
    def symbols_of(self, data: np.ndarray, length: int) -> np.ndarray:
        """The symbols of all units, uint16 (blocks, units), for data words (blocks, length)."""

    @abstractmethod
    def outer_words(self, symbols: np.ndarray, length: int) -> np.ndarray:
        """The outer code's words, uint16 (blocks, N), that units' symbols (blocks, units) make up; bool alike."""

    @abstractmethod
    def units_with(self, outer: np.ndarray, length: int) -> np.ndarray:
        """The inverse of `outer_words`."""

    @abstractmethod
    def values_of(self, symbols: np.ndarray, length: int) -> np.ndarray:
        """The data words, (blocks, length), that units' symbols hold."""

    @abstractmethod
    def lost_values(self, erased: np.ndarray, length: int) -> np.ndarray:
        """Which values, bool (blocks, length), are lost with erased units, bool (blocks, units)."""

    def units_of(self, length: int) -> int:
        """Units of a block of so many words."""
        return -(-length * self.width // UNIT_BITS)

    def encode(self, data: np.ndarray) -> np.ndarray:
        stored = np.empty(self.words, dtype=self.dtype)
        for _, span, length in self.partition.runs(0, self.partition.blocks):
            symbols = self.symbols_of(data[span].reshape(-1, length), length)
            self._store(symbols, stored[span], length)
        return stored

    def repair(self, stored: np.ndarray, first: int = 0, last: int | None = None) -> BlockReport:
        last = self.partition.blocks if last is None else last
        flips = [np.empty(0, dtype=np.int64)]
        for _, span, length in self.partition.runs(first, last):
            flips.append(self._repair_run(stored[span], length))
        return report_of(np.concatenate(flips), first)

    def data_of(self, stored: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        data = np.empty(self.words, dtype=self.dtype)
        lost = np.zeros(self.words, dtype=bool)
        for number, span, length in self.partition.runs(0, self.partition.blocks):
            symbols, erased, _ = self._decode_units(stored[span], length)
            data[span] = self.values_of(symbols, length).reshape(-1)
            beyond = failed[(failed >= number) & (failed < number + len(symbols))] - number
            gone = np.zeros((len(symbols), length), dtype=bool)
            gone[beyond] = self.lost_values(erased[beyond], length)
            lost[span] = gone.reshape(-1)
        return data, np.flatnonzero(lost)

    def read_value(self, stored: np.ndarray, index: int) -> Read:
        """A value as the inner code alone decodes it, from one or two units, or three of 64-bit words.

        Args:
            stored: words (words,), hit or not.
            index: of the value.
        """
        block = int(np.searchsorted(self.partition.starts, index, side="right")) - 1
        start, stop = (int(place) for place in self.partition.starts[block : block + 2])
        places = self.places_of(index - start, stop - start)
        symbols, erased, _ = self._decode_units(stored[start:stop], stop - start, places)
        full = np.zeros((1, self.units_of(stop - start)), dtype=np.uint16)
        full[0, list(places)] = symbols[0]
        first = start * self.width // UNIT_BITS
        return Read(
            int(self.values_of(full, stop - start)[0, index - start]),
            not erased.any(),
            tuple(first + place for place in places),
        )

    @abstractmethod
    def places_of(self, value: int, length: int) -> tuple[int, ...]:
        """The units of its block that a value lies in."""

    def bearable(self, length: int) -> int:
        """What 2 errors + erasures of a block's outer word come to at most; beyond, the block is reported."""
        checks = self.outer_of(length).checks
        return checks - min(CONFIRMING, checks // 4)

    def _repair_run(self, stored: np.ndarray, length: int) -> np.ndarray:
        """Correct blocks of equal length in place; the flips undone in each, int64 (blocks,), -1 beyond repair."""
        symbols, erased, dirty = self._decode_units(stored, length)
        outer = self.outer_of(length)
        words, gone = self.outer_words(symbols, length), self.outer_words(erased, length)
        is_open = gone.any(axis=1) | ~outer.passes(words, QUICK_SYNDROMES)
        failed = np.zeros(len(words), dtype=bool)
        if is_open.any():
            decoded = outer.decode(words[is_open], gone[is_open])
            words[is_open] = decoded.words
            used = 2 * decoded.errors + gone[is_open].sum(axis=1)
            failed[is_open] = decoded.failed | (used > self.bearable(length)) | self.is_foreign(decoded.words, length)
        flips = np.where(failed, np.int64(-1), np.int64(0))
        for block in np.flatnonzero((is_open | dirty) & ~failed):
            own = stored[block * length : (block + 1) * length]
            before = own.copy()
            self._store(self.units_with(words[block : block + 1], length), own, length)
            flips[block] = np.bitwise_count(own ^ before).sum(dtype=np.int64)
        return flips

    def is_foreign(self, outer: np.ndarray, length: int) -> np.ndarray:
        """Which of the outer code's words, (blocks, N), no encoder makes, bool (blocks,)."""
        return np.zeros(len(outer), dtype=bool)

    def _store(self, symbols: np.ndarray, stored: np.ndarray, length: int) -> None:
        """Write units' symbols (blocks, units) to the words of these blocks."""
        units = inner_code().codewords[symbols]
        if self._has_half(length):
            units[:, -1] = symbols[:, -1]
        units ^= _PATTERN
        as_bytes = np.ascontiguousarray(units, dtype="<u4").view(np.uint8)
        size = length * self.width // 8
        stored.view(np.uint8).reshape(-1, size)[:] = as_bytes[:, :size]

    def _decode_units(
        self, stored: np.ndarray, length: int, places: tuple[int, ...] | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Symbols uint16 and erasures bool, both (blocks, units), and whether a block has a unit that is no code word.

        Args:
            places: units to be looked at, the others are left out; all if None.
        """
        count, size = self.units_of(length), length * self.width // 8
        as_bytes = stored.view(np.uint8).reshape(-1, size)
        if self._has_half(length):
            as_bytes = np.pad(as_bytes, ((0, 0), (0, 4 * count - size)))
        units = np.ascontiguousarray(as_bytes).view("<u4")
        has_half = self._has_half(length)
        if places is not None:
            has_half &= count - 1 in places
            units = units[:, list(places)]
        units = np.ascontiguousarray(units, dtype=np.uint32)
        code = inner_code()
        symbols, erased = np.empty(units.shape, dtype=np.uint16), np.empty(units.shape, dtype=bool)
        dirty = np.empty(len(units), dtype=np.int64)

        def decode(parts: Iterator[slice]) -> list[tuple[int, None]]:
            for part in parts:
                for row in range(part.start, part.stop):
                    dirty[row] = decode_units(
                        units[row], _PATTERN, code.tables, code.leaders, symbols[row], erased[row]
                    )
            return []

        map_blocks(decode, len(units), 4)
        if has_half:
            halves = units[:, -1].astype(np.uint16)
            symbols[:, -1] = (halves ^ np.uint16(_PATTERN & 0xFFFF)) & np.uint16((1 << DATA_BITS) - 1)
            erased[:, -1] = is_wiped(halves)
            dirty[:] = 1
        return symbols, erased, dirty > 0

    def _has_half(self, length: int) -> bool:
        return length * self.width % UNIT_BITS != 0


class NestedStorage(_Nested):
    """The compact variant: values next to each other, whatever the words' bounds."""

    mode = "nested"

    def __init__(self, words: int, width: int, data_bits: int):
        """Cut a memory into blocks.

        Args:
            words: of the memory.
            width: of a word: 16, 32 or 64.
            data_bits: of a word, at most 13 of every 32 bits.

        Raises:
            InputError: there are more data bits than inner words hold.
        """
        if data_bits * UNIT_BITS > DATA_BITS * width:
            raise InputError(
                f"nested storage holds {DATA_BITS} data bits in {UNIT_BITS} bits of memory, not {data_bits} in {width}"
            )
        super().__init__(words, width, data_bits, LARGEST_BLOCK)

    def outer_of(self, length: int) -> ReedSolomon:
        return reed_solomon(self.units_of(length), -(-length * self.data_bits // DATA_BITS), DATA_BITS)

    def symbols_of(self, data: np.ndarray, length: int) -> np.ndarray:
        outer = self.outer_of(length)
        messages = np.zeros((len(data), outer.k), dtype=np.uint16)
        _pack(np.ascontiguousarray(data, dtype=np.uint64), self.data_bits, messages)
        return outer.encode(messages)

    def outer_words(self, symbols: np.ndarray, length: int) -> np.ndarray:
        return symbols

    def units_with(self, outer: np.ndarray, length: int) -> np.ndarray:
        return outer

    def values_of(self, symbols: np.ndarray, length: int) -> np.ndarray:
        values = np.empty((len(symbols), length), dtype=np.uint64)
        _unpack(symbols, self.data_bits, values)
        return values

    def lost_values(self, erased: np.ndarray, length: int) -> np.ndarray:
        first = np.arange(length) * self.data_bits // DATA_BITS
        last = (np.arange(1, length + 1) * self.data_bits - 1) // DATA_BITS
        between = (first + last) // 2
        return erased[:, first] | erased[:, last] | erased[:, between]

    def places_of(self, value: int, length: int) -> tuple[int, ...]:
        return tuple(range(value * self.data_bits // DATA_BITS, ((value + 1) * self.data_bits - 1) // DATA_BITS + 1))


class NestedWordStorage(_Nested):
    """The variant that keeps one value a word: 10 bits of it, and 3 bits of the outer check symbols.

    The outer code is over GF(2^12): symbol i is the value of word i, and the shares of four neighbouring words make a
    check symbol. So a word beyond the inner code costs two symbols, nearly, and the limit lies lower.
    """

    mode = "nested-word"
    OUTER_BITS = 12
    VALUE_BITS = 10
    SHARE_BITS = DATA_BITS - VALUE_BITS
    SHARES = OUTER_BITS // SHARE_BITS

    def __init__(self, words: int, width: int, data_bits: int):
        """Cut a memory into blocks.

        Raises:
            InputError: words are not of 32 bits with 10 data bits.
        """
        if (width, data_bits) != (UNIT_BITS, self.VALUE_BITS):
            raise InputError(
                f"nested-word storage keeps {self.VALUE_BITS} data bits in words of {UNIT_BITS} bits; got {data_bits} "
                f"in {width}: use nested"
            )
        longest = ((1 << self.OUTER_BITS) - 1) * self.SHARES // (self.SHARES + 1)
        super().__init__(words, width, data_bits, longest)

    def outer_of(self, length: int) -> ReedSolomon:
        return reed_solomon(length + length // self.SHARES, length, self.OUTER_BITS)

    def symbols_of(self, data: np.ndarray, length: int) -> np.ndarray:
        return self.units_with(self.outer_of(length).encode(data.astype(np.uint16)), length)

    def outer_words(self, symbols: np.ndarray, length: int) -> np.ndarray:
        checks = length // self.SHARES
        if symbols.dtype == bool:
            shared = symbols[:, : checks * self.SHARES].reshape(len(symbols), checks, self.SHARES)
            return np.concatenate([symbols, shared.any(axis=2)], axis=1)
        values = symbols & np.uint16((1 << self.VALUE_BITS) - 1)
        shares = symbols[:, : checks * self.SHARES] >> np.uint16(self.VALUE_BITS)
        shifts = np.arange(self.SHARES, dtype=np.uint16) * np.uint16(self.SHARE_BITS)
        joined = np.bitwise_or.reduce(shares.reshape(len(symbols), checks, self.SHARES) << shifts, axis=2)
        return np.concatenate([values, joined], axis=1)

    def units_with(self, outer: np.ndarray, length: int) -> np.ndarray:
        checks = length // self.SHARES
        symbols = outer[:, :length].copy()
        shifts = np.arange(self.SHARES, dtype=np.uint16) * np.uint16(self.SHARE_BITS)
        shares = (outer[:, length:, None] >> shifts) & np.uint16((1 << self.SHARE_BITS) - 1)
        symbols[:, : checks * self.SHARES] |= shares.reshape(len(outer), checks * self.SHARES) << np.uint16(
            self.VALUE_BITS
        )
        return symbols

    def values_of(self, symbols: np.ndarray, length: int) -> np.ndarray:
        return symbols & np.uint16((1 << self.VALUE_BITS) - 1)

    def lost_values(self, erased: np.ndarray, length: int) -> np.ndarray:
        return erased

    def places_of(self, value: int, length: int) -> tuple[int, ...]:
        return (value,)

    def is_foreign(self, outer: np.ndarray, length: int) -> np.ndarray:
        """Values of more than 10 bits."""
        return (outer[:, :length] >> np.uint16(self.VALUE_BITS)).any(axis=1)


@numba.njit(cache=True, nogil=True)
def _pack(values, bits, symbols):
    """Values uint64 (B, L) of `bits` bits, one after another, as symbols uint16 (B, K) of 13, lowest bits first."""
    for row in range(values.shape[0]):
        held, count, place = np.uint64(0), np.uint64(0), 0
        for i in range(values.shape[1]):
            held |= values[row, i] << count
            count += np.uint64(bits)
            while count >= np.uint64(13):
                symbols[row, place] = held & np.uint64(0x1FFF)
                held >>= np.uint64(13)
                count -= np.uint64(13)
                place += 1
        if count:
            symbols[row, place] = held


@numba.njit(cache=True, nogil=True)
def _unpack(symbols, bits, values):
    """The inverse of `_pack`; symbols beyond the values' are not looked at."""
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    for row in range(values.shape[0]):
        held, count, place = np.uint64(0), np.uint64(0), 0
        for i in range(values.shape[1]):
            while count < np.uint64(bits):
                held |= np.uint64(symbols[row, place]) << count
                count += np.uint64(13)
                place += 1
            values[row, i] = held & mask
            held >>= np.uint64(bits)
            count -= np.uint64(bits)
