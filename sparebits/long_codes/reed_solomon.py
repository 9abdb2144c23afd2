"""Reed–Solomon codes over GF(2^m) (1960), shortened to any length, that correct errors and erasures.

In the narrow sense: the words, as polynomials whose highest coefficient is symbol 0, with zeros alpha, alpha^2, …,
alpha^(n - k). Shortened codes lack leading symbols, which are zero.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from sparebits.blocks import map_blocks
from sparebits.errors import InputError
from sparebits.long_codes.additive_transform import AdditiveTransform, transform_of
from sparebits.long_codes.galois_field import field_of
from sparebits.long_codes.reed_solomon_kernels import (
    decode_words,
    derivative_of,
    encode_words,
    inverse_locators,
    locator_of,
    values_of,
    vanish,
)

SHARE = 1 << 14
"""Symbols that a thread takes at a time, or one word."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """What became of B received words.

    Attributes:
        words: uint16 (B, n), codewords, and those that failed as they were given.
        failed: bool (B,).
        errors: int64 (B,), wrong symbols at places that were not erased; 0 for words that failed.
    """

    words: np.ndarray
    failed: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True, eq=False)
class ReedSolomon:
    """The code [n, k, n - k + 1] over GF(2^m), systematic: k message symbols, then n - k check symbols.

    `reed_solomon` gives the same object for the same numbers, with the tables that it has built.

    Raises:
        InputError: m is not in 3..13, or not 1 <= k <= n <= 2^m - 1.
    """

    n: int
    k: int
    m: int

    def __post_init__(self):
        longest = field_of(self.m).order
        if not 1 <= self.k <= self.n <= longest:
            raise InputError(f"{self.name}: expected 1 <= k <= n <= {longest} over GF(2^{self.m})")

    @property
    def name(self) -> str:
        return f"reed-solomon({self.n},{self.k})"

    @property
    def checks(self) -> int:
        """Check symbols, n - k."""
        return self.n - self.k

    def encode(self, messages: np.ndarray) -> np.ndarray:
        """Codewords, uint16 (B, n), of messages, uint16 (B, k).

        Raises:
            TypeError: messages are of another type.
            ValueError: they are of another shape, or have symbols of more than m bits.
        """
        self._check_symbols("messages", messages, self.k)
        words = np.empty((len(messages), self.n), dtype=np.uint16)
        words[:, : self.k] = messages
        if self.checks:
            locator, scales = self._check_places
            self._over_rows(lambda part: encode_words(words[part], locator, scales, self._transform), len(words))
        return words

    def passes(self, words: np.ndarray, syndromes: int = 4) -> np.ndarray:
        """Whether the first few syndromes of words uint16 (B, n) are zero, bool (B,): cheap to tell, nearly a proof.

        Any error of up to so many symbols is noticed for certain; others are missed with probability 2^(-m syndromes).

        Args:
            syndromes: looked at, n - k at most.

        Raises:
            TypeError, ValueError: as `encode`.
        """
        self._check_symbols("words", words, self.n)
        passed = np.empty(len(words), dtype=bool)
        words, exponents = np.ascontiguousarray(words), _exponents(self.n, min(syndromes, self.checks), self.m)
        self._over_rows(lambda part: vanish(words[part], exponents, self._transform, passed[part]), len(words))
        return passed

    def decode(self, words: np.ndarray, erased: np.ndarray) -> Decoded:
        """The codeword of each word where there is one with 2 errors + erasures <= n - k; other words fail.

        A word is corrected only if its locator has as many roots as its degree says, all at places that are not erased:
        then the result is a codeword within that bound. So a word with more errors fails unless another codeword
        happens to be that near. With n - k erasures one always is: any error beside them goes unnoticed.

        Args:
            words: uint16 (B, n).
            erased: bool (B, n), symbols that tell nothing; they may be right.

        Raises:
            TypeError, ValueError: as `encode`, for both.
        """
        self._check_symbols("words", words, self.n)
        _check("erased", erased, np.dtype(bool), (len(words), self.n))
        words, erased = np.array(words, order="C"), np.ascontiguousarray(erased)
        errors = np.empty(len(words), dtype=np.int64)
        self._over_rows(
            lambda part: decode_words(words[part], erased[part], self.checks, self._transform, errors[part]), len(words)
        )
        failed = errors < 0
        return Decoded(words, failed, np.where(failed, 0, errors))

    @property
    def _transform(self) -> AdditiveTransform:
        return transform_of(self.m)

    @cached_property
    def _check_places(self) -> tuple[np.ndarray, np.ndarray]:
        """See `encode_words`."""
        field, transform = field_of(self.m), self._transform
        locator = locator_of(np.arange(self.n) >= self.k, transform)
        slopes = values_of(derivative_of(locator), transform)[inverse_locators(self.n, transform)[self.k :]]
        return locator, (field.order - field.log[slopes]).astype(np.uint16)

    def _over_rows(self, work: Callable[[slice], None], count: int) -> None:
        """Work on all rows, on all threads."""

        def over(parts: Iterator[slice]) -> list[tuple[int, None]]:
            return [(part.start, work(part)) for part in parts]

        map_blocks(over, count, max(1, SHARE // self.n))

    def _check_symbols(self, name: str, symbols: np.ndarray, length: int) -> None:
        _check(name, symbols, np.dtype(np.uint16), (None, length))
        if symbols.max(initial=0) >> self.m:
            raise ValueError(f"{name} of {self.name} over GF(2^{self.m}) have a symbol {symbols.max()}")


@cache
def reed_solomon(n: int, k: int, m: int) -> ReedSolomon:
    """The code [n, k] over GF(2^m), built once; see ReedSolomon."""
    return ReedSolomon(n, k, m)


@cache
def _exponents(n: int, syndromes: int, m: int) -> np.ndarray:
    """See `vanish`."""
    return (np.arange(1, syndromes + 1)[:, None] * np.arange(n)[::-1] % field_of(m).order).astype(np.uint16)


def _check(name: str, array: np.ndarray, dtype: np.dtype, shape: tuple[int | None, int]) -> None:
    """Raise what the public functions say unless the array is of this type and shape, None being any number of rows."""
    if array.dtype != dtype:
        raise TypeError(f"{name} are {array.dtype}, not {dtype}")
    if array.ndim != 2 or array.shape[1] != shape[1] or shape[0] not in (None, array.shape[0]):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} have the shape {array.shape}, not ({expected})")
