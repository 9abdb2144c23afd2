"""What an attacker who knows a code can make of a code word with the fewest flips.

A decoder that corrects t flips takes a word for the codeword c' as soon as it lies within t of c'. From a codeword c at
distance w that takes w - t flips, any of the w bits in which they differ: the decoder does the rest. Majorities take
one copy more than half of each bit's. Of a code over several values only those codewords are tried that change one
value; of [128,43,32] others are lighter (17 flips instead of 21).
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import packed_dtype, unpack
from sparebits.faults.ber import PARAMETERS
from sparebits.protection.encoding import decode_group
from sparebits.protection.scheme import Group
from sparebits.schemes.stored import Flip, Forgery

LISTED_DATA_BITS = 11
"""Data bits up to which all data words are tried; of longer ones those that differ in at most ROWS data bits."""
ROWS = 3


def forge(group: Group, part: int, place: int, spans: Sequence[slice], stored: np.ndarray) -> list[Forgery]:
    """Forgeries of one value.

    Args:
        group: of the value.
        part: number of the value's tensor in the group.
        place: of the value in its tensor.
        spans: of the group's tensors in the memory.
        stored: words before any fault, (values,).
    """
    if part >= len(group.layouts):
        # Of a fused BatchNorm mean and variance are constants.
        return []
    layout, shift = group.layouts[part], sum(layout.data_bits for layout in group.layouts[:part])
    data = decode_group(group, [stored[span][place : place + 1] for span in spans]).data
    changes = _changes(group.code, shift, layout.data_bits)
    own = (np.append(changes, np.uint64(0)) ^ np.uint64(data[0])) >> np.uint64(shift)
    own &= np.uint64((1 << layout.data_bits) - 1)
    targets = layout.restore(own.astype(packed_dtype(layout.data_bits))).tolist()
    now = targets.pop()
    codewords = unpack(group.code.encode(changes), group.code.n).astype(bool)
    width = layout.fmt.width
    forgeries: dict[int, Forgery] = {}
    for target, change, codeword in zip(targets, changes.tolist(), codewords, strict=True):
        positions = _fewest_flips(group, change, np.flatnonzero(codeword).tolist())
        if target != now and (target not in forgeries or len(positions) < len(forgeries[target].flips)):
            flips = tuple(Flip(PARAMETERS, spans[p // width].start + place, p % width) for p in positions)
            forgeries[target] = Forgery(target, flips)
    return list(forgeries.values())


def _changes(code: LinearCode, shift: int, own: int) -> np.ndarray:
    """What to XOR the data word with, uint64 (changes,)."""
    if own <= LISTED_DATA_BITS:
        return np.arange(1, 1 << own, dtype=np.uint64) << np.uint64(shift)
    # Of sparse codes the lightest codewords have few data bits; long ones are searched less.
    rows = ROWS if code.k <= 32 else ROWS - 1
    chosen = [bits for count in range(1, rows + 1) for bits in combinations(range(own), count)]
    return np.array([sum(1 << shift + bit for bit in bits) for bits in chosen], dtype=np.uint64)


def _fewest_flips(group: Group, change: int, differing: list[int]) -> list[int]:
    """Positions in the code word whose flips make the decoder change the data by `change`.

    Args:
        differing: positions in which the codeword then differs.
    """
    code = group.code
    if group.decoder == "majority":
        needed = code.n // code.k // 2 + 1
        return [bit + copy * code.k for bit in range(code.k) if change >> bit & 1 for copy in range(needed)]
    # Nearest-codeword decoding may need fewer, but is certain to follow only within t flips of the target.
    return differing[: len(differing) - code.t]
