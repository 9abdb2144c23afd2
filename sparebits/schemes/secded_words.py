"""Single error correction, double error detection over code words of several values: what hsiao.py and wot.py share.

Bounded-distance decoding corrects one flip a code word. Where it detects more, all values of the code word are replaced
by the policy. The posterior mean of a value is over the double errors with the word's syndrome, by what they make of
this value alone (its marginal; the prior of the other values does not enter). Three flips or more with a syndrome that
no double error has make the values the median, as do double errors that would need a bit that is not stored.
"""

from abc import abstractmethod
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import as_limbs, pack
from sparebits.decoding.bounded_distance import decoder_for
from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.replacement import replace_detected
from sparebits.schemes.stored import Flip, Forgery, Memory, Reading, StoredNetwork


class SecDedWords(StoredNetwork):
    """Consecutive values of the flat buffer as code words of a SEC-DED code, whose last may have fewer values."""

    def __init__(
        self,
        name: str,
        layout: str,
        code: LinearCode,
        policy: str,
        parameters: FlatParameters,
        memory: Memory,
        per: int,
    ):
        """Take over an encoded memory.

        Args:
            name, layout, policy, memory: see StoredNetwork.
            code: [n, k, 4] with its data in the first k positions.
            parameters: of the network.
            per: values of a code word.
        """
        self._code, self._per = code, per
        self._fmt, self._tensors, self._values = parameters.fmt, parameters.tensors, len(parameters.golden)
        self._columns = as_limbs(pack(code.parity_check.T), code.check_bits)[:, 0].astype(np.int64)
        # Of a whole code word, and of the last one, which may have fewer values.
        self._places = [self.places(per), self.places(self._values % per or per)]
        self._doubles = [self._double_errors(places) for places in self._places]
        self._forged: dict[tuple[int, int], list[tuple[int, list[Flip]]]] = {}
        super().__init__(name, layout, code.name, "bounded distance", policy, memory)

    @abstractmethod
    def gather(self, memory: Memory) -> np.ndarray:
        """The code words of a memory, packed (N,) or (N, 2)."""

    @abstractmethod
    def scatter(self, data: np.ndarray) -> np.ndarray:
        """The words read where these are the data bits, uint64 (N,): (values,), bits without data zero."""

    @abstractmethod
    def places(self, values: int) -> list[Flip | None]:
        """Where each position of a code word of so many values is stored; None of those that are not.

        The index of a value is that in the code word, as if it were the first.
        """

    @property
    def coded_words(self) -> list[tuple[LinearCode, str, int]]:
        whole, rest = divmod(self._values, self._per)
        # The last code word has bits that are not stored and cannot be hit.
        return [] if rest else [(self._code, "bounded distance", whole)]

    def read(self, memory: Memory) -> Reading:
        received = self.gather(memory)
        decoded = decoder_for(self._code).decode(received)
        detected = decoded.detected

        def candidates(indices: np.ndarray) -> np.ndarray:
            numbers, slots = np.divmod(indices, self._per)
            syndromes = self._code.syndrome(received[numbers]).astype(np.int64)
            found = np.full((len(indices), self._doubles[0][1].shape[1]), ~words.dtype.type(0))
            is_last = numbers == len(received) - 1
            for rows, (masks, is_possible) in zip((~is_last, is_last), self._doubles, strict=True):
                own = words[indices[rows], None] ^ masks[syndromes[rows], slots[rows]]
                found[rows, : own.shape[1]] = np.where(is_possible[syndromes[rows]], own, ~words.dtype.type(0))
            return found

        words = self.scatter(decoded.data)
        of_detected = (detected[:, None] * self._per + np.arange(self._per)).reshape(-1)
        of_detected = of_detected[of_detected < self._values]
        words = replace_detected(words, of_detected, self.policy, self._tensors, self._fmt, candidates)
        return Reading(words, decoded.corrected_bits, decoded.corrected_words, detected)

    @property
    def code_word_of(self) -> np.ndarray:
        return np.arange(self._values) // self._per

    def forgeries(self, index: int) -> list[Forgery]:
        """Every bit of the value: three bits of a codeword of weight 4, of which the decoder flips the last.

        Of the codewords that have the bit, one with the fewest others of the value.
        """
        number, slot = divmod(index, self._per)
        shape = int(number == (self._values - 1) // self._per)
        if (shape, slot) not in self._forged:
            self._forged[shape, slot] = list(self._forge(self._places[shape], slot))
        first = number * self._per
        return [
            Forgery(int(self.clean[index]) ^ change, tuple(self._moved(flip, number, first) for flip in flips))
            for change, flips in self._forged[shape, slot]
        ]

    def _moved(self, flip: Flip, number: int, first: int) -> Flip:
        return flip._replace(index=flip.index + (first if flip.plane == PARAMETERS else number))

    def _effects(self, places: list[Flip | None], slot: int) -> list[int]:
        """What flipping each position changes in a value as read, without decoding."""
        return [
            1 << place.bit
            if position < self._code.k and place and (place.plane, place.index) == (PARAMETERS, slot)
            else 0
            for position, place in enumerate(places)
        ]

    def _forge(self, places: list[Flip | None], slot: int) -> Iterator[tuple[int, list[Flip]]]:
        """For each bit of a value the change of the value, and the flips."""
        effects = self._effects(places, slot)
        columns = self._columns.tolist()
        position_of = {column: position for position, column in enumerate(columns)}
        stored = [position for position, place in enumerate(places) if place]
        for position in (position for position in stored if effects[position]):
            best = None
            for others in combinations([other for other in stored if other != position], 2):
                last = position_of.get(columns[position] ^ columns[others[0]] ^ columns[others[1]])
                if last is None or last == position:
                    continue
                change = sum(effects[p] for p in (position, *others, last))
                if best is None or change.bit_count() < best[0].bit_count():
                    best = change, [places[p] for p in (position, *others)]
                    if change == effects[position]:
                        break
            if best:
                yield best

    def _double_errors(self, places: list[Flip | None]) -> tuple[np.ndarray, np.ndarray]:
        """The double errors of each syndrome, up to E of them.

        Returns:
            what they change in the values as read, words (2^(n - k), values of a code word, E), and which there are,
            bool (2^(n - k), E).
        """
        effects = np.array([self._effects(places, slot) for slot in range(self._per)], dtype=self._fmt.word_dtype)
        stored = [position for position, place in enumerate(places) if place]
        of_syndrome: list[list[np.ndarray]] = [[] for _ in range(1 << self._code.check_bits)]
        for first, second in combinations(stored, 2):
            change = effects[:, first] ^ effects[:, second]
            of_syndrome[self._columns[first] ^ self._columns[second]].append(change)
        most = max(map(len, of_syndrome))
        masks = np.zeros((len(of_syndrome), self._per, most), dtype=self._fmt.word_dtype)
        is_possible = np.zeros((len(of_syndrome), most), dtype=bool)
        for syndrome, changes in enumerate(of_syndrome):
            for number, change in enumerate(changes):
                masks[syndrome, :, number] = change
                is_possible[syndrome, number] = True
        return masks, is_possible
