"""What codes are compared with: the data bits several times, and the data bits as they are."""

import numpy as np

from sparebits.codes.linear import KnownDistance, LinearCode
from sparebits.errors import InputError


def repetition_code(k: int, copies: int) -> LinearCode:
    """All k data bits `copies` times, one copy after another: [k x copies, k, copies].

    Decoded bit by bit, by majority (decoding/majority.py), it corrects every pattern that leaves each bit a majority.

    Raises:
        InputError: the number of copies is even, so that votes could tie.
    """
    if copies < 1 or copies % 2 == 0:
        raise InputError(f"a majority needs an odd number of copies, got {copies}")
    name = f"uncoded({k},{k})" if copies == 1 else f"repetition({k * copies},{k})"
    generator = np.tile(np.eye(k, dtype=np.uint8), copies)
    distance = KnownDistance(copies, "one data bit changes its copies alone")
    return LinearCode(name, generator, tuple(range(k)), f"{copies} copies", distance)


def checked_copies_code(code: LinearCode, copies: int) -> LinearCode:
    """The data bits of a code `copies` times, then its check bits: every distance grows by the further copies' weight.

    Three copies of a byte and the eight check bits of a [16,8,5] code are a [32,8,7] code: what an engineer might make
    of a 32-bit word, without looking for the best code (d = 13).
    """
    identity = np.eye(code.k, dtype=np.uint8)
    generator = np.hstack([identity] * copies + [code.generator[:, list(code.check_positions)]])
    name = f"checked-copies({generator.shape[1]},{code.k})"
    return LinearCode(name, generator, tuple(range(code.k)), f"{copies} copies and the check bits of {code.name}")
