"""Linear block codes as data: a systematic generator, and what follows from it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparebits.codes.gf2 import row_reduce
from sparebits.codes.packing import LIMB_BITS, as_limbs, from_limbs, limbs_of, pack, packed_dtype
from sparebits.codes.weights import span, weight_distribution
from sparebits.errors import InputError

LISTABLE_BITS = 22
"""Codes of up to 2^22 words are listed in full."""


@dataclass(frozen=True)
class KnownDistance:
    """A minimum distance that is proven where no enumeration reaches, and the proof in a few words."""

    d: int
    proof: str


@dataclass(frozen=True, eq=False)
class LinearCode:
    """A binary linear code [n, k, d] with a systematic encoder.

    A word of the code is a packed integer whose bit i is position i, see `packing`. Bit j of a data word stands at
    position `data_positions[j]` of its codeword.

    Attributes:
        name: as in the catalogue, family(n,k).
        generator: uint8 (k, n), with an identity at the data positions. See `systematic` for any other generator.
        data_positions: k positions, ascending.
        construction: what the code is, in a few words.
        known_distance: needed only where neither the code nor its dual can be enumerated.
        adjacent_doubles: "corrected" or "detected" where the code does so to every pair of neighbouring flips although
            its distance does not promise it, else None.
    """

    name: str
    generator: np.ndarray
    data_positions: tuple[int, ...]
    construction: str
    known_distance: KnownDistance | None = None
    adjacent_doubles: str | None = None

    def __post_init__(self):
        identity = self.generator[:, list(self.data_positions)]
        if self.generator.dtype != np.uint8 or not np.array_equal(identity, np.eye(self.k, dtype=np.uint8)):
            raise ValueError(f"{self.name}: the generator is not uint8 with an identity at {self.data_positions}")
        self.generator.setflags(write=False)

    @property
    def n(self) -> int:
        """Bits of a word."""
        return self.generator.shape[1]

    @property
    def k(self) -> int:
        """Data bits of a word."""
        return self.generator.shape[0]

    @property
    def check_bits(self) -> int:
        return self.n - self.k

    @cached_property
    def check_positions(self) -> tuple[int, ...]:
        """The positions that hold no data, ascending."""
        return tuple(i for i in range(self.n) if i not in self.data_positions)

    @cached_property
    def parity_check(self) -> np.ndarray:
        """H, uint8 (n - k, n), with an identity at the check positions; G H^T = 0."""
        matrix = np.zeros((self.check_bits, self.n), dtype=np.uint8)
        matrix[:, list(self.check_positions)] = np.eye(self.check_bits, dtype=np.uint8)
        matrix[:, list(self.data_positions)] = self.generator[:, list(self.check_positions)].T
        matrix.setflags(write=False)
        return matrix

    def encode(self, data_words: np.ndarray) -> np.ndarray:
        """The codeword of each data word.

        Args:
            data_words: unsigned integers (...) below 2^k.

        Returns:
            packed words (...), or (..., limbs) where n > 64.
        """
        data = as_limbs(data_words, self.k)
        rows = as_limbs(pack(self.generator), self.n)
        words = np.zeros((*data.shape[:-1], limbs_of(self.n)), dtype=np.uint64)
        for j, row in enumerate(rows):
            words ^= _bit(data, j) * row
        return from_limbs(words, self.n)

    def data_of(self, words: np.ndarray) -> np.ndarray:
        """The data bits of each word as it is, without any correction: unsigned integers (...)."""
        limbs = as_limbs(words, self.n)
        data = np.zeros((*limbs.shape[:-1], limbs_of(self.k)), dtype=np.uint64)
        for j, position in enumerate(self.data_positions):
            limb, bit = divmod(j, LIMB_BITS)
            data[..., limb] |= _bit(limbs, position)[..., 0] << np.uint64(bit)
        return from_limbs(data, self.k)

    def syndrome(self, words: np.ndarray) -> np.ndarray:
        """H w^T of each word, packed like a word of n - k bits: that of the word's error, zero for codewords.

        Args:
            words: packed (...), or (..., limbs) where n > 64.
        """
        limbs = as_limbs(words, self.n)
        syndromes = np.zeros((*limbs.shape[:-1], limbs_of(self.check_bits)), dtype=np.uint64)
        for i, row in enumerate(as_limbs(pack(self.parity_check), self.n)):
            limb, bit = divmod(i, LIMB_BITS)
            ones = sum(np.bitwise_count(limbs[..., part] & row[part]) for part in range(limbs.shape[-1]))
            syndromes[..., limb] |= (ones & np.uint8(1)).astype(np.uint64) << np.uint64(bit)
        return from_limbs(syndromes, self.check_bits)

    def codewords(self) -> np.ndarray:
        """All codewords, packed (2^k,) or (2^k, limbs); the index is the data word.

        Raises:
            InputError: k is above 22.
        """
        if self.k > LISTABLE_BITS:
            raise InputError(f"{self.name} has 2^{self.k} codewords; at most 2^{LISTABLE_BITS} are listed")
        return from_limbs(span(as_limbs(pack(self.generator), self.n)), self.n)

    @cached_property
    def _weights(self) -> tuple[tuple[int, ...], str] | None:
        return weight_distribution(self.generator)

    @property
    def weight_distribution(self) -> tuple[int, ...] | None:
        """Codewords by weight, A_0..A_n; None where it is not known (neither 2^k nor 2^(n-k) can be enumerated)."""
        return self._weights[0] if self._weights else None

    @cached_property
    def d(self) -> int:
        """Minimum distance: the smallest weight of a codeword other than zero.

        Raises:
            InputError: neither the code nor its dual can be enumerated, and no proof was given.
        """
        if self.weight_distribution:
            return next(w for w, count in enumerate(self.weight_distribution) if w and count)
        return self._proven.d

    @property
    def distance_proof(self) -> str:
        """How `d` is known: "enumerated", "dual (MacWilliams)" or the words of `known_distance`."""
        return self._weights[1] if self._weights else self._proven.proof

    @property
    def _proven(self) -> KnownDistance:
        if self.known_distance is None:
            raise InputError(
                f"the distance of {self.name} is not known: neither its 2^{self.k} words nor the "
                f"2^{self.check_bits} of its dual can be enumerated, and the code comes without a proof"
            )
        return self.known_distance

    @property
    def t(self) -> int:
        """Flips that are always corrected by bounded-distance decoding: floor((d - 1) / 2)."""
        return (self.d - 1) // 2

    @property
    def detects(self) -> int:
        """Flips that are always detected where nothing is corrected: d - 1."""
        return self.d - 1

    @property
    def detects_beside_correction(self) -> int:
        """Flips that are always corrected or detected where up to t are corrected: d - 1 - t."""
        return self.d - 1 - self.t

    @property
    def leader_table_bytes(self) -> int:
        """Memory of a decoder that looks the error up by its syndrome: 2^(n-k) words of 1, 2, 4, 8 or 16 bytes."""
        return (1 << self.check_bits) * limbs_of(self.n) * packed_dtype(self.n).itemsize

    @property
    def correlations(self) -> int:
        """Codewords that a decoder compares a word with where it holds no table: 2^k."""
        return 1 << self.k


def systematic(name: str, generator: np.ndarray, construction: str, **facts) -> LinearCode:
    """The code that any generator spans, its data at the first positions that can hold it.

    Args:
        name: of the code.
        generator: uint8 (rows, n); dependent rows are dropped.
        construction: what the code is.
        facts: further fields of LinearCode.
    """
    reduced, pivots = row_reduce(generator)
    return LinearCode(name, reduced, pivots, construction, **facts)


def _bit(limbs: np.ndarray, position: int) -> np.ndarray:
    """Bit `position` of each row of limbs, uint64 (..., 1)."""
    limb, bit = divmod(position, LIMB_BITS)
    return (limbs[..., limb : limb + 1] >> np.uint64(bit)) & np.uint64(1)
