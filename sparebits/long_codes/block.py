"""Block mode: the data bits of up to 768 words in one LDPC code, all of whose bits are spread over these words.

A value cannot be read without decoding its block; what is gained is nearly all that the channel allows. 768 words with
11 data bits each are the 8,448 data bits and the 24,576 stored bits of base graph 1 at its largest lifting size, and
with 10 data bits the same graph with two columns less fits as exactly. Other numbers are cut to size (ldpc.py).
"""

from collections.abc import Callable, Iterator

import numba
import numpy as np

from sparebits.blocks import map_blocks
from sparebits.long_codes.base_graph import DATA_COLUMNS, LIFTING_SIZES, ROWS
from sparebits.long_codes.bit_planes import add_planes, from_planes, to_planes
from sparebits.long_codes.ldpc import LdpcCode, ldpc_code
from sparebits.long_codes.ldpc_kernels import complete, correct, encode_block, violated
from sparebits.long_codes.partition import Partition
from sparebits.long_codes.scrambling import pattern
from sparebits.long_codes.storage import BlockReport, report_of

ITERATIONS = 50
"""After which a block is given up; blocks that can be decoded take 9 on average at a bit error rate of 0.12."""
AT_ONCE = 16
"""Blocks that a thread takes at a time."""


class BlockStorage:
    """See storage.Storage."""

    mode = "block"

    def __init__(self, words: int, width: int, data_bits: int):
        """Cut a memory into blocks.

        Args:
            words: of the memory.
            width: of a word: 16, 32 or 64.
            data_bits: of a word.

        Raises:
            InputError: the rate data_bits / width is below 10/32 or too high for the base graph.
        """
        self.words, self.data_bits, self.dtype = words, data_bits, np.dtype(f"uint{width}")
        largest = LIFTING_SIZES[-1]
        self.longest = min(DATA_COLUMNS * largest // data_bits, (ROWS - 2) * largest // (width - data_bits))
        self.partition = Partition.of(words, self.longest)
        self._width = width
        if words:
            for _, _, length in self.partition.runs(0, self.partition.blocks):
                self._code_of(length)

    @property
    def code(self) -> str:
        if not self.words:
            return "none"
        runs = [length for _, _, length in self.partition.runs(0, self.partition.blocks)]
        return " and ".join(self._code_of(length).name for length in runs)

    def encode(self, data: np.ndarray) -> np.ndarray:
        stored = np.empty(self.words, dtype=self.dtype)

        def encode_run(code: LdpcCode, length: int, numbers: slice, span: slice) -> np.ndarray:
            _encode(data[span], stored[span], length, self.data_bits, *_arguments(code), pattern(self.dtype))
            return _NONE

        self._over_blocks(0, self.partition.blocks, encode_run)
        return stored

    def repair(self, stored: np.ndarray, first: int = 0, last: int | None = None) -> BlockReport:
        last = self.partition.blocks if last is None else last
        ones = self.dtype.type(np.iinfo(self.dtype).max)

        def repair_run(code: LdpcCode, length: int, numbers: slice, span: slice) -> np.ndarray:
            words, flips = stored[span], np.empty(numbers.stop - numbers.start, dtype=np.int64)
            dirty = np.empty(len(flips), dtype=bool)
            _find_dirty(words, dirty, length, *_arguments(code), pattern(self.dtype))
            _repair(words, dirty, flips, length, *_arguments(code), pattern(self.dtype), ones, ITERATIONS)
            return flips

        flips = self._over_blocks(first, last, repair_run)
        return report_of(flips, first)

    def data_of(self, stored: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        data = np.empty(self.words, dtype=self.dtype)

        def read_run(code: LdpcCode, length: int, numbers: slice, span: slice) -> np.ndarray:
            _read(stored[span], data[span], length, self.data_bits, *_arguments(code), pattern(self.dtype))
            return _NONE

        self._over_blocks(0, self.partition.blocks, read_run)
        starts = self.partition.starts
        lost = [np.arange(starts[block], starts[block + 1]) for block in failed]
        return data, np.concatenate([_NONE, *lost])

    def _code_of(self, length: int) -> LdpcCode:
        return ldpc_code(self.data_bits * length, self._width * length)

    def _over_blocks(
        self, first: int, last: int, work: Callable[[LdpcCode, int, slice, slice], np.ndarray]
    ) -> np.ndarray:
        """What `work` gives for all blocks, a run of blocks of equal length after the other, on all threads.

        Args:
            work: gets the code, the words of a block, the numbers of the blocks, and their words seen from `first`.
        """
        found = [_NONE]
        for number, span, length in self.partition.runs(first, last):
            code, count = self._code_of(length), (span.stop - span.start) // length

            def over(parts: Iterator[slice], code=code, number=number, span=span, length=length):
                return [
                    (
                        part.start,
                        work(
                            code,
                            length,
                            slice(number + part.start, number + part.stop),
                            slice(span.start + part.start * length, span.start + part.stop * length),
                        ),
                    )
                    for part in parts
                ]

            found += map_blocks(over, count, AT_ONCE)
        return np.concatenate(found)


def _arguments(code: LdpcCode) -> tuple:
    """What kernels need to know of a code."""
    graph = code.graph
    return graph.z, graph.starts, graph.columns, graph.shifts, code.rows, code.data_bits, code.stored_bits


_NONE = np.empty(0, dtype=np.int64)


@numba.njit(cache=True, nogil=True)
def _place(coded, bits, z, data_bits):
    """Stored bits, uint8 (stored_bits,), to their places in a block, uint8 (68 * Z,)."""
    own = data_bits - 2 * z
    for i in range(own):
        bits[2 * z + i] = coded[i]
    for i in range(coded.size - own):
        bits[22 * z + i] = coded[own + i]


@numba.njit(cache=True, nogil=True)
def _collect(bits, coded, z, data_bits):
    """The inverse of `_place`."""
    own = data_bits - 2 * z
    for i in range(own):
        coded[i] = bits[2 * z + i]
    for i in range(coded.size - own):
        coded[own + i] = bits[22 * z + i]


@numba.njit(cache=True, nogil=True)
def _encode(data, stored, length, width, z, starts, columns, shifts, rows, data_bits, stored_bits, pattern):
    """Blocks of `length` data words of `width` bits as stored words."""
    bits = np.zeros((68, z), dtype=np.uint8)
    coded = np.empty(stored_bits, dtype=np.uint8)
    scratch = np.empty((2, z), dtype=np.uint8)
    for start in range(0, data.size, length):
        bits[:] = 0
        to_planes(data[start : start + length], bits.reshape(-1)[:data_bits])
        encode_block(bits, starts, columns, shifts, rows, scratch)
        _collect(bits.reshape(-1), coded, z, data_bits)
        words = stored[start : start + length]
        from_planes(coded, words)
        for i in range(length):
            words[i] ^= pattern


@numba.njit(cache=True, nogil=True)
def _read(stored, data, length, width, z, starts, columns, shifts, rows, data_bits, stored_bits, pattern):
    """The inverse of `_encode` for blocks without errors."""
    bits = np.zeros((68, z), dtype=np.uint8)
    coded = np.empty(stored_bits, dtype=np.uint8)
    scratch = np.empty((2, z), dtype=np.uint8)
    plain = np.empty(length, dtype=stored.dtype)
    known = stored_bits - (data_bits - 2 * z) - (rows - 1) * z
    for start in range(0, stored.size, length):
        for i in range(length):
            plain[i] = stored[start + i] ^ pattern
        to_planes(plain, coded)
        _place(coded, bits.reshape(-1), z, data_bits)
        complete(bits, starts, columns, shifts, rows, known, scratch)
        from_planes(bits.reshape(-1)[:data_bits], data[start : start + length])


@numba.njit(cache=True, nogil=True)
def _find_dirty(stored, dirty, length, z, starts, columns, shifts, rows, data_bits, stored_bits, pattern):
    """Which blocks are no code words, into bool (blocks,). Eight blocks share the bytes of their bits.

    A block with a violated check is dirty; what is not stored of it is found as if it had no errors.
    """
    bits = np.zeros((68, z), dtype=np.uint8)
    coded = np.empty(stored_bits, dtype=np.uint8)
    scratch = np.empty((2, z), dtype=np.uint8)
    plain = np.empty(length, dtype=stored.dtype)
    known = stored_bits - (data_bits - 2 * z) - (rows - 1) * z
    for first in range(0, dirty.size, 8):
        last = min(first + 8, dirty.size)
        coded[:] = 0
        for block in range(first, last):
            for i in range(length):
                plain[i] = stored[block * length + i] ^ pattern
            add_planes(plain, coded, np.uint8(block - first))
        _place(coded, bits.reshape(-1), z, data_bits)
        complete(bits, starts, columns, shifts, rows, known, scratch)
        found = violated(bits, starts, columns, shifts, rows, scratch[1])
        for block in range(first, last):
            dirty[block] = (found >> (block - first)) & 1


@numba.njit(cache=True, nogil=True)
def _repair(
    stored, dirty, flips, length, z, starts, columns, shifts, rows, data_bits, stored_bits, pattern, ones, iterations
):
    """Correct blocks of `length` stored words in place. Of words that are all zeros or all ones nothing is believed.

    Args:
        dirty: bool (blocks,), from `_find_dirty`; the others are left alone.
        flips: int64 (blocks,), receives the bits that were flipped back, -1 where a block is beyond repair.
        ones: the word of all ones; computed here it would be one of 64 bits.
    """
    bits = np.zeros((68, z), dtype=np.uint8)
    lost = np.zeros((68, z), dtype=np.uint8)
    coded = np.empty(stored_bits, dtype=np.uint8)
    plain = np.empty(length, dtype=stored.dtype)
    values = np.empty((68, z), dtype=np.int16)
    messages = np.empty((columns.size, z), dtype=np.int16)
    scratch = np.empty((24, z), dtype=np.int16)
    parity_bits = stored_bits - (data_bits - 2 * z)
    for block in range(flips.size):
        flips[block] = 0
        if not dirty[block]:
            continue
        own = stored[block * length : (block + 1) * length]
        for i in range(length):
            plain[i] = own[i] ^ pattern
        to_planes(plain, coded)
        bits[:] = 0
        _place(coded, bits.reshape(-1), z, data_bits)
        for i in range(length):
            plain[i] = ones if own[i] == 0 or own[i] == ones else stored.dtype.type(0)
        to_planes(plain, coded)
        _place(coded, lost.reshape(-1), z, data_bits)
        if (
            correct(
                bits, lost, starts, columns, shifts, rows, data_bits, parity_bits, iterations, values, messages, scratch
            )
            < 0
        ):
            flips[block] = -1
            continue
        _collect(bits.reshape(-1), coded, z, data_bits)
        from_planes(coded, plain)
        count = 0
        for i in range(length):
            word = plain[i] ^ pattern
            difference = word ^ own[i]
            while difference:
                difference &= difference - stored.dtype.type(1)
                count += 1
            own[i] = word
        flips[block] = count
