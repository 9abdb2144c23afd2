"""What an attacker who knows a code can make of a code word with the fewest flips.

A decoder that corrects t flips takes a word for the codeword c' as soon as it lies within t of c'. From a codeword c at
distance w that takes w - t flips, any of the w bits in which they differ: the decoder does the rest. Majorities take
one copy more than half of each bit's. Of a code over several values only those codewords are tried that change one
value; of [128,43,32] others are lighter (17 flips instead of 21).
"""

from collections.abc import Sequence
from functools import cached_property
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
    counts = _flips_needed(group, changes, codewords)
    cheapest: dict[int, int] = {}
    for number in np.argsort(counts, kind="stable").tolist():
        if targets[number] != now:
            cheapest.setdefault(targets[number], number)
    starts = [span.start + place for span in spans]
    return [
        Forgery(target, _Flips(group, int(changes[number]), codewords[number], int(counts[number]), starts))
        for target, number in cheapest.items()
    ]


class _Flips(Sequence):
    """The flips of a forgery, found when they are asked for: of thousands of forgeries an attacker takes one."""

    def __init__(self, group: Group, change: int, codeword: np.ndarray, count: int, starts: list[int]):
        self._group, self._change, self._codeword = group, change, codeword
        self._count, self._starts = count, starts

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number):
        return self._flips[number]

    @cached_property
    def _flips(self) -> list[Flip]:
        code, width = self._group.code, self._group.layouts[0].fmt.width
        if self._group.decoder == "majority":
            needed = _majority(code)
            bits = [bit for bit in range(code.k) if self._change >> bit & 1]
            positions = [bit + copy * code.k for bit in bits for copy in range(needed)]
        else:
            positions = np.flatnonzero(self._codeword)[: self._count].tolist()
        return [Flip(PARAMETERS, self._starts[p // width], p % width) for p in positions]


def _changes(code: LinearCode, shift: int, own: int) -> np.ndarray:
    """What to XOR the data word with, uint64 (changes,)."""
    if own <= LISTED_DATA_BITS:
        return np.arange(1, 1 << own, dtype=np.uint64) << np.uint64(shift)
    # Of sparse codes the lightest codewords have few data bits; long ones are searched less.
    rows = ROWS if code.k <= 32 else ROWS - 1
    chosen = [bits for count in range(1, rows + 1) for bits in combinations(range(own), count)]
    return np.array([sum(1 << shift + bit for bit in bits) for bits in chosen], dtype=np.uint64)


def _flips_needed(group: Group, changes: np.ndarray, codewords: np.ndarray) -> np.ndarray:
    """Flips that make the decoder change the data so, int64 (changes,); `codewords` are those of the changes."""
    if group.decoder == "majority":
        return np.bitwise_count(changes).astype(np.int64) * _majority(group.code)
    # Nearest-codeword decoding may need fewer, but is certain to follow only within t flips of the target.
    return codewords.sum(axis=1) - group.code.t


def _majority(code: LinearCode) -> int:
    """Copies of a bit that decide."""
    return code.n // code.k // 2 + 1
