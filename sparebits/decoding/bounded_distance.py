"""Bounded-distance decoding: a word becomes the codeword within t flips of it, and is reported where there is none.

A word is clean if it equals the codeword of its own data bits, or has syndrome zero where the codewords are too many to
list. Only the dirty words go further, to whichever of three ways is the cheapest for the code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from sparebits.blocks import BLOCK, map_blocks
from sparebits.codes.linear import LISTABLE_BITS, LinearCode
from sparebits.codes.packing import limbs_of, packed_dtype
from sparebits.decoding.algebraic import AlgebraicDecoder, algebraic_decoder
from sparebits.decoding.byte_tables import byte_tables, images
from sparebits.decoding.correlation import Correlation, correlation
from sparebits.decoding.kernels import look_up, settle, split_by_syndrome, split_lowest, split_scattered
from sparebits.decoding.leaders import LARGEST_SYNDROME, LeaderTable, leader_table
from sparebits.errors import InputError

LISTED_BITS = 17
"""Data bits up to which the codewords are listed, for the clean test and where all are compared: 512 KiB of 32 bits."""
COMPARED_BITS = 10
"""Data bits up to which comparing with all codewords is quicker than solving for the error."""


@dataclass(frozen=True)
class DecodedWords:
    """What became of N stored words.

    Attributes:
        data: the corrected data words, packed (N,); of a detected word the data bits as they are.
        corrected_bits: flips that were undone.
        corrected_words: words they were in.
        detected: int64, indices of the words beyond the code, ascending.
    """

    data: np.ndarray
    corrected_bits: int
    corrected_words: int
    detected: np.ndarray


class Corrections(NamedTuple):
    """The last three attributes of `DecodedWords`."""

    corrected_bits: int
    corrected_words: int
    detected: np.ndarray


@cache
def decoder_for(code: LinearCode) -> "BoundedDistanceDecoder":
    """The decoder of a code; tables are built at the first call and kept for the process.

    Raises:
        InputError: the code is too large for every way of decoding that exists here.
    """
    return BoundedDistanceDecoder(code, _way_of(code))


@dataclass(frozen=True, eq=False)
class BoundedDistanceDecoder:
    """Encoder and decoder of a code; get it from `decoder_for`.

    Stored words are packed: `packed_dtype(n)` (N,) for n <= 64, rows of two uint64 (N, 2) above. Their bits n and above
    are ignored. Results do not depend on the number of threads.

    Attributes:
        code: up to 128 bits, at most 64 of them data.
        way: finds the errors of dirty words.
    """

    code: LinearCode
    way: LeaderTable | Correlation | AlgebraicDecoder

    def encode(self, data: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The stored words of data words.

        Args:
            data: unsigned integers (N,) below 2^k.
            out: where to write them, contiguous; new memory if None.

        Raises:
            TypeError: the data are not unsigned integers.
            ValueError: a data word is 2^k or more, or data or out have another shape or type.
        """
        code = self.code
        data = np.asarray(data)
        if data.dtype.kind != "u":
            raise TypeError(f"data words are unsigned integers, got {data.dtype}")
        if data.ndim != 1:
            raise ValueError(f"data words are one-dimensional, got shape {data.shape}")
        words = self.output(len(data), out)
        rows = words.reshape(len(data), limbs_of(code.n))

        def encode_block(block: slice) -> bool:
            part = _writable(data[block])
            if self.codewords is not None:
                return look_up(part, self.codewords, rows[block])
            images(self._generator_tables, part.astype(packed_dtype(code.k), copy=False)[:, None], rows[block])
            return bool((part >> part.dtype.type(code.k - 1) > 1).any())

        if any(map_blocks(lambda blocks: [(block.start, encode_block(block)) for block in blocks], len(data))):
            raise ValueError(f"a data word of {code.name} has {code.k} bits, got {int(data.max()):#x}")
        return words

    def decode(self, words: np.ndarray) -> DecodedWords:
        """Correct stored words as far as the code can.

        Args:
            words: packed (N,), or (N, 2) where n > 64; read-only and strided arrays will do.

        Raises:
            TypeError, ValueError: the words are of another type or shape.
        """
        dtype = packed_dtype(self.code.k)
        data = np.empty(len(words), dtype=dtype)
        table = None if self.codewords is None else np.arange(len(self.codewords), dtype=dtype)
        return DecodedWords(data, *self._restore(words, table, data))

    def decode_values(self, words: np.ndarray, table: np.ndarray, out: np.ndarray) -> Corrections:
        """Correct stored words and write what they stand for, in one pass.

        Args:
            words: packed (N,).
            table: (2^k,), what each data word stands for.
            out: (N,), of the type of the table, contiguous; of a detected word it receives what the data bits, as they
                are, stand for.

        Raises:
            InputError: the code has more than 17 data bits.
            TypeError, ValueError: words, table or out are of another type or shape.
        """
        if self.codewords is None:
            raise InputError(
                f"{self.code.name} has more than {LISTED_BITS} data bits, too many for a table: use decode"
            )
        if table.shape != self.codewords.shape:
            raise ValueError(f"the table of {self.code.name} has the shape {self.codewords.shape}, got {table.shape}")
        _expect_output(out, table.dtype, (len(words),))
        return self._restore(words, _writable(table), out)

    def output(self, count: int, out: np.ndarray | None) -> np.ndarray:
        """New memory for so many stored words, or `out` if it is fit for them.

        Raises:
            ValueError: it is not.
        """
        if out is None:
            return np.empty(self._shape_of(count), dtype=packed_dtype(self.code.n))
        _expect_output(out, packed_dtype(self.code.n), self._shape_of(count))
        return out

    @cached_property
    def codewords(self) -> np.ndarray | None:
        """All codewords (2^k,), or None where they are not listed."""
        return self.code.codewords() if self.code.k <= LISTED_BITS and self.code.n <= 64 else None

    def _restore(self, words: np.ndarray, table: np.ndarray | None, out: np.ndarray) -> Corrections:
        """Decode every block into out: what the data words stand for, or they themselves where there is no table."""
        code = self.code
        shape = self._shape_of(len(words))
        if words.dtype != packed_dtype(code.n):
            raise TypeError(f"words of {code.name} are {packed_dtype(code.n)}, got {words.dtype}")
        if words.shape != shape:
            raise ValueError(f"words of {code.name} have the shape {shape}, got {words.shape}")

        def restore_blocks(blocks: Iterator[slice]) -> list[tuple[int, Corrections]]:
            scratch = _Scratch.for_words(min(len(words), BLOCK), limbs_of(code.n), words.dtype)
            return [(block.start, self._restore_block(block, words, table, out, scratch)) for block in blocks]

        blocks = map_blocks(restore_blocks, len(words))
        return Corrections(
            sum(block.corrected_bits for block in blocks),
            sum(block.corrected_words for block in blocks),
            np.concatenate([np.empty(0, dtype=np.int64), *(block.detected for block in blocks)]),
        )

    def _restore_block(
        self, block: slice, words: np.ndarray, table: np.ndarray | None, out: np.ndarray, scratch: "_Scratch"
    ) -> Corrections:
        part = _writable(words[block]).reshape(block.stop - block.start, -1)
        count = self._split(part, table, out[block], scratch.dirty, scratch.found)
        dirty, found, errors = scratch.dirty[:count], scratch.found[:count], scratch.errors[:count]
        weights = scratch.weights[:count]
        if count:
            self.way.find_errors(found, errors, weights)
        bits, beyond = settle(found, errors, weights, dirty, self._data_tables, table, out[block], scratch.detected)
        return Corrections(bits, count - beyond, scratch.detected[:beyond] + np.int64(block.start))

    def _split(
        self, words: np.ndarray, table: np.ndarray | None, out: np.ndarray, dirty: np.ndarray, found: np.ndarray
    ) -> int:
        """Restore a block by the data bits as they are, and find its dirty words; how many there are."""
        if self.codewords is None:
            return split_by_syndrome(words, self._syndrome_tables, self._data_tables, out, dirty, found)
        kind = words.dtype.type
        mask = kind((1 << self.code.n) - 1)
        if self.code.data_positions == tuple(range(self.code.k)):
            data_mask = kind((1 << self.code.k) - 1)
            return split_lowest(words, self.codewords, mask, data_mask, table, out, dirty, found)
        return split_scattered(words, self.codewords, mask, self._data_tables, table, out, dirty, found)

    def _shape_of(self, count: int) -> tuple[int, ...]:
        """Of an array of so many stored words."""
        return (count,) if self.code.n <= 64 else (count, limbs_of(self.code.n))

    @cached_property
    def _data_tables(self) -> np.ndarray:
        selection = np.zeros((self.code.n, self.code.k), dtype=np.uint8)
        selection[list(self.code.data_positions), range(self.code.k)] = 1
        return byte_tables(selection, self._word_bytes)

    @cached_property
    def _syndrome_tables(self) -> np.ndarray:
        return byte_tables(self.code.parity_check.T, self._word_bytes)

    @cached_property
    def _generator_tables(self) -> np.ndarray:
        return byte_tables(self.code.generator, packed_dtype(self.code.k).itemsize)

    @property
    def _word_bytes(self) -> int:
        return limbs_of(self.code.n) * packed_dtype(self.code.n).itemsize


@dataclass(frozen=True)
class _Scratch:
    """Memory of a thread for a block's dirty words, kept from block to block: fresh pages cost more than the work."""

    dirty: np.ndarray
    found: np.ndarray
    errors: np.ndarray
    weights: np.ndarray
    detected: np.ndarray

    @classmethod
    def for_words(cls, count: int, limbs: int, dtype: np.dtype) -> "_Scratch":
        return cls(
            dirty=np.empty(count, dtype=np.int32),
            found=np.empty((count, limbs), dtype=dtype),
            errors=np.empty((count, limbs), dtype=dtype),
            weights=np.empty(count, dtype=np.int16),
            detected=np.empty(count, dtype=np.int32),
        )


def _way_of(code: LinearCode) -> LeaderTable | Correlation | AlgebraicDecoder:
    """The cheapest way to the errors of a code's dirty words."""
    if code.k > 64 or code.n > 128:
        raise InputError(f"{code.name} is not decoded here: at most 64 data bits in at most 128")
    if code.check_bits <= LARGEST_SYNDROME:
        return leader_table(code)
    if code.k <= COMPARED_BITS:
        return correlation(code)
    algebraic = algebraic_decoder(code)
    if algebraic is not None:
        return algebraic
    if code.k <= LISTABLE_BITS:
        return correlation(code)
    raise InputError(
        f"{code.name} is not decoded here: it has more than {LARGEST_SYNDROME} check bits, more than {LISTABLE_BITS} "
        "data bits and no power sums that vanish up to its distance"
    )


def _writable(array: np.ndarray) -> np.ndarray:
    """The array, or a contiguous copy: the kernels are compiled for contiguous, writable arrays only."""
    return np.require(array, requirements=["C", "W"])


def _expect_output(out: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    if out.dtype != dtype or out.shape != shape or not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(
            f"expected a contiguous, writable out of {dtype} {shape}, got {out.dtype} {out.shape}"
            f"{'' if out.flags.c_contiguous else ', strided'}{'' if out.flags.writeable else ', read-only'}"
        )
