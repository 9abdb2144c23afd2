"""In-place zero-space ECC, adapted to floating point: SEC-DED (64,57) whose check bits replace low bits of mantissas.

Source: Guan, Ning, Lin, Shen, Zhou & Lim, "In-Place Zero-Space Memory Protection for CNN", NeurIPS 2019. There eight
8-bit weights share a (64,57) code in bits that training with WOT, weight distribution-oriented training, makes
redundant. Nothing is trained here, hence WOT-like: code word j covers the two binary32 values 2j and 2j + 1; check bits
0-3 are bits 3-0 of the first (check bit i in bit i), check bits 4-6 are bits 2-0 of the second. These bits are read as
zero.

Chosen here: other formats have as many values in 64 bits, and the 7 check bits are spread as evenly, the first values
taking more (7; 4 and 3; 2, 2, 2 and 1). So are those of the last code word over the values that it has; its missing
data bits are zero and not stored. Double errors are detected and, as published, kept.
"""

import numpy as np

from sparebits.codes.catalogue import named_code
from sparebits.decoding.bounded_distance import decoder_for
from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.replacement import scheme_name
from sparebits.schemes.secded_words import SecDedWords
from sparebits.schemes.stored import Flip, Memory

PUBLISHED = "keep"
CODE = "hsiao(64,57)"
DATA_BITS, CHECK_BITS = 57, 7


class WotLike(SecDedWords):
    """64 bits a code word, 7 low bits of mantissas among them check bits."""

    def __init__(self, parameters: FlatParameters, policy: str = PUBLISHED, name: str | None = None):
        """Encode; for every format.

        Raises:
            InputError: the policy is none.
        """
        self._fmt, per = parameters.fmt, 64 // parameters.fmt.width
        words = parameters.golden.copy()
        for part in _parts(words, per):
            checks = decoder_for(named_code(CODE)).encode(_data_of(part)) >> np.uint64(DATA_BITS)
            for slot, (count, first) in enumerate(_check_bits(part.shape[1])):
                low = words.dtype.type((1 << count) - 1)
                own = (checks >> np.uint64(first)).astype(words.dtype) & low
                part[:, slot] = part[:, slot] & ~low | own
        super().__init__(
            scheme_name(name, "WOT-like", policy, PUBLISHED),
            f"raw but the lowest {' + '.join(str(count) for count, _ in _check_bits(per))} bits",
            named_code(CODE),
            policy,
            parameters,
            {PARAMETERS: words},
            per,
        )

    def gather(self, memory: Memory) -> np.ndarray:
        return np.concatenate([_code_words_of(part) for part in _parts(memory[PARAMETERS], self._per)])

    def scatter(self, data: np.ndarray) -> np.ndarray:
        words = np.empty(self._values, dtype=self._fmt.word_dtype)
        whole = self._values // self._per
        for part, own in zip(_parts(words, self._per), (data[:whole], data[whole:]), strict=True):
            for slot, (count, first) in enumerate(_check_bits(part.shape[1])):
                # Shifting out at the top of the word is what leaves the next value's data.
                part[:, slot] = (own >> np.uint64(slot * self._fmt.width - first)).astype(words.dtype)
                part[:, slot] <<= words.dtype.type(count)
        return words

    def places(self, values: int) -> list[Flip | None]:
        spread = _check_bits(values)
        data = [
            Flip(PARAMETERS, slot, bit)
            for slot, (count, _) in enumerate(spread)
            for bit in range(count, self._fmt.width)
        ]
        checks = [Flip(PARAMETERS, slot, bit) for slot, (count, _) in enumerate(spread) for bit in range(count)]
        return [*data, *[None] * (DATA_BITS - len(data)), *checks]


def _check_bits(values: int) -> list[tuple[int, int]]:
    """How many check bits each of the values of a code word holds in its lowest bits, and the first of them."""
    counts = [-(-(CHECK_BITS - slot) // values) for slot in range(values)]
    return [(count, sum(counts[:slot])) for slot, count in enumerate(counts)]


def _parts(words: np.ndarray, per: int) -> tuple[np.ndarray, np.ndarray]:
    """Views of the words, a row a code word: of those with `per` values, and of the last one if it has fewer."""
    whole = len(words) - len(words) % per
    return words[:whole].reshape(-1, per), words[whole:].reshape(int(whole < len(words)), len(words) - whole)


def _data_of(part: np.ndarray) -> np.ndarray:
    """The data bits of code words, uint64 (N,): the values side by side, without their check bits."""
    width = 8 * part.itemsize
    data = np.zeros(len(part), dtype=np.uint64)
    for slot, (count, first) in enumerate(_check_bits(part.shape[1])):
        data |= (part[:, slot] >> part.dtype.type(count)).astype(np.uint64) << np.uint64(slot * width - first)
    return data


def _code_words_of(part: np.ndarray) -> np.ndarray:
    """Data bits, then check bits, uint64 (N,)."""
    words = _data_of(part)
    for slot, (count, first) in enumerate(_check_bits(part.shape[1])):
        own = part[:, slot] & part.dtype.type((1 << count) - 1)
        words |= own.astype(np.uint64) << np.uint64(DATA_BITS + first)
    return words
