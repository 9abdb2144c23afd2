"""SEC-DED (72,64) out of band: what memory with error correction does, at 12.5 % more memory.

Source: Hsiao, "A Class of Optimal Minimum Odd-weight-column SEC-DED Codes", IBM J. Res. Dev. 14 (1970). Code word j
covers 64 bits of the flat buffer: the two binary32 values 2j and 2j + 1, or one value of binary64, or four of 16 bits.
The last one is padded with zeros that are not stored; a correction there is counted, and changes no value. Its 8 check
bits are byte j of the plane CHECK_WORDS. The memory reports a double error and leaves what becomes of it to others: by
default it is kept.
"""

import numpy as np

from sparebits.codes.catalogue import named_code
from sparebits.decoding.bounded_distance import decoder_for
from sparebits.faults.ber import CHECK_WORDS, PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.replacement import scheme_name
from sparebits.schemes.secded_words import SecDedWords
from sparebits.schemes.stored import Flip, Memory

PUBLISHED = "keep"
CODE = "hsiao(72,64)"
DATA_BITS, CHECK_BITS = 64, 8


class Hsiao(SecDedWords):
    """64 bits a code word as they are, and a byte of check bits beside them."""

    def __init__(self, parameters: FlatParameters, policy: str = PUBLISHED, name: str | None = None):
        """Encode; for every format.

        Raises:
            InputError: the policy is none.
        """
        code = named_code(CODE)
        checks = decoder_for(code).encode(_in_64_bits(parameters.golden))[:, 1].astype(np.uint8)
        super().__init__(
            scheme_name(name, "SEC-DED (72,64)", policy, PUBLISHED),
            "raw",
            code,
            policy,
            parameters,
            {PARAMETERS: parameters.golden, CHECK_WORDS: checks},
            per=DATA_BITS // parameters.fmt.width,
        )

    def gather(self, memory: Memory) -> np.ndarray:
        return np.stack([_in_64_bits(memory[PARAMETERS]), memory[CHECK_WORDS].astype(np.uint64)], axis=1)

    def scatter(self, data: np.ndarray) -> np.ndarray:
        return data.view(self._fmt.word_dtype)[: self._values]

    def places(self, values: int) -> list[Flip | None]:
        width = self._fmt.width
        data = [
            Flip(PARAMETERS, position // width, position % width) if position < values * width else None
            for position in range(DATA_BITS)
        ]
        return [*data, *(Flip(CHECK_WORDS, 0, bit) for bit in range(CHECK_BITS))]


def _in_64_bits(words: np.ndarray) -> np.ndarray:
    """Words side by side in uint64, the first lowest; padded with zeros."""
    missing = -len(words) % (8 // words.itemsize)
    return np.concatenate([words, np.zeros(missing, dtype=words.dtype)]).view(np.uint64)
