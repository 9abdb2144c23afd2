"""Several values in one code word: what a short word cannot hold by itself.

A code of 64 bits for four words of 16 corrects more than four codes of 16: [64,24,16], 6 data bits a value, corrects
seven flips wherever they are, [16,6,6] two in each word. Reading one value then takes reading the 64 bits. Nothing is
stored beside the words but the base of each layout's window, six times (long_codes/bases.py).

A code word farther than t from every codeword is detected. Of such words "keep" leaves the data bits as they are;
"zero" and "median" replace all values, the latter by the lower median of what was read undetected of their layout.
"posterior mean" weighs the codewords within t + 2 flips, by their distance and by how often their values occur
(decoding/posterior.py has the weights, decoding/near_codewords.py the codewords); where there are none, it is the
median.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np

from sparebits.codes.packing import LIMB_BITS, limbs_of, packed_dtype
from sparebits.decoding.bit_error_rate import CorrectionCount, estimate_ber
from sparebits.decoding.bounded_distance import DecodedWords, decoder_for
from sparebits.decoding.near_codewords import codewords_near
from sparebits.decoding.posterior import prior_of
from sparebits.errors import InputError
from sparebits.faults.ber import METADATA, PARAMETERS
from sparebits.formats import FloatFormat
from sparebits.layouts.minifloat import Minifloat
from sparebits.long_codes.bases import base_words, read_bases
from sparebits.parameters import FlatParameters, doubles_of, nearest_words
from sparebits.protection.plan import Plan
from sparebits.schemes.joined_blocks import Block, Joined, join
from sparebits.schemes.names import POLICIES
from sparebits.schemes.replacement import lower_median
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading, StoredNetwork

BEYOND = 2
"""Flips beyond t up to which codewords are weighed for a posterior mean."""
LISTED_DATA_BITS = 11
"""Data bits of a value up to which an attacker tries all changes; of longer ones those of one or two bits."""


class JoinedWords(StoredNetwork):
    """A network stored by a plan whose code words hold several values."""

    def __init__(self, name: str, plan: Plan, parameters: FlatParameters):
        """Encode.

        Raises:
            InputError: the plan does not fit the network.
        """
        self._fmt = parameters.fmt
        self._joined: Joined = join(plan, parameters)
        blocks = self._joined.blocks
        unknown = {block.policy for block in blocks} - set(POLICIES)
        if unknown:
            raise InputError(f"{name} has no policy {unknown.pop()!r}: choose one of {', '.join(POLICIES)}")
        words = np.empty_like(self._joined.words)
        for block in blocks:
            data = _data_of(block, self._joined.layouts, self._joined.words)
            _store(words, block, decoder_for(block.code).encode(data), self._fmt)
        memory = {
            PARAMETERS: words,
            METADATA: base_words([layout.base for layout in self._joined.layouts], self._fmt),
        }
        titles = dict.fromkeys(
            " + ".join(dict.fromkeys(self._joined.layouts[i].title for i in block.layouts)) for block in blocks
        )
        codes = dict.fromkeys(block.code.name for block in blocks)
        policies = dict.fromkeys(block.policy for block in blocks)
        super().__init__(
            name, " or ".join(titles), " or ".join(codes), "bounded distance", " or ".join(policies), memory
        )

    def read(self, memory: Memory) -> Reading:
        layouts, outvoted = self._layouts_of(memory)
        decoded = [decoder_for(block.code).decode(_load(memory[PARAMETERS], block)) for block in self._joined.blocks]
        words = self._joined.words.copy()
        ber = _estimated_ber(self._joined.blocks, decoded)
        undetected: dict[int, list[np.ndarray]] = {}
        for block, found in zip(self._joined.blocks, decoded, strict=True):
            for number, places, own in _split(block, layouts, found.data):
                words[places] = layouts[number].restore(own)
                undetected.setdefault(number, []).append(np.delete(own, found.detected))
        priors = _Priors(layouts, undetected, self._fmt)
        for block, found in zip(self._joined.blocks, decoded, strict=True):
            if len(found.detected):
                self._replace(block, found, memory[PARAMETERS], words, priors, ber)
        starts = self._first_code_words
        detected = [found.detected + start for found, start in zip(decoded, starts, strict=True)]
        return Reading(
            words,
            outvoted + sum(found.corrected_bits for found in decoded),
            sum(found.corrected_words for found in decoded),
            np.concatenate(detected),
        )

    def _replace(
        self,
        block: Block,
        found: DecodedWords,
        stored: np.ndarray,
        words: np.ndarray,
        priors: "_Priors",
        ber: float,
    ) -> None:
        """Write what the policy makes of a block's detected code words."""
        if block.policy == "keep":
            return
        places = block.held[found.detected]
        if block.policy == "zero":
            words[places] = 0
            return
        for column, number in enumerate(block.layouts):
            words[places[:, column]] = priors.median(number)
        if block.policy == "median":
            return
        rows = _load(stored, block)[found.detected]
        near = codewords_near(block.code, rows, BEYOND)
        if not len(near.rows):
            return
        odds = np.log(max(ber, 1e-12)) - np.log1p(-min(ber, 0.5))
        logs = odds * near.distances
        values = np.empty((len(near.rows), len(block.layouts)))
        for column, (number, _, own) in enumerate(_split(block, priors.layouts, near.data)):
            logs = logs + priors.logarithms(number)[own]
            values[:, column] = priors.values(number)[own]
        starts = np.flatnonzero(np.diff(near.rows, prepend=-1))
        largest = np.maximum.reduceat(logs, starts)
        weights = np.exp(logs - np.repeat(largest, np.diff(starts, append=len(logs))))
        means = np.add.reduceat(weights[:, None] * values, starts) / np.add.reduceat(weights, starts)[:, None]
        solved = places[near.rows[starts]]
        words[solved] = nearest_words(means.reshape(-1), self._fmt).reshape(solved.shape)

    def _layouts_of(self, memory: Memory) -> tuple[list[Minifloat], int]:
        """The layouts with the bases that the memory says, and the flips that these were read in spite of."""
        layouts = self._joined.layouts
        if np.array_equal(memory[METADATA], self.memory[METADATA]):
            return layouts, 0
        bases, flips = read_bases(memory[METADATA], [layout.base_limit for layout in layouts], self._fmt)
        read = [replace(layout, base=base) for layout, base in zip(layouts, bases, strict=True)]
        return read, int(flips.sum())

    @cached_property
    def code_word_of(self) -> np.ndarray:
        numbers = np.empty(len(self._joined.words), dtype=np.int64)
        for block, start in zip(self._joined.blocks, self._first_code_words, strict=True):
            numbers[block.stored] = start + np.arange(len(block.stored))[:, None]
        return numbers

    @property
    def coded_words(self) -> list[tuple]:
        return [(block.code, "bounded distance", len(block.stored)) for block in self._joined.blocks]

    @cached_property
    def _first_code_words(self) -> np.ndarray:
        return np.cumsum([0, *(len(block.stored) for block in self._joined.blocks)])[:-1]

    def forgeries(self, index: int) -> list[Forgery]:
        """Codewords that differ in one value: all but t of the bits in which they do, see schemes/forging.py."""
        number = int(self.code_word_of[index])
        place = int(np.searchsorted(self._first_code_words, number, side="right")) - 1
        block, row = self._joined.blocks[place], number - int(self._first_code_words[place])
        columns = np.flatnonzero(block.held[row] == index)
        if not len(columns):
            # Of a fused BatchNorm mean and variance are constants.
            return []
        layouts, column = self._joined.layouts, int(columns[0])
        shift = sum(layouts[i].data_bits for i in block.layouts[:column])
        layout = layouts[block.layouts[column]]
        own = int(layout.quantise(self.clean[index : index + 1])[0])
        bits = layout.data_bits
        changes = range(1, 1 << bits) if bits <= LISTED_DATA_BITS else [1 << bit for bit in range(bits)]
        codewords = block.code.encode(
            np.array([change << shift for change in changes], dtype=packed_dtype(block.code.k))
        )
        forgeries: dict[int, Forgery] = {}
        for change, codeword in zip(changes, codewords.reshape(len(codewords), -1).tolist(), strict=True):
            ones = [64 * limb + bit for limb, part in enumerate(codeword) for bit in range(64) if part >> bit & 1]
            word = int(layout.restore(np.array([own ^ change], dtype=packed_dtype(bits)))[0])
            flips = tuple(
                Flip(PARAMETERS, int(block.stored[row, one // self._fmt.width]), one % self._fmt.width)
                for one in ones[: len(ones) - block.code.t]
            )
            if word != int(self.clean[index]) and len(flips) < len(forgeries.get(word, Forgery(0, range(999))).flips):
                forgeries[word] = Forgery(word, flips)
        return list(forgeries.values())


class _Priors:
    """What undetected values tell of the others of their layout; computed when asked for."""

    def __init__(self, layouts: list[Minifloat], undetected: dict[int, list[np.ndarray]], fmt: FloatFormat):
        self.layouts, self._undetected, self._fmt = layouts, undetected, fmt
        self._logarithms: dict[int, np.ndarray] = {}

    def median(self, number: int) -> int:
        own = np.concatenate(self._undetected[number])
        return lower_median(self.layouts[number].restore(own), self._fmt)

    def logarithms(self, number: int) -> np.ndarray:
        """Of the probability of each data word."""
        if number not in self._logarithms:
            negatives = int(np.signbit(self.values(number)).sum())
            prior = prior_of(np.concatenate(self._undetected[number]), self.layouts[number].order(), negatives)
            self._logarithms[number] = np.log(prior)
        return self._logarithms[number]

    def values(self, number: int) -> np.ndarray:
        """What each data word stands for, float64."""
        layout = self.layouts[number]
        return doubles_of(
            layout.restore(np.arange(1 << layout.data_bits, dtype=packed_dtype(layout.data_bits))), self._fmt
        )


def _data_of(block: Block, layouts: list[Minifloat], words: np.ndarray) -> np.ndarray:
    """The data words of a block's code words, given the network's words."""
    data, shift = np.zeros(len(block.held), dtype=packed_dtype(block.code.k)), 0
    for places, number in zip(block.held.T, block.layouts, strict=True):
        data |= layouts[number].quantise(words[places]).astype(data.dtype) << data.dtype.type(shift)
        shift += layouts[number].data_bits
    return data


def _split(block: Block, layouts: list[Minifloat], data: np.ndarray):
    """For each value of a code word the number of its layout, its places, and its data words out of those given."""
    shift = 0
    for places, number in zip(block.held.T, block.layouts, strict=True):
        bits = layouts[number].data_bits
        own = (data >> data.dtype.type(shift)) & data.dtype.type((1 << bits) - 1)
        yield number, places, own.astype(packed_dtype(bits))
        shift += bits


def _load(words: np.ndarray, block: Block) -> np.ndarray:
    """A block's code words as they are stored: packed (N,), or (N, 2)."""
    parts = words[block.stored].astype(words.dtype.newbyteorder("<"), copy=False)
    packed = np.ascontiguousarray(parts).view(packed_dtype(block.code.n).newbyteorder("<"))
    packed = packed.astype(packed_dtype(block.code.n), copy=False)
    return packed if block.code.n > LIMB_BITS else packed[:, 0]


def _store(words: np.ndarray, block: Block, codewords: np.ndarray, fmt: FloatFormat) -> None:
    """The inverse of `_load`."""
    packed = codewords.reshape(len(codewords), limbs_of(block.code.n))
    parts = packed.astype(packed.dtype.newbyteorder("<"), copy=False).view(fmt.word_dtype.newbyteorder("<"))
    words[block.stored] = parts


def _estimated_ber(blocks: list[Block], decoded: list[DecodedWords]) -> float:
    return estimate_ber(
        [
            CorrectionCount(block.code.n, block.code.t, len(found.data) - len(found.detected), found.corrected_bits)
            for block, found in zip(blocks, decoded, strict=True)
        ]
    )
